/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * when_test.c - times and priorities as people write them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "cli/priority.h"
#include "cli/when.h"

/* 2026-11-23 23:19:04.5 UTC */
#define NOW INT64_C(1795475944500000)
#define HOUR INT64_C(3600000000)

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static int64_t when(const char *text)
{
	struct err e = {""};
	int64_t us = -1;

	if (when_parse(text, NOW, &us, &e))
		fail_msg("%s", e.text);
	return us;
}

static void absolute(void **state)
{
	(void)state;
	zone("UTC");
	assert_int_equal(when("2026-11-23 23:19:04"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-11-23 23:19:04.25"), INT64_C(1795475944250000));
	assert_int_equal(when("2026-11-23T23:19:04.123456789Z"), INT64_C(1795475944123456));
	assert_int_equal(when("2026-11-23 23:19"), INT64_C(1795475940000000));
	assert_int_equal(when("2026-11-23"), INT64_C(1795392000000000));
	assert_int_equal(when("10:00"), INT64_C(1795392000000000) + 10 * HOUR);
	assert_int_equal(when("2026-11-23 23:19:04 UTC"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-11-24T00:19:04+01:00"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-11-23 18:19:04 -0500"), INT64_C(1795475944000000));
	assert_int_equal(when("2024-02-29"), INT64_C(1709164800000000));
	assert_int_equal(when("1970-01-01"), 0);
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(when("2026-11-24 00:19:04"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-07-01 02:00:00"), INT64_C(1782864000000000));
	assert_int_equal(when("2026-07-01T02:00:00Z"), INT64_C(1782871200000000));
}

/* The rest of systemd.time(7). */
static void systemd_forms(void **state)
{
	(void)state;
	zone("UTC");
	assert_int_equal(when("Mon 2026-11-23 23:19:04 UTC"), INT64_C(1795475944000000));
	assert_int_equal(when("monday 2026-11-23 23:19"), INT64_C(1795475940000000));
	assert_int_equal(when("26-11-23 23:19:04.123456789"), INT64_C(1795475944123456));
	assert_int_equal(when("70-01-01"), 0);
	assert_int_equal(when("2026-11-23  9:05") - when("2026-11-23 09:05"), 0);
	assert_int_equal(when("2026-1-5"), when("2026-01-05"));
	assert_int_equal(when("Nov 23 23:19:04"), INT64_C(1795475944000000));
	assert_int_equal(when("Nov 23 23:19:04.5"), NOW);
	assert_int_equal(when("23:19:04.5"), NOW);
	assert_int_equal(when("2026-11-24 00:19:04 Europe/Berlin"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-11-23 18:19:04 America/New_York"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-11-23 23:19:04 utc"), INT64_C(1795475944000000));
	assert_int_equal(when("today Asia/Tokyo"), INT64_C(1795392000000000) + 15 * HOUR); /* the 24th there */
	assert_int_equal(when("2026-11-23 23:19:04"), INT64_C(1795475944000000)); /* and it is UTC again */
	assert_int_equal(when("2hours left"), NOW + 2 * HOUR);
	assert_int_equal(when("1.5h ago"), NOW - HOUR - HOUR / 2);
	assert_int_equal(when("-0.25 ms"), NOW - 250);
	assert_int_equal(when("-.5h"), NOW - HOUR / 2);
	assert_int_equal(when("+3 \xc2\xb5s"), NOW + 3);
	assert_int_equal(when("-1month"), NOW - INT64_C(2629800000000));
	zone("Europe/Berlin");
	assert_int_equal(when("2026-11-24 00:19:04 CET"), INT64_C(1795475944000000));
	assert_int_equal(when("2026-07-01 02:00:00 CEST"), INT64_C(1782864000000000));
	assert_int_equal(when("2026-07-01 01:00:00 CET"), INT64_C(1782864000000000));
	assert_int_equal(when("Tue 2026-11-24 00:19:04"), INT64_C(1795475944000000));
}

static void words(void **state)
{
	(void)state;
	zone("UTC");
	assert_int_equal(when("now"), NOW);
	assert_int_equal(when("today"), INT64_C(1795392000000000));
	assert_int_equal(when("yesterday"), INT64_C(1795392000000000) - 24 * HOUR);
	assert_int_equal(when("tomorrow"), INT64_C(1795392000000000) + 24 * HOUR);
	assert_int_equal(when("@1795475944"), INT64_C(1795475944000000));
	assert_int_equal(when("@1795475944.5"), NOW);
	zone("CET-1CEST,M3.5.0,M10.5.0/3"); /* where it is the 24th already */
	assert_int_equal(when("today"), INT64_C(1795392000000000) + 23 * HOUR);
}

static void relative(void **state)
{
	(void)state;
	assert_int_equal(when("-5min"), NOW - 300000000);
	assert_int_equal(when("+1h"), NOW + HOUR);
	assert_int_equal(when("1 hour ago"), NOW - HOUR);
	assert_int_equal(when("2h 30min ago"), NOW - 2 * HOUR - HOUR / 2);
	assert_int_equal(when("-1d12h"), NOW - 36 * HOUR);
	assert_int_equal(when("-90"), NOW - 90000000);
	assert_int_equal(when("10 ago"), NOW - 10000000);
	assert_int_equal(when("-250ms"), NOW - 250000);
	assert_int_equal(when("-1week"), NOW - 168 * HOUR);
}

static void not_times(void **state)
{
	static const char *const bad[] = {
		"", " ", "x", "-", "+", "5min", "-5parsecs", "2026-13-01", "2026-02-30", "2026-11-23 25:00",
		"2026-11-23 10:60", "2026-11-23 10:00:61", "2026-11-23 10", "2026-11-23 10:00 XYZ",
		"2026-11-23x", "@", "@x", "@1x", "ago", "1 hour ago ago", "-99999999999999999999d",
		"-9223372036854775807y", "@9223372036854775807", "23.11.2026", "2026-11-23T", "--5min",
		"2026-11-23 10:00:00+99:00", "Tue 2026-11-23", "Nov 31 10:00:00", "Nov 23", "now UTC",
		"2026-11-23 10:00 Europe/Nowhere", "2026-11-23 10:00 ../../etc/localtime", "UTC",
		"2026-11-23 10:00 Europe/", "1 left ago", "-1.h", "-.h", "-1..5h", "@.", "today tomorrow", "202-11-23",
		"+-5min", "@-5", "2026-11-23 10:00:00.", "infinity", "Mon", "2026-11-23 10:00 XEST",
	};
	struct err e;
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.text[0] = 0;
		if (when_parse(bad[i], NOW, &us, &e) == 0)
			fail_msg("'%s' was taken for a time", bad[i]);
		assert_non_null(strstr(e.text, "is not a time"));
	}
}

static void priorities(void **state)
{
	uint8_t a, b;

	(void)state;
	assert_int_equal(priority_parse("err", &a, &b, NULL), 0);
	assert_true(a == 0 && b == 3);
	assert_int_equal(priority_parse("7", &a, &b, NULL), 0);
	assert_true(a == 0 && b == 7);
	assert_int_equal(priority_parse("warning..crit", &a, &b, NULL), 0);
	assert_true(a == 2 && b == 4);
	assert_int_equal(priority_parse("2..warn", &a, &b, NULL), 0);
	assert_true(a == 2 && b == 4);
	assert_true(priority_parse("8", &a, &b, NULL) < 0);
	assert_true(priority_parse("", &a, &b, NULL) < 0);
	assert_true(priority_parse("err..", &a, &b, NULL) < 0);
	assert_true(priority_parse("errx", &a, &b, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absolute),
		cmocka_unit_test(systemd_forms),
		cmocka_unit_test(words),
		cmocka_unit_test(relative),
		cmocka_unit_test(not_times),
		cmocka_unit_test(priorities),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
