/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_test.c - what a process in the sandbox is, and what it cannot do. Each in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/sandbox.h"

/* Run @f in a sandboxed child; its result, or 100 if the sandbox could not be entered. */
static int in_child(enum sandbox_kind kind, uint64_t caps, int (*f)(void))
{
	struct err e = {""};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_enter(kind, SANDBOX_UID, SANDBOX_UID, caps, &e)) {
			fprintf(stderr, "%s\n", e.text);
			_exit(100);
		}
		_exit(f());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The value of a line of /proc/self/status. */
static void status_of(const char *key, char *buf, size_t cap)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];

	buf[0] = 0;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			snprintf(buf, cap, "%s", line + strlen(key));
	if (f)
		fclose(f);
}

static int is_status(const char *key, const char *want)
{
	char got[256];

	status_of(key, got, sizeof(got));
	got[strcspn(got, "\n")] = 0;
	if (!strcmp(got, want))
		return 0;
	fprintf(stderr, "%s%s, wanted %s\n", key, got, want);
	return 1;
}

static int identity(void)
{
	return is_status("Uid:", "\t65534\t65534\t65534\t65534") +
		is_status("Gid:", "\t65534\t65534\t65534\t65534") + is_status("Groups:", "\t ") +
		is_status("CapEff:", "\t0000000000000000") + is_status("CapPrm:", "\t0000000000000000") +
		is_status("CapBnd:", "\t0000000000000000") + is_status("NoNewPrivs:", "\t1") +
		is_status("Seccomp:", "\t2");
}

static int kept(void)
{
	return is_status("CapEff:", "\t0000000000000020") + is_status("Seccomp:", "\t2");
}

#define REFUSED(call) (((call) < 0 && (errno == EPERM || errno == EACCES)) ? 0 \
	: (fprintf(stderr, "%s was not refused\n", #call), 1))

static int forbidden(void)
{
	char name[] = "true", *const argv[] = {name, NULL};

	return REFUSED(socket(AF_INET, SOCK_STREAM, 0)) + REFUSED(execv("/bin/true", argv)) +
		REFUSED(ptrace(PTRACE_ATTACH, getppid(), 0, 0)) + REFUSED(kill(getppid(), 0)) +
		REFUSED(setuid(0)) + REFUSED(chown("/", 0, 0)) + REFUSED(fork()) +
		REFUSED(setsockopt(0, SOL_SOCKET, SO_DEBUG, &(int){1}, sizeof(int))) +
		REFUSED(open("/etc/shadow", O_RDONLY)) + REFUSED(open("/lv-sandbox", O_CREAT | O_RDWR, 0600));
}

static int allowed(void)
{
	char path[] = "/tmp/lv-sandbox-XXXXXX";
	int fd = mkstemp(path), bad = fd < 0;

	bad += pwrite(fd, "x", 1, 0) != 1;
	bad += fdatasync(fd) != 0;
	bad += close(fd) != 0;
	bad += unlink(path) != 0;
	return bad + (malloc(10u << 20) == NULL);
}

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(in_child(SANDBOX_WORKER, 0, identity), 0);
}

static void test_forbidden(void **state)
{
	(void)state;
	assert_int_equal(in_child(SANDBOX_WORKER, 0, forbidden), 0);
}

static void test_allowed(void **state)
{
	(void)state;
	assert_int_equal(in_child(SANDBOX_WORKER, 0, allowed), 0);
}

static void test_guardian_keeps_what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(in_child(SANDBOX_GUARDIAN, 1u << 5, kept), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_guardian_keeps_what_it_needs),
	};

	if (geteuid()) {
		puts("1..0 # skip only root has something to give up");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
