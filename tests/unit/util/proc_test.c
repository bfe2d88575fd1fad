/* SPDX-License-Identifier: BSD-3-Clause */
/* proc_test.c - /proc/PID/stat, where a process may call itself anything. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/proc.h"

static void names_cannot_lie(void **state)
{
	struct proc_stat s, thread, child;
	pid_t pid;

	(void)state;
	prctl(PR_SET_NAME, "x) Z 1 2 3 (");
	assert_true(proc_stat(getpid(), 0, &s));
	assert_int_equal(s.state, 'R');
	assert_true(proc_stat(getpid(), getpid(), &thread));
	assert_true(s.start == thread.start && s.start);
	pid = fork();
	if (!pid)
		_exit(0);
	assert_true(pid > 0);
	waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	assert_true(proc_stat(pid, 0, &child));
	assert_int_equal(child.state, 'Z');
	assert_true(child.start >= s.start);
	waitpid(pid, NULL, 0);
	assert_false(proc_stat(pid, 0, &child));
	assert_false(proc_stat(getpid(), 1, &child));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_cannot_lie)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
