/* SPDX-License-Identifier: BSD-3-Clause */
/* utmp_test.c - records of logins as sentences: those of glibc's own structs, and lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <lastlog.h>
#include <string.h>
#include <utmp.h>

#include "source/files/utmp.h"

static char text[UTMP_TEXT_MAX + 1];
static struct utmp_said said;

static struct utmp entry(short type, const char *user, const char *line, const char *host)
{
	struct utmp u;

	memset(&u, 0, sizeof(u));
	u.ut_type = type;
	u.ut_pid = 123;
	u.ut_tv.tv_sec = 1700000000;
	memcpy(u.ut_user, user, strlen(user));
	memcpy(u.ut_line, line, strlen(line));
	memcpy(u.ut_host, host, strlen(host));
	return u;
}

static const char *of(const struct utmp *u, bool failed)
{
	_Static_assert(sizeof(*u) == UTMP_SIZE, "as glibc has it");
	text[utmp_text((const uint8_t *)u, failed, text, &said)] = 0;
	return text;
}

static void sentences(void **state)
{
	struct utmp u = entry(USER_PROCESS, "root", "pts/0", "10.0.0.1");

	(void)state;
	assert_string_equal(of(&u, false), "login of root on pts/0 from 10.0.0.1, pid 123");
	assert_true(span_is(said.user, "root") && span_is(said.line, "pts/0") && span_is(said.host, "10.0.0.1"));
	assert_int_equal(said.time, 1700000000);
	assert_int_equal(said.pid, 123);
	u = entry(LOGIN_PROCESS, "mallory", "ssh:notty", "10.0.0.1");
	assert_string_equal(of(&u, true), "failed login of mallory on ssh:notty from 10.0.0.1, pid 123");
	assert_string_equal(of(&u, false), "login prompt of mallory on ssh:notty from 10.0.0.1, pid 123");
	u = entry(DEAD_PROCESS, "", "pts/0", "");
	assert_string_equal(of(&u, false), "logout on pts/0, pid 123");
	u = entry(BOOT_TIME, "reboot", "~", "6.1.0-50-amd64");
	assert_string_equal(of(&u, false), "boot, kernel 6.1.0-50-amd64");
	u = entry(RUN_LVL, "shutdown", "~", "6.1.0-50-amd64");
	assert_string_equal(of(&u, false), "shutdown, kernel 6.1.0-50-amd64");
	u = entry(RUN_LVL, "runlevel", "~", "");
	u.ut_pid = 'N' * 256 + '5';
	assert_string_equal(of(&u, false), "run level 5");
	u = entry(NEW_TIME, "", "", "");
	assert_string_equal(of(&u, false), "the clock was set to 1700000000");
	u = entry(77, "a", "", "");
	assert_string_equal(of(&u, false), "a record of type 77, user a, pid 123");
}

static void addresses(void **state)
{
	struct utmp u = entry(USER_PROCESS, "root", "pts/0", "");

	(void)state;
	inet_pton(AF_INET, "192.0.2.7", u.ut_addr_v6);
	assert_string_equal(of(&u, false), "login of root on pts/0 from 192.0.2.7, pid 123");
	inet_pton(AF_INET6, "2001:db8::7", u.ut_addr_v6);
	assert_string_equal(of(&u, false), "login of root on pts/0 from 2001:db8::7, pid 123");
}

/* No name goes on like a sentence, none ends anything, and none is longer than there is room. */
static void lies(void **state)
{
	struct utmp u = entry(USER_PROCESS, "root on pts/9 from\n10.9.9.9", "\033[2J\\", "");

	(void)state;
	assert_string_equal(of(&u, false),
		"login of root\\x20on\\x20pts/9\\x20from\\x0a10.9.9.9 on \\x1b[2J\\x5c, pid 123");
	memset(&u, 1, sizeof(u));
	u.ut_type = USER_PROCESS;
	assert_true(strlen(of(&u, false)) > 4 * (UT_LINESIZE + UT_NAMESIZE + UT_HOSTSIZE));
	assert_int_equal(said.host.n, UT_HOSTSIZE);
	assert_non_null(strstr(text, ", pid 16843009"));
}

static void last(void **state)
{
	struct lastlog l;

	(void)state;
	memset(&l, 0, sizeof(l));
	_Static_assert(sizeof(l) == LASTLOG_SIZE, "as glibc has it");
	assert_int_equal(lastlog_text((const uint8_t *)&l, 1000, text, &said), 0);
	l.ll_time = 1700000000;
	memcpy(l.ll_line, "pts/1", 5);
	memcpy(l.ll_host, "host", 4);
	text[lastlog_text((const uint8_t *)&l, 1000, text, &said)] = 0;
	assert_string_equal(text, "login of uid 1000 on pts/1 from host");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences),
		cmocka_unit_test(addresses),
		cmocka_unit_test(lies),
		cmocka_unit_test(last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
