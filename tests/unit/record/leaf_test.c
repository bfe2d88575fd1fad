/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * leaf_test.c - what of a leaf is read and written several bytes at a time, held against the slow way.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "record/leaf.h"
#include "util/span.h"

static void decimals(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (int digits = 1; digits <= 20; digits++, power *= 10) {
		for (int64_t off = -2; off <= 2; off++) {
			uint64_t v = power + (uint64_t)off, back;
			char want[32], buf[20], *p = leaf_decimal(buf + sizeof(buf), v);
			struct span s = {p, (size_t)(buf + sizeof(buf) - p)};

			snprintf(want, sizeof(want), "%" PRIu64, v);
			assert_int_equal(s.n, strlen(want));
			assert_memory_equal(s.p, want, s.n);
			assert_true(span_decimal(s, &back));
			assert_true(back == v);
		}
	}
}

/* Digits that do not fit in 64 bits, or are none: at every place. */
static void digits(void **state)
{
	char s[40];
	uint64_t v;

	(void)state;
	assert_true(span_digits(span_of("18446744073709551615"), &v) && v == UINT64_MAX);
	assert_true(span_digits(span_of("000000000000000000000000000018446744073709551615"), &v) &&
		v == UINT64_MAX);
	assert_false(span_digits(span_of("18446744073709551616"), &v));
	assert_false(span_digits(span_of("18446744073709551620"), &v));
	assert_false(span_digits(span_of("99999999999999999999"), &v));
	assert_false(span_digits(span_of("100000000000000000000"), &v));
	assert_false(span_digits(span_of("184467440737095516150"), &v));
	assert_false(span_digits(span_of(""), &v));
	for (size_t n = 1; n < sizeof(s); n++) {
		for (size_t at = 0; at < n; at++) {
			for (int c = 0; c < 256; c++) {
				memset(s, '0', n);
				s[at] = (char)c;
				if (c >= '0' && c <= '9' && n - at < 20)
					assert_true(span_digits((struct span){s, n}, &v));
				else if (c < '0' || c > '9')
					assert_false(span_digits((struct span){s, n}, &v));
			}
		}
	}
}

/* Each byte at each place, so that nothing around it is read, and copied, in its stead. */
static void plain_and_copied(void **state)
{
	char s[100], to[102];

	(void)state;
	for (size_t n = 0; n <= sizeof(s); n++) {
		for (size_t at = 0; at < n; at++) {
			for (int c = 0; c < 256; c++) {
				memset(s, 'x', sizeof(s));
				s[at] = (char)c;
				assert_ptr_equal(leaf_plain_end(s, s + n), s + (leaf_plain[c] ? n : at));
			}
		}
		for (size_t i = 0; i < sizeof(s); i++)
			s[i] = (char)i;
		memset(to, '#', sizeof(to));
		span_copy(to + 1, (struct span){s, n});
		assert_memory_equal(to + 1, s, n);
		assert_true(to[0] == '#' && to[n + 1] == '#');
	}
}

/* By the C library. */
static void times(void **state)
{
	char text[40];
	int64_t us;

	(void)state;
	srandom(1);
	for (int i = 0; i < 200000; i++) {
		int64_t want = i < 100 ? i * 1000003 : (int64_t)random() * 1000003 % (LEAF_TIME_MAX / 1000000);
		time_t t = (time_t)want;
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
		snprintf(text + 20, sizeof(text) - 20, "%06dZ", i);
		assert_true(leaf_time_get(text, &us));
		assert_true(us == want * 1000000 + i);
	}
}

/* A time is judged by itself, whatever was read before it. */
static void times_one_after_the_other(void **state)
{
	const char good[] = "2026-11-23T23:19:04.123456Z";
	char bad[LEAF_TIME_LEN];
	int64_t us;

	(void)state;
	memset(bad, 0, sizeof(bad));
	bad[16] = ':';
	memcpy(bad + 17, good + 17, 10);
	assert_false(leaf_time_get(bad, &us)); /* sixteen bytes of zero are no date, first of all */
	for (size_t at = 0; at < LEAF_TIME_LEN; at++) {
		for (int c = 0; c < 256; c++) {
			memcpy(bad, good, LEAF_TIME_LEN);
			bad[at] = (char)c;
			if (leaf_time_get(bad, &us))
				assert_true((c >= '0' && c <= '9') || c == good[at]);
			if (c < '0' || (c > '9' && c != good[at]))
				assert_true(c == good[at] || !leaf_time_get(bad, &us));
			assert_true(leaf_time_get(good, &us));
			assert_true(us == INT64_C(1795475944123456));
		}
	}
	for (const char *const *s = (const char *const[]){"2026-02-29T23:19:04.123456Z",
			"2026-13-01T23:19:04.123456Z", "2026-00-10T23:19:04.123456Z",
			"2026-11-31T23:19:04.123456Z", "2026-11-00T23:19:04.123456Z",
			"2026-11-23T24:19:04.123456Z", "2026-11-23T23:60:04.123456Z",
			"2026-11-23T23:19:60.123456Z", "1969-12-31T23:59:59.999999Z", NULL}; *s; s++) {
		assert_false(leaf_time_get(*s, &us));
		assert_false(leaf_time_get(*s, &us));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_one_after_the_other), cmocka_unit_test(times),
		cmocka_unit_test(decimals), cmocka_unit_test(digits), cmocka_unit_test(plain_and_copied),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
