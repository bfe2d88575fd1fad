/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gdb backend against real QEMU: stop and go, RAM of every layout, the worker killed at any moment,
 * the VM paused, reset and ended by others.
 */
/* limit: 240 */
#include "unit/trap/gdb_vm.h"

static void stop_and_go(unsigned vcpus)
{
	char smp[8];
	uint32_t before;
	struct trap_event ev;
	struct gcpu cpu;

	snprintf(smp, sizeof(smp), "%u", vcpus);
	VM("-m", "64", "-smp", smp);
	struct trap *t = attach_to(v->sock);

	assert_int_equal(t->vcpus, vcpus);
	assert_int_equal(t->pid, v->pid);
	assert_true(t->mem.ram_bytes > 60 << 20 && t->mem.ram_bytes <= 64 << 20);
	booted(t);
	assert_true(vm_running(v));
	for (unsigned i = 0; i < vcpus; i++) {
		assert_int_equal(t->ops->cpu(t, i, &cpu, &e), 0);
		assert_int_equal(cpu.cr0 & 0x10, 0x10); /* CR0.ET is always set */
		assert_int_equal(cpu.efer, 0);
	}
	assert_int_equal(t->ops->cpu(t, vcpus, &cpu, &e), -ENOENT);
	assert_true(vm_running(v));

	plant(t, COUNT_BSP, 7);
	for (int i = 0; i < 50; i++) {
		ev = stopped(t);
		assert_int_equal(ev.tag, 7);
		assert_int_equal(ev.vcpu, 0);
		assert_true(ev.time_us > 0);
		if (i)
			assert_int_equal(counter(t, COUNT_BSP), before + 1);
		before = counter(t, COUNT_BSP);
		assert_int_equal(t->ops->cpu(t, 0, &cpu, &e), 0);
		assert_int_equal(counter(t, COUNT_BSP), before);
		resume(t);
	}
	/* A hit that comes while something else is under way is not lost. */
	assert_int_equal(t->ops->hold(t, &e), 0);
	assert_int_equal(t->ops->hold(t, &e), 0);
	resume(t);
	stopped(t);
	resume(t);
	assert_int_equal(t->ops->unplant(t, 0, 7, &e), 0);
	assert_int_equal(t->ops->unplant(t, 0, 7, &e), 0);
	assert_int_equal(t->ops->wait(t, 200, &ev, &e), 0);
	assert_int_equal(ev.type, TRAP_IDLE);
	if (vcpus > 1) {
		plant(t, COUNT_AP, 8);
		plant(t, COUNT_BSP, 7);
		for (unsigned seen = 0, n = 0; seen != 3 && n < 100000; n++) {
			ev = stopped(t);
			seen |= ev.tag == 8 ? 2 : 1;
			resume(t);
		}
	}
	t->ops->detach(t);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

static void one_vcpu(void **state)
{
	(void)state;
	stop_and_go(1);
}

static void two_vcpus(void **state)
{
	(void)state;
	stop_and_go(2);
}

static void four_vcpus(void **state)
{
	(void)state;
	stop_and_go(4);
}

static long rss_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* One stop-and-wait exchange with the stub, as a debugger would. */
static void rsp(int fd, const char *cmd)
{
	char buf[256] = {0};
	unsigned sum = 0;
	size_t n = 0;

	for (const char *p = cmd; *p; p++)
		sum += (unsigned char)*p;
	dprintf(fd, "++$%s#%02x", cmd, sum & 255);
	/* The reply's checksum is its end; stop replies and acknowledgements go by. */
	while (n < 3 || buf[n - 3] != '#' || memmem(buf, n, "$T", 2)) {
		if (n >= 3 && buf[n - 3] == '#')
			n = 0;
		assert_int_equal(read(fd, buf + n, 1), 1);
		n++;
		assert_true(n < sizeof(buf));
	}
}

/*
 * Memory of machine @args at @gpa is found, is read without growing the VMM, and is what was written
 * there through the stub.
 */
static void layout(const char *const *args, uint64_t gpa, uint64_t ram_mib)
{
	static const char mark[] = "a mark at the place";
	struct vm *v = vm_start(args);
	char cmd[128], buf[65536];
	uint64_t start, end, sum = 0, at;
	struct trap *t;
	bool seen = false;
	long before;
	int fd, n;

	if (!v) {
		print_message("# skip this QEMU does not start so\n");
		skip();
	}
	fd = vm_connect(v->sock);
	rsp(fd, "Qqemu.PhyMemMode:1");
	n = snprintf(cmd, sizeof(cmd), "M%llx,%zx:", (unsigned long long)gpa, sizeof(mark));
	for (size_t i = 0; i < sizeof(mark); i++)
		n += snprintf(cmd + n, sizeof(cmd) - (size_t)n, "%02x", mark[i]);
	rsp(fd, cmd);
	rsp(fd, "Qqemu.PhyMemMode:0");
	rsp(fd, "D;1");
	dprintf(fd, "+");
	close(fd);

	t = attach_to(v->sock);
	assert_int_equal(t->pid, v->pid);
	assert_int_equal((t->mem.ram_bytes + (1 << 20) - 1) >> 20, ram_mib);
	assert_int_equal(gmem_read(&t->mem, gpa, buf, sizeof(mark)), 0);
	assert_memory_equal(buf, mark, sizeof(mark));
	assert_int_equal(gmem_read(&t->mem, 0xfee00000, buf, 4), -EFAULT);
	assert_int_equal(gmem_read(&t->mem, UINT64_MAX - 2, buf, 4), -EFAULT);
	before = rss_kib(v->pid);
	for (at = 0; t->mem.next(t->mem.ctx, at, &start, &end) == 0; at = end) {
		assert_true(start >= at && end > start);
		sum += end - start;
		seen |= gpa >= start && gpa < end;
		for (uint64_t a = start; a < end; a += sizeof(buf)) {
			size_t len = end - a < sizeof(buf) ? end - a : sizeof(buf);

			assert_int_equal(gmem_read(&t->mem, a, buf, len), 0);
		}
	}
	assert_true(seen);
	assert_true(sum < 64 << 20);
	assert_true(rss_kib(v->pid) - before < 8192);
	t->ops->detach(t);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

#define LAYOUT(gpa, mib, ...) layout((const char *const[]){__VA_ARGS__, NULL}, gpa, mib)

static void ram_below_and_above_the_hole(void **state)
{
	(void)state;
	LAYOUT(0x100000000, 5120, "-M", "pc", "-m", "5G");
	LAYOUT(0xb0000000, 5120, "-M", "pc", "-m", "5G");
	LAYOUT(0x100000000, 3072, "-M", "q35", "-m", "3G");
}

static void ram_of_microvm(void **state)
{
	(void)state;
	LAYOUT(0x2000000, 128, "-M", "microvm", "-m", "128");
}

static void ram_from_files(void **state)
{
	char backend[160], path[80];
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(path, sizeof(path), "%s/ramXXXXXX", tmp ? tmp : "/tmp");
	close(mkstemp(path));
	LAYOUT(0x2000000, 128, "-m", "128", "-M", "pc,memory-backend=m0", "-object",
		"memory-backend-memfd,id=m0,size=128M");
	LAYOUT(0x2000000, 128, "-m", "128", "-M", "pc,memory-backend=m0", "-object",
		"memory-backend-ram,id=m0,size=128M,prealloc=off,share=on");
	snprintf(backend, sizeof(backend), "memory-backend-file,id=m0,size=128M,mem-path=%s,share=on", path);
	LAYOUT(0x2000000, 128, "-m", "128", "-M", "pc,memory-backend=m0", "-object", backend);
	unlink(path);
}

static void ram_of_two_nodes(void **state)
{
	(void)state;
	LAYOUT(0x5000000, 128, "-m", "128", "-smp", "2", "-object", "memory-backend-ram,id=m0,size=64M",
		"-object", "memory-backend-memfd,id=m1,size=64M", "-numa", "node,memdev=m0", "-numa",
		"node,memdev=m1");
}

/* At any moment of attaching, or of the life after. */
static void worker_killed(void **state)
{
	unsigned rounds = getenv("LOGVISOR_LONG") && *getenv("LOGVISOR_LONG") ? 200 : 20;
	struct trap *t;

	(void)state;
	srandom(20260101);
	VM("-m", "64", "-smp", "2");
	t = attach_to(v->sock);
	booted(t);
	t->ops->detach(t);
	for (unsigned i = 0; i < rounds; i++) {
		pid_t guard, pid = start_worker(v, i % 2 ? &guard : NULL);

		usleep((useconds_t)(random() % 40000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (i % 4 == 0)
			assert_true(vm_runs_free(v));
		/* Otherwise attach while the guardian is still at it. */
		t = attach_to(v->sock);
		t->ops->detach(t);
		assert_true(vm_runs_free(v));
	}
	vm_stop(v);
}

/* Worker and guardian both killed: the next attach finds the VM stopped or armed, and recovers it. */
static void guardian_killed_too(void **state)
{
	struct trap *t;
	uint32_t c;

	(void)state;
	VM("-m", "64", "-smp", "2");
	t = attach_to(v->sock);
	booted(t);
	t->ops->detach(t);
	for (unsigned i = 0; i < 5; i++) {
		pid_t guard, pid = start_worker(v, &guard);

		usleep((useconds_t)(random() % 20000));
		kill(guard, SIGKILL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		t = attach_to(v->sock);
		c = counter(t, COUNT_BSP);
		assert_true(WITHIN(10000, counter(t, COUNT_BSP) - c > 1000));
		t->ops->detach(t);
		assert_true(vm_runs_free(v));
	}
	vm_stop(v);
}

/* Signals to the worker's process group do not reach the guardian; a clean end ends it. */
static void guardian_life(void **state)
{
	struct trap *t;
	pid_t pid, guard;

	(void)state;
	VM("-m", "64");
	t = attach_to(v->sock);
	booted(t);
	guard = guardian(t);
	assert_false(guard_gone(guard));
	assert_true(getsid(guard) != getsid(0));
	t->ops->detach(t);
	assert_true(WITHIN(30000, guard_gone(guard)));

	pid = start_worker(v, &guard);
	kill(guard, SIGTERM);
	kill(guard, SIGINT);
	kill(guard, SIGHUP);
	usleep(50000);
	assert_false(guard_gone(guard));
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	assert_true(vm_runs_free(v));
	assert_true(WITHIN(30000, guard_gone(guard)));
	vm_stop(v);
}

static void paused_by_others(void **state)
{
	struct trap_event ev;
	struct gcpu cpu;
	struct trap *t;
	uint32_t c;

	(void)state;
	VM("-m", "64", "-smp", "2");
	t = attach_to(v->sock);
	booted(t);
	assert_true(vm_qmp(v, QMP("stop"), "return"));
	assert_int_equal(t->ops->wait(t, 300, &ev, &e), 0);
	assert_int_equal(ev.type, TRAP_IDLE);
	assert_non_null(strstr(ev.text, "paused"));
	c = counter(t, COUNT_BSP);
	/* Nothing we do lets it run. */
	assert_int_equal(t->ops->cpu(t, 0, &cpu, &e), 0);
	assert_int_equal(t->ops->hold(t, &e), 0);
	resume(t);
	plant(t, COUNT_BSP, 3);
	assert_true(vm_paused(v));
	assert_int_equal(counter(t, COUNT_BSP), c);
	/* Its owner does, and the doorbell rings. */
	assert_true(vm_qmp(v, QMP("cont"), "return"));
	assert_int_equal(stopped(t).tag, 3);
	resume(t);
	/* Started by its owner while we hold it: hold on until told otherwise, then it runs. */
	stopped(t);
	assert_true(vm_qmp(v, QMP("cont"), "return"));
	resume(t);
	stopped(t);
	resume(t);
	assert_int_equal(t->ops->unplant(t, 0, 3, &e), 0);
	assert_true(vm_runs_free(v));
	assert_true(vm_qmp(v, QMP("stop"), "return"));
	assert_int_equal(t->ops->wait(t, 100, &ev, &e), 0);
	t->ops->detach(t);
	assert_true(vm_paused(v));
	/* Found paused, it is not let run either. */
	t = attach_to(v->sock);
	assert_true(vm_paused(v));
	assert_true(vm_qmp(v, QMP("cont"), "return"));
	plant(t, COUNT_BSP, 4);
	assert_int_equal(stopped(t).tag, 4);
	resume(t);
	t->ops->detach(t);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

/* Before its owner has started it at all. */
static void not_started(void **state)
{
	struct trap_event ev;
	struct trap *t;

	(void)state;
	VM("-m", "64", "-S");
	t = attach_to(v->sock);
	assert_int_equal(t->ops->wait(t, 100, &ev, &e), 0);
	assert_int_equal(ev.type, TRAP_IDLE);
	assert_true(vm_qmp(v, QMP("query-status"), "prelaunch"));
	assert_true(vm_qmp(v, QMP("cont"), "return"));
	booted(t);
	t->ops->detach(t);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

/* The worker dies while the VM's owner has it paused: it stays so, and runs free afterwards. */
static void killed_while_paused(void **state)
{
	struct trap *t;
	pid_t pid, guard;
	int fd[2];

	(void)state;
	VM("-m", "64");
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		struct trap_event ev;

		t = attach_to(v->sock);
		booted(t);
		guard = guardian(t);
		assert_int_equal(write(fd[1], &guard, sizeof(guard)), sizeof(guard));
		do
			t->ops->wait(t, 1000, &ev, &e);
		while (!ev.text[0]);
		assert_int_equal(write(fd[1], &guard, sizeof(guard)), sizeof(guard));
		pause();
	}
	assert_int_equal(read(fd[0], &guard, sizeof(guard)), sizeof(guard));
	assert_true(vm_qmp(v, QMP("stop"), "return"));
	assert_int_equal(read(fd[0], &guard, sizeof(guard)), sizeof(guard));
	close(fd[0]);
	close(fd[1]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(WITHIN(10000, guard_gone(guard)));
	assert_true(vm_paused(v));
	assert_true(vm_qmp(v, QMP("cont"), "return"));
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

static void reset_while_armed(void **state)
{
	struct trap *t;
	uint32_t high;

	(void)state;
	VM("-m", "64", "-smp", "2");
	t = attach_to(v->sock);
	booted(t);
	assert_true(WITHIN(30000, counter(t, COUNT_BSP) > 100000));
	high = counter(t, COUNT_BSP);
	plant(t, COUNT_BSP, 1);
	for (int i = 0; i < 10; i++) {
		stopped(t);
		resume(t);
	}
	assert_true(vm_qmp(v, QMP("system_reset"), "return"));
	/* The firmware clears low memory, or the counter starts from what is left: it must go on. */
	for (int i = 0; i < 200; i++) {
		stopped(t);
		resume(t);
	}
	assert_true(counter(t, COUNT_BSP) < high + 100000);
	t->ops->detach(t);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

static void ended(const char *how)
{
	struct trap_event ev = {.type = TRAP_IDLE};
	struct trap *t;
	uint32_t word;

	VM("-m", "64");
	t = attach_to(v->sock);
	booted(t);
	if (how)
		assert_true(vm_qmp(v, how, "return"));
	else
		kill(v->pid, SIGKILL);
	for (int64_t until = vm_ms() + 10000; ev.type == TRAP_IDLE && vm_ms() < until;)
		assert_int_equal(t->ops->wait(t, 1000, &ev, &e), 0);
	assert_int_equal(ev.type, TRAP_GONE);
	/* Told again however often it is asked, and reading says so too, once it is over. */
	assert_int_equal(t->ops->wait(t, 10, &ev, &e), 0);
	assert_int_equal(ev.type, TRAP_GONE);
	assert_true(WITHIN(10000, gmem_read(&t->mem, COUNT_BSP, &word, 4) == -ESRCH));
	assert_true(t->ops->hold(t, &e) < 0);
	t->ops->detach(t);
	vm_stop(v);
}

static void vm_quits(void **state)
{
	(void)state;
	ended(QMP("quit"));
}

static void vm_killed(void **state)
{
	(void)state;
	ended(NULL);
}

static void stub_taken(void **state)
{
	struct trap *t, *second;
	char target[128];
	pid_t pid;
	int fd;

	(void)state;
	VM("-m", "64");
	t = attach_to(v->sock);
	booted(t);
	plant(t, COUNT_BSP, 1);
	pid = fork();
	if (pid == 0) {
		int rc;

		snprintf(target, sizeof(target), "gdb:%s", v->sock);
		rc = trap_attach(&second, target, &e);
		_exit(rc == -EBUSY && strstr(e.text, "another client") ? 0 : 1);
	}
	for (;;) {
		int status;

		stopped(t);
		resume(t);
		if (waitpid(pid, &status, WNOHANG) != pid)
			continue;
		assert_int_equal(status, 0);
		break;
	}
	/* A debugger that waits in the queue, and then leaves the VM stopped: so it shall stay. */
	fd = vm_connect(v->sock);
	t->ops->detach(t);
	assert_true(WITHIN(30000, vm_paused(v)));
	close(fd);
	t = attach_to(v->sock);
	assert_non_null(strstr(t->desc, "paused"));
	t->ops->detach(t);
	assert_true(vm_paused(v));
	assert_true(vm_qmp(v, QMP("cont"), "return"));
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

static void over_tcp(void **state)
{
	char tcp[64], target[64];
	struct trap *t = NULL;
	int port = 20000 + getpid() % 20000;

	(void)state;
	VM("-m", "64");
	snprintf(target, sizeof(target), "gdb:127.0.0.1:%d", port);
	snprintf(tcp, sizeof(tcp), "gdbserver tcp:127.0.0.1:%d", port);
	assert_true(vm_hmp(v, "gdbserver none"));
	assert_true(vm_hmp(v, tcp));
	if (trap_attach(&t, target, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(t->pid, v->pid);
	booted(t);
	plant(t, COUNT_BSP, 1);
	for (int i = 0; i < 20; i++) {
		stopped(t);
		resume(t);
	}
	t->ops->detach(t);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void signal_ends_wait(void **state)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct trap_event ev;
	struct trap *t;
	int64_t t0;

	(void)state;
	VM("-m", "64");
	t = attach_to(v->sock);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(100000, 0);
	t0 = vm_ms();
	assert_int_equal(t->ops->wait(t, 20000, &ev, &e), 0);
	assert_int_equal(ev.type, TRAP_IDLE);
	assert_true(vm_ms() - t0 < 10000);
	t->ops->detach(t);
	vm_stop(v);
}

/* Not allowed to read the VMM's memory: everything goes through the stub. */
/* As a user who may not read the VMM's memory; what went wrong, or NULL. In a child: no assertions. */
static const char *through_stub(const char *sock)
{
	struct trap_site s = {.kind = SITE_WATCH, .gva = COUNT_BSP, .len = 4, .tag = 1};
	int64_t until = vm_ms() + 20000;
	uint32_t first = 0, c = 0, then = 0;
	uint8_t sector[512];
	struct trap_event ev;
	char target[128];
	struct trap *t;

	snprintf(target, sizeof(target), "gdb:%s", sock);
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return "cannot become nobody";
	if (trap_attach(&t, target, &e) != 0)
		return "attach";
	if (t->pid != 0)
		return "memory is read from the process";
	do {
		if (gmem_read(&t->mem, COUNT_BSP, &c, 4) != 0 || vm_ms() > until)
			return "the boot sector does not count";
		first = first ? first : c;
	} while (c == first);
	if (gmem_read(&t->mem, 0x7c00, sector, 512) != 0 || sector[510] != 0x55 || sector[511] != 0xaa)
		return "the boot sector is not what was read";
	if (gmem_read(&t->mem, 0xfee00000, sector, 1) != -EFAULT)
		return "a device was read as memory";
	if (t->ops->plant(t, &s, &e) != 0)
		return "plant";
	for (int i = 0; i < 20; i++) {
		do {
			if (t->ops->wait(t, 1000, &ev, &e) != 0 || vm_ms() > until)
				return "no stop";
		} while (ev.type == TRAP_IDLE);
		if (ev.type != TRAP_STOPPED || gmem_read(&t->mem, COUNT_BSP, &c, 4) != 0 ||
			t->ops->resume(t, &e) != 0)
			return "stop, read, resume";
		/* A read now stops the VM for a moment, and finds the next hit there already. */
		if (gmem_read(&t->mem, COUNT_BSP, &then, 4) != 0 || then - c > 1)
			return "the VM ran on past a watchpoint";
	}
	if (t->ops->unplant(t, 0, 1, &e) != 0 || t->ops->wait(t, 50, &ev, &e) != 0)
		return "unplant";
	t->ops->detach(t);
	return NULL;
}

static void without_permission(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skip needs root to give up\n");
		skip();
	}
	VM("-m", "64", "-smp", "2");
	pid = fork();
	if (pid == 0) {
		const char *wrong = through_stub(v->sock);

		if (wrong)
			fprintf(stderr, "# without permission: %s: %s\n", wrong, e.text);
		_exit(wrong != NULL);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_true(vm_runs_free(v));
	vm_stop(v);
}

static void nothing_there(void **state)
{
	struct trap *t;

	(void)state;
	assert_int_equal(trap_attach(&t, "gdb:/nonexistent/stub", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/stub"));
	assert_int_equal(trap_attach(&t, "gdb:127.0.0.1:1", &e), -ECONNREFUSED);
	assert_int_equal(trap_attach(&t, "gdb:", &e), -EINVAL);
	assert_int_equal(trap_attach(&t, "vmware:x", &e), -EINVAL);
	assert_non_null(strstr(e.text, "gdb:"));
	assert_null(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_vcpu),
		cmocka_unit_test(two_vcpus),
		cmocka_unit_test(four_vcpus),
		cmocka_unit_test(ram_below_and_above_the_hole),
		cmocka_unit_test(ram_of_microvm),
		cmocka_unit_test(ram_from_files),
		cmocka_unit_test(ram_of_two_nodes),
		cmocka_unit_test(worker_killed),
		cmocka_unit_test(guardian_killed_too),
		cmocka_unit_test(guardian_life),
		cmocka_unit_test(paused_by_others),
		cmocka_unit_test(not_started),
		cmocka_unit_test(killed_while_paused),
		cmocka_unit_test(reset_while_armed),
		cmocka_unit_test(vm_quits),
		cmocka_unit_test(vm_killed),
		cmocka_unit_test(stub_taken),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(signal_ends_wait),
		cmocka_unit_test(without_permission),
		cmocka_unit_test(nothing_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
