/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store_test.c - where the store is, and that no VM's name leads out of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/cli.h"

#define NOBODY 65534

static char got[4096];
static struct err e;

/* cli_store() for @uid, which may need another process. */
static int store_of(uid_t uid, const char *opt)
{
	int ends[2], status;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int r = geteuid() != uid && seteuid(uid) ? 77 : cli_store(opt, got, sizeof(got), &e);

		if (r == 0 && write(ends[1], got, strlen(got)) < 0)
			r = 78;
		_exit(-r);
	}
	close(ends[1]);
	n = read(ends[0], got, sizeof(got) - 1);
	close(ends[0]);
	got[n > 0 ? n : 0] = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return -WEXITSTATUS(status);
}

static void order(void **state)
{
	uid_t user = geteuid() ? geteuid() : NOBODY;

	(void)state;
	setenv("LOGVISOR_STORE", "/env", 1);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	setenv("HOME", "/home/u", 1);
	assert_int_equal(store_of(user, "opt"), 0);
	assert_string_equal(got, "opt");
	assert_int_equal(store_of(user, NULL), 0);
	assert_string_equal(got, "/env");
	setenv("LOGVISOR_STORE", "", 1);
	assert_int_equal(store_of(user, NULL), 0);
	assert_string_equal(got, "/xdg/logvisor");
	if (geteuid() == 0) {
		assert_int_equal(store_of(0, NULL), 0);
		assert_string_equal(got, "/var/lib/logvisor");
	}
	setenv("XDG_STATE_HOME", "relative", 1);
	assert_int_equal(store_of(user, NULL), 0);
	assert_string_equal(got, "/home/u/.local/state/logvisor");
	unsetenv("HOME");
	assert_int_equal(store_of(user, NULL), -ENOENT);
}

static void names_stay_inside(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../x", "a/b", "/etc", "-x", "a b", "a\nb", "\xc3\xa9"};

	(void)state;
	assert_int_equal(cli_ledger_path("/s", "web01", got, sizeof(got), &e), 0);
	assert_string_equal(got, "/s/web01");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cli_ledger_path("/s", bad[i], got, sizeof(got), &e), -EINVAL);
	assert_int_equal(cli_ledger_path("/s", "web01", got, 5, &e), -ENAMETOOLONG);
}

/* A ledger that is not there is told with the store that it was looked for in. */
static void not_there(void **state)
{
	(void)state;
	assert_int_equal(cli_store("", got, sizeof(got), &e), -EINVAL);
	assert_int_equal(cli_ledger_there("/nonexistent", "web01", got, sizeof(got), &e), -ENOENT);
	assert_string_equal(e.text, "web01: no ledger of that name in /nonexistent; 'logvisor list' shows what is there");
	assert_int_equal(cli_ledger_there("/", "proc", got, sizeof(got), &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(names_stay_inside),
		cmocka_unit_test(not_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
