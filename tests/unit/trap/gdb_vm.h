/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gdb_vm.h - a VM of vm.h under the gdb backend: attach, plant, wait, go on, each of which fails the
 * test if it cannot; and a worker in a process of its own that may be killed.
 */
#ifndef LOGVISOR_TESTS_TRAP_GDB_VM_H
#define LOGVISOR_TESTS_TRAP_GDB_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "trap/gdb/gdb.h"
#include "unit/trap/vm.h"

#include <cmocka.h>

static struct err e;

static inline struct trap *attach_to(const char *path)
{
	struct trap *t = NULL;
	char target[128];
	int rc;

	snprintf(target, sizeof(target), "gdb:%s", path);
	rc = trap_attach(&t, target, &e);
	if (rc)
		fail_msg("attach: %d %s", rc, e.text);
	return t;
}

static inline uint32_t counter(struct trap *t, uint64_t gpa)
{
	uint32_t v = 0;

	assert_int_equal(gmem_read(&t->mem, gpa, &v, sizeof(v)), 0);
	return v;
}

/* Until the boot sector counts. */
static inline void booted(struct trap *t)
{
	uint32_t first = counter(t, COUNT_BSP);

	assert_true(WITHIN(20000, counter(t, COUNT_BSP) != first));
}

static inline void plant(struct trap *t, uint64_t gva, uint32_t tag)
{
	struct trap_site s = {.kind = SITE_WATCH, .gva = gva, .len = 4, .tag = tag};

	if (t->ops->plant(t, &s, &e) != 0)
		fail_msg("plant: %s", e.text);
}

/* The next stop, within 10 s. */
static inline struct trap_event stopped(struct trap *t)
{
	int64_t until = vm_ms() + 10000;
	struct trap_event ev;

	do {
		if (t->ops->wait(t, 1000, &ev, &e) != 0)
			fail_msg("wait: %s", e.text);
	} while (ev.type == TRAP_IDLE && vm_ms() < until);
	assert_int_equal(ev.type, TRAP_STOPPED);
	return ev;
}

static inline void resume(struct trap *t)
{
	if (t->ops->resume(t, &e) != 0)
		fail_msg("resume: %s", e.text);
}

/* Ended, be it that nobody has asked for its exit status yet. */
static inline bool guard_gone(pid_t guard)
{
	char path[64], line[256];
	bool zombie = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)guard);
	f = fopen(path, "r");
	if (!f)
		return true;
	while (fgets(line, sizeof(line), f))
		zombie |= strncmp(line, "State:\tZ", 8) == 0;
	fclose(f);
	return zombie;
}

static inline pid_t guardian(struct trap *t)
{
	return guardian_pid(&((struct gdb *)t)->guardian);
}

#define VM(...) \
	struct vm *v = vm_start((const char *const[]){__VA_ARGS__, NULL}); \
	if (!v) { \
		print_message("# skip no qemu-system-x86_64 that starts so\n"); \
		skip(); \
	}

/* The worker of the tests that kill it: attach, then stop and go for ever. */
static inline _Noreturn void worker(const char *sock, int ready)
{
	char target[128];
	struct trap *t;
	struct trap_site s = {.kind = SITE_WATCH, .gva = COUNT_BSP, .len = 4, .tag = 1};
	pid_t guard;

	snprintf(target, sizeof(target), "gdb:%s", sock);
	if (trap_attach(&t, target, &e) != 0 || t->ops->plant(t, &s, &e) != 0) {
		fprintf(stderr, "# worker: %s\n", e.text);
		_exit(1);
	}
	guard = guardian(t);
	if (write(ready, &guard, sizeof(guard)) != sizeof(guard))
		_exit(1);
	for (unsigned n = 0;; n++) {
		struct trap_event ev;
		struct gcpu cpu;

		if (t->ops->wait(t, 1000, &ev, &e) != 0 || t->ops->resume(t, &e) != 0)
			_exit(1);
		if (n % 64 == 0 && t->ops->cpu(t, 0, &cpu, &e) != 0)
			_exit(1);
	}
}

/* With @guard it is waited for until it stops and goes, and its guardian is told. */
static inline pid_t start_worker(struct vm *v, pid_t *guard)
{
	int fd[2];
	pid_t pid;

	if (pipe(fd) != 0)
		fail();
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		worker(v->sock, fd[1]);
	}
	close(fd[1]);
	if (guard)
		assert_int_equal(read(fd[0], guard, sizeof(*guard)), sizeof(*guard));
	close(fd[0]);
	return pid;
}

#endif
