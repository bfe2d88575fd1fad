/* SPDX-License-Identifier: BSD-3-Clause */
/* glob_test.c - which paths a pattern means, and below which directories such can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "source/files/glob.h"

static bool match(const char *pattern, const char *path)
{
	return glob_match(span_of(pattern), span_of(path));
}

static bool below(const char *pattern, const char *dir)
{
	return glob_below(span_of(pattern), span_of(dir));
}

static void within_a_name(void **state)
{
	(void)state;
	assert_true(match("/var/log/syslog", "/var/log/syslog"));
	assert_false(match("/var/log/syslog", "/var/log/syslog.1"));
	assert_false(match("/var/log/syslog", "/var/log"));
	assert_true(match("/var/log/*.log", "/var/log/auth.log"));
	assert_true(match("/var/log/*.log", "/var/log/.log"));
	assert_false(match("/var/log/*.log", "/var/log/auth.log.1"));
	assert_false(match("/var/log/*", "/var/log/nginx/access.log"));
	assert_false(match("/var/log/*", "/var/log"));
	assert_true(match("/*/log/?ast*", "/var/log/lastlog"));
	assert_false(match("/*/log/?ast*", "/var/log/ast"));
	assert_true(match("/a*b*c", "/aXbXbYc"));
	assert_false(match("/a*b*c", "/aXbXbYcd"));
	assert_true(match("/[a-c]x[!0-9]", "/bxz"));
	assert_false(match("/[a-c]x[!0-9]", "/bx7"));
	assert_true(match("/[]]", "/]"));
	assert_true(match("/[a-]", "/-"));
	assert_false(match("/a", "/b"));
}

static void any_depth(void **state)
{
	(void)state;
	assert_true(match("/var/log/**", "/var/log/a"));
	assert_true(match("/var/log/**", "/var/log/a/b/c"));
	assert_false(match("/var/log/**", "/var/log"));
	assert_false(match("/var/log/**", "/var/lo/a"));
	assert_true(match("/var/**/access.log", "/var/access.log"));
	assert_true(match("/var/**/access.log", "/var/log/nginx/access.log"));
	assert_false(match("/var/**/access.log", "/var/log/nginx/access.log/x"));
	assert_true(match("/**/log/**/x", "/a/log/b/log/c/x"));
	assert_false(match("/**/log/**/x", "/a/b/c/x"));
	assert_true(match("/**", "/a"));
}

static void directories(void **state)
{
	(void)state;
	assert_true(below("/var/log/**", "/"));
	assert_true(below("/var/log/**", "/var"));
	assert_true(below("/var/log/**", "/var/log"));
	assert_true(below("/var/log/**", "/var/log/a/b"));
	assert_false(below("/var/log/**", "/var/lo"));
	assert_false(below("/var/log/**", "/home"));
	assert_true(below("/var/log/x", "/var/log"));
	assert_false(below("/var/log/x", "/var/log/x"));
	assert_true(below("/*/log/x", "/srv/log"));
	assert_true(below("/a/**/x", "/a/b"));
}

static void refused(void **state)
{
	static const char *const bad[] = {"", "var/log", "/", "//a", "/a//b", "/a/", "/a/../b", "/a/.", "/a/[b", "/[", "/[!]"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (glob_check(span_of(bad[i]), &e) >= 0)
			fail_msg("'%s' is taken for a pattern", bad[i]);
	assert_int_equal(glob_check(span_of("/var/log/**"), &e), 0);
	assert_int_equal(glob_check(span_of("/var/[a-z]*/x"), &e), 0);
}

/* What would take for ever if each star were tried with each. */
static void long_ones(void **state)
{
	char pattern[GLOB_MAX], path[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i ? "*a"[i % 2] : '/';
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i ? 'a' : '/';
	pattern[GLOB_MAX - 1] = 'b';
	assert_false(glob_match((struct span){pattern, sizeof(pattern)}, (struct span){path, sizeof(path)}));
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = "/**/a"[i % 5];
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = "/a"[i % 2];
	assert_true(glob_match((struct span){pattern, 5 * 100}, (struct span){path, sizeof(path)}));
	assert_false(glob_match((struct span){pattern, 5 * 100}, (struct span){path, 50}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_a_name),
		cmocka_unit_test(any_depth),
		cmocka_unit_test(directories),
		cmocka_unit_test(refused),
		cmocka_unit_test(long_ones),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
