/* SPDX-License-Identifier: BSD-3-Clause */
/* guardian.c - stop, continue, and never leave a VM stopped. */
#include "trap/kvm/guardian.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/pass.h"
#include "util/proc.h"
#include "util/sandbox.h"

#define STOP_MS 2000   /* for all threads to stop: a thread in the kernel stops when it leaves it */
#define STOP_AGAIN_MS 10
#define ANSWER_MS 30000 /* for the guardian to answer the worker, on a host that is short of processors */

/* linux/capability.h */
#define CAPS (1ull << 5 /* CAP_KILL */ | 1ull << 39 /* CAP_BPF */)

struct state {
	struct guardian_kit kit;
	int pidfd;
	int ctl;
	int lifeline[2];
	/* Of the hook's ring buffer, in bytes (linux/bpf.h): what was put in, and what was taken out. */
	const unsigned long *produced;
	unsigned long *consumed;
	bool stopped; /* the worker wants it so */
	bool theirs;  /* it was stopped by somebody else before, and is theirs to continue */
};

/* Are all threads of @pid stopped (or dead)? */
static bool all_stopped(pid_t pid)
{
	char path[64];
	const struct dirent *d;
	bool all = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (all && (d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0])) {
			struct proc_stat s;

			all = !proc_stat(pid, atoi(d->d_name), &s) || strchr("TtZX", s.state);
		}
	closedir(dir);
	return all;
}

static int send_to_vmm(const struct state *s, int sig)
{
	return syscall(SYS_pidfd_send_signal, s->pidfd, sig, NULL, 0) ? -errno : 0;
}

/* The worker's stop ends. What the hook holds stays so; a mark it set in vain does not count. */
static int do_cont(struct state *s)
{
	bool ours = s->stopped && !s->theirs;

	s->stopped = s->theirs = false;
	if (*s->kit.held_ns && *s->kit.may_hold)
		return 0;
	ours = ours || *s->kit.held_ns;
	*s->kit.held_ns = 0;
	return ours ? send_to_vmm(s, SIGCONT) : 0;
}

/* The hook's hold ends. First the mark, then the signal: a new hold in between is either undone or marked again. */
static int end_hold(struct state *s)
{
	bool held = *s->kit.held_ns;

	*s->kit.held_ns = 0;
	return held && !s->stopped ? send_to_vmm(s, SIGCONT) : 0;
}

/*
 * There are two who hold the VM, the worker and the hook (*held_ns), and it runs when neither does. Here the
 * worker begins: a hold of the hook's that is in force goes on, but its time does not end this.
 */
static int do_stop(struct state *s)
{
	int64_t until = clock_mono_ns() + STOP_MS * 1000000ll, again = 0;

	if (s->stopped)
		return 0;
	s->theirs = !*s->kit.held_ns && all_stopped(s->kit.vmm);
	s->stopped = true;
	while (!all_stopped(s->kit.vmm)) {
		int64_t now = clock_mono_ns();
		int r = 0;

		if (now > until)
			r = -ETIMEDOUT;
		else if (now >= again) /* and again: the hook that takes a hold back continues it as well */
			r = send_to_vmm(s, SIGSTOP);
		if (r) {
			do_cont(s);
			return r;
		}
		if (now >= again)
			again = now + STOP_AGAIN_MS * 1000000ll;
		usleep(50);
	}
	return 0;
}

/* Milliseconds until the hold has to end; -1: there is none. */
static int hold_left(const struct state *s)
{
	uint64_t since = *s->kit.held_ns, end = since + *s->kit.max_ms * 1000000ull, 
		now = (uint64_t)clock_mono_ns();

	if (!since || s->stopped)
		return -1;
	return end <= now ? 0 : (int)((end - now) / 1000000) + 1;
}

/*
 * Let the VM go, and have the hook hold it no more until the worker allows it again: hook.bpf.c, hold(),
 * looks at the two in the other order.
 */
static void forbid_hold(struct state *s)
{
	*s->kit.may_hold = 0;
	__sync_synchronize();
	end_hold(s);
}

static void check_hold(struct state *s)
{
	if (!hold_left(s))
		forbid_hold(s);
}

/* A result, and with it a descriptor if it is one. */
static int answer(int ctl, int r, int fd)
{
	return pass_send(ctl, &r, sizeof(r), fd);
}

static int do_scan(struct state *s)
{
	int fd = bpf_iter_create(s->kit.scan), r = fd < 0 ? -errno : 0;

	r = answer(s->ctl, r, fd);
	if (fd >= 0)
		close(fd);
	return r;
}

static int execute(struct state *s, char cmd)
{
	switch (cmd) {
	case 'S':
		return answer(s->ctl, do_stop(s), -1);
	case 'C':
		return answer(s->ctl, do_cont(s), -1);
	case 'L':
		return answer(s->ctl, end_hold(s), -1);
	default:
		return do_scan(s);
	}
}

static void serve(struct state *s)
{
	struct pollfd p[] = {
		{.fd = s->ctl, .events = POLLIN},
		{.fd = s->kit.wake, .events = POLLIN},
		{.fd = s->pidfd, .events = POLLIN},
	};
	char cmd;

	for (;;) {
		int r = poll(p, 3, hold_left(s));

		/* The events say nothing but to look. */
		__atomic_store_n(s->consumed, __atomic_load_n(s->produced, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
		check_hold(s);
		if (r > 0 && p[2].revents) {
			/* The VM's address may be another's soon. */
			gate_leave(&s->kit.gate);
			p[2].fd = -1;
		}
		if (r <= 0 || !p[0].revents)
			continue;
		if (recv(s->ctl, &cmd, 1, 0) != 1 || execute(s, cmd))
			break;
	}
	/* The worker is gone: nobody empties the rings any more. */
	forbid_hold(s);
	do_cont(s);
	gate_leave(&s->kit.gate);
}

/*
 * Keep these descriptors, from 3 on, and close all others. `life` is between the two of the
 * lifeline: when the kernel closes them all, upwards or downwards, the last of the lifeline comes after it.
 */
static int only_ours(struct state *s)
{
	int *const mine[] = {&s->pidfd, &s->ctl, &s->kit.scan, &s->kit.wake, &s->kit.gate.link[0],
		&s->kit.gate.link[1],
		&s->kit.gate.hooks, &s->lifeline[0], &s->kit.life, &s->lifeline[1]};
	const int n = sizeof(mine) / sizeof(mine[0]);

	for (int i = 0; i < n; i++) {
		*mine[i] = fcntl(*mine[i], F_DUPFD_CLOEXEC, 64);
		if (*mine[i] < 0)
			return -1;
	}
	for (int i = 0; i < n; i++) {
		if (dup3(*mine[i], 3 + i, O_CLOEXEC) < 0)
			return -1;
		*mine[i] = 3 + i;
	}
	return (int)syscall(SYS_close_range, 3u + (unsigned)n, ~0u, 0);
}

static int map_wake(struct state *s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *c = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, s->kit.wake, 0);
	void *p = mmap(NULL, page, PROT_READ, MAP_SHARED, s->kit.wake, (off_t)page);

	if (c == MAP_FAILED || p == MAP_FAILED)
		return -1;
	s->consumed = c;
	s->produced = p;
	return 0;
}

static void guardian_main(struct state *s)
{
	struct err e;
	uid_t uid;
	gid_t gid;

	setsid();
	prctl(PR_SET_NAME, "logvisor-guard");
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD)
			signal(sig, SIG_IGN);
	sandbox_user(&uid, &gid);
	if (only_ours(s) || map_wake(s) || sandbox_enter(SANDBOX_GUARDIAN, uid, gid, CAPS, &e))
		_exit(1); /* the worker finds the channel closed */
	serve(s);
	_exit(0);
}

/* When the other end of the pipe closes, let the kernel send SIGCONT to @vmm. */
static int arm(int end, pid_t vmm)
{
	return fcntl(end, F_SETOWN, vmm) || fcntl(end, F_SETSIG, SIGCONT) ||
		fcntl(end, F_SETFL, O_NONBLOCK | O_ASYNC);
}

/* Put *@inner between two descriptors of @end, which is closed: see only_ours(). */
static int enclose(int *inner, int end, int out[2])
{
	int fd;

	out[0] = end;
	fd = fcntl(*inner, F_DUPFD_CLOEXEC, end + 1);
	if (fd < 0)
		return -1;
	close(*inner);
	*inner = fd;
	out[1] = fcntl(end, F_DUPFD_CLOEXEC, fd + 1);
	return out[1] < 0 ? -1 : 0;
}

/* The child's half of the descriptors in @s, the parent's in @g. */
static int open_channels(struct state *s, struct kvm_guardian *g, int *worker_life)
{
	int pair[2], line[2];

	s->pidfd = (int)syscall(SYS_pidfd_open, s->kit.vmm, 0);
	if (s->pidfd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	g->ctl = pair[0];
	s->ctl = pair[1];
	if (pipe2(line, O_CLOEXEC))
		return -1;
	s->lifeline[0] = line[1];
	if (enclose(worker_life, line[0], g->lifeline) || arm(line[0], s->kit.vmm) ||
		arm(line[1], s->kit.vmm))
		return -1;
	s->lifeline[1] = fcntl(line[1], F_DUPFD_CLOEXEC, 3);
	return s->lifeline[1] < 0 ? -1 : 0;
}

static void close_all(int *fd, int n)
{
	for (int i = 0; i < n; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

void kvm_guardian_init(struct kvm_guardian *g)
{
	*g = (struct kvm_guardian){.ctl = -1, .lifeline = {-1, -1}};
}

int kvm_guardian_start(struct kvm_guardian *g, const struct guardian_kit *kit, int *worker_life,
	struct err *e)
{
	struct state s = {.kit = *kit, .pidfd = -1, .ctl = -1, .lifeline = {-1, -1}};
	int code;

	kvm_guardian_init(g);
	g->pid = open_channels(&s, g, worker_life) ? -1 : fork();
	if (g->pid == 0)
		guardian_main(&s);
	code = errno;
	close_all(s.lifeline, 2);
	close_all(&s.ctl, 1);
	close_all(&s.pidfd, 1);
	if (g->pid > 0)
		return 0;
	close_all(g->lifeline, 2);
	close_all(&g->ctl, 1);
	return err_set(e, code, "cannot start the guardian of process %d: %s", (int)kit->vmm,
		strerror(code));
}

static int ask(struct kvm_guardian *g, char cmd, const char *what, int *fd, struct err *e)
{
	struct pollfd p = {.fd = g->ctl, .events = POLLIN};
	int r;

	do
		r = (int)send(g->ctl, &cmd, 1, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r != 1)
		return err_set(e, EPIPE, "the guardian process is gone; attach again");
	do
		r = poll(&p, 1, ANSWER_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return err_set(e, EPIPE, "the guardian process does not answer (%d s); attach again",
			ANSWER_MS / 1000);
	if (!pass_take(g->ctl, &r, sizeof(r), fd))
		return err_set(e, EPIPE, "the guardian process has ended; attach again");
	if (r == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "the VM's process did not stop within %d ms; it runs on", STOP_MS);
	return r ? err_set(e, -r, "cannot %s: %s", what, strerror(-r)) : 0;
}

int kvm_guardian_scan(struct kvm_guardian *g, struct err *e)
{
	int fd, r = ask(g, 'I', "list the host's VMs", &fd, e);

	return r ? r : fd;
}

int kvm_guardian_stop(struct kvm_guardian *g, struct err *e)
{
	int fd;

	return ask(g, 'S', "stop the VM", &fd, e);
}

int kvm_guardian_cont(struct kvm_guardian *g, struct err *e)
{
	int fd;

	return ask(g, 'C', "continue the VM", &fd, e);
}

int kvm_guardian_let_go(struct kvm_guardian *g, struct err *e)
{
	int fd;

	return ask(g, 'L', "continue the VM", &fd, e);
}

void kvm_guardian_end(struct kvm_guardian *g)
{
	if (g->ctl < 0)
		return;
	/* No signal, as it ends in good order: the VM may have been stopped by somebody else. */
	fcntl(g->lifeline[0], F_SETFL, O_NONBLOCK);
	close_all(&g->ctl, 1);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close_all(g->lifeline, 2);
}
