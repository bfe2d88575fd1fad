/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select_test.c - what is selected: FIELD=value, facilities, boots; and the set of what was seen.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cli/boots.h"
#include "cli/facility.h"
#include "cli/match.h"
#include "cli/pattern.h"
#include "cli/unique.h"

#define SPAN(s) ((struct span){s, sizeof(s) - 1})

static struct record sample(void)
{
	return (struct record){
		.time_us = 1, .severity = 4, .facility = 3, .host = SPAN("web01"), .app = SPAN("my app"),
		.procid = SPAN("811"), .channel = RECORD_SYSLOG, .boot = SPAN("0123456789abcdef"),
		.n_observed = 2,
		.observed = {{SPAN("uid"), SPAN("1000")}, {SPAN("group"), SPAN("4")}},
		.n_claimed = 2, .claimed = {{SPAN("tag"), SPAN("a")}, {SPAN("tag"), SPAN("b")}},
		.msg = SPAN("text"),
	};
}

/* Words separated by '|'. */
static bool matches(const char *words)
{
	struct record r = sample();
	struct match m = {.n = 0};
	struct err e = {""};
	char *copy = strdup(words), *save = NULL;
	bool yes;

	assert_non_null(copy);
	for (char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		if (match_add(&m, w, &e))
			fail_msg("%s: %s", words, e.text);
	assert_int_equal(match_finish(&m, &e), 0);
	yes = match_record(&m, &r, 7);
	free(copy);
	return yes;
}

static void match_terms(void **state)
{
	(void)state;
	assert_true(matches(""));
	assert_true(matches("_PID=811"));
	assert_false(matches("_PID=81"));
	assert_false(matches("_PID="));
	assert_true(matches("_PID=1|_PID=811"));
	assert_true(matches("_PID=811|_PID=1|PRIORITY=3|PRIORITY=4"));
	assert_false(matches("_PID=811|PRIORITY=3"));
	assert_true(matches("PRIORITY=3|_PID=811|PRIORITY=4"));
	assert_true(matches("_PID=1|+|PRIORITY=4"));
	assert_true(matches("PRIORITY=4|_PID=811|+|_PID=1"));
	assert_false(matches("PRIORITY=4|_PID=1|+|_PID=811|PRIORITY=5"));
	assert_true(matches("GUEST_TAG=b"));
	assert_false(matches("_LOGVISOR_TAG=b")); /* a claim is no observation */
	assert_true(matches("_UID=1000"));
	assert_true(matches("_LOGVISOR_GROUP=4"));
	assert_true(matches("_LOGVISOR_INDEX=7"));
	assert_true(matches("_TRANSPORT=syslog"));
	assert_true(matches("SYSLOG_IDENTIFIER=my app"));
	assert_true(matches("_BOOT_ID=0123456789abcdef6c6f677669736f72"));
	assert_true(matches("MESSAGE=text"));
	assert_false(matches("NOTHING=x"));
}

static void match_literals(void **state)
{
	struct match m = {.n = 0};

	(void)state;
	assert_int_equal(match_literal(&m).n, 0);
	match_add(&m, "PRIORITY=4", NULL); /* stands in the leaf as a part of PRI */
	assert_int_equal(match_literal(&m).n, 0);
	match_add(&m, "_PID=811", NULL);
	assert_true(span_is(match_literal(&m), "811"));
	match_add(&m, "GUEST_TAG=a longer one", NULL);
	assert_true(span_is(match_literal(&m), "a longer one"));
	match_add(&m, "GUEST_TAG=another", NULL); /* either */
	assert_true(span_is(match_literal(&m), "811"));
	match_add(&m, "_EXE=a \"quoted\" one", NULL); /* escaped in the leaf */
	assert_true(span_is(match_literal(&m), "811"));
	match_add(&m, "+", NULL);
	match_add(&m, "_PID=1", NULL);
	assert_int_equal(match_literal(&m).n, 0);
}

static void not_matches(void **state)
{
	static const char *const bad[] = {"", "=", "=x", "a=b", "A", "1A=b", "A-B=c", "A B=c", "__CURSOR=x", "\xff=1",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=x", "+"};
	struct match m = {.n = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (match_add(&m, bad[i], NULL) != -EINVAL)
			fail_msg("'%s' was taken for a match", bad[i]);
	for (int i = 0; i < MATCH_TERMS_MAX; i++)
		assert_int_equal(match_add(&m, "A=b", NULL), 0);
	assert_int_equal(match_add(&m, "A=b", NULL), -EINVAL);
	assert_int_equal(match_add(&m, "+", NULL), 0);
	assert_int_equal(match_add(&m, "+", NULL), -EINVAL);
	assert_int_equal(match_finish(&m, NULL), -EINVAL);
}

static void facilities(void **state)
{
	static const char *const bad[] = {"", ",", "kern,", "nonsense", "256", "-1", "kern, cron", "help"};
	struct facilities f = {.any = false};

	(void)state;
	assert_true(facility_in(&f, 0) && facility_in(&f, 255)); /* none is named: all */
	assert_int_equal(facility_parse("kern,local7,200", &f, NULL), 0);
	assert_int_equal(facility_parse("64", &f, NULL), 0);
	assert_true(facility_in(&f, 0) && facility_in(&f, 23) && facility_in(&f, 64) && facility_in(&f, 200));
	assert_false(facility_in(&f, 1) || facility_in(&f, 24) || facility_in(&f, 65) || facility_in(&f, 136));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(facility_parse(bad[i], &f, NULL), -EINVAL);
}

static void boot_choices(void **state)
{
	static const struct {
		const char *text, *id;
		int64_t offset;
	} good[] = {
		{"0", "", 0}, {"-0", "", 0}, {"-1", "", -1}, {"+3", "", 3}, {"12", "", 12},
		{"0123456789abcdef", "0123456789abcdef", 0},
		{"0123456789abcdef6c6f677669736f72", "0123456789abcdef", 0},
		{"0123456789abcdef-2", "0123456789abcdef", -2},
		{"0123456789abcdef6c6f677669736f72+1", "0123456789abcdef", 1},
		{"1234567890123456", "1234567890123456", 0},
	};
	static const char *const bad[] = {"", "x", "+", "-", "1x", "--1", "1234567890", "0123456789abcde",
		"0123456789abcdeF", "0123456789abcdef0", "0123456789abcdefx", "0123456789abcdef+",
		"0123456789abcdef00000000000000aa", "all of them", "0 "};
	struct boot_choice c;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(boot_choice_parse(good[i].text, &c, NULL), 0);
		assert_true(c.wanted);
		assert_string_equal(c.id, good[i].id);
		assert_int_equal(c.offset, good[i].offset);
	}
	assert_int_equal(boot_choice_parse("all", &c, NULL), 0);
	assert_false(c.wanted);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (boot_choice_parse(bad[i], &c, NULL) != -EINVAL)
			fail_msg("'%s' was taken for a boot", bad[i]);
}

/* A text on which the expression takes beyond PCRE2's limits: neither a match nor none. */
static void undecidable(void **state)
{
	static char text[200];
	struct pattern *p;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(pattern_compile(&p, "^(a+)+$", PATTERN_SMART, NULL), 0);
	assert_int_equal(pattern_match(p, span_of("aaa")), 1);
	assert_int_equal(pattern_match(p, span_of("b")), 0);
	assert_int_equal(pattern_match(p, span_of(text)), 1);
	text[sizeof(text) - 2] = '!';
	assert_int_equal(pattern_match(p, span_of(text)), -E2BIG);
	pattern_free(p);
}

static void sets(void **state)
{
	static char big[1 << 20];
	struct unique u = {NULL, 0, 0, 0};
	char text[16];
	int r = 1;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 1000; i++) {
			int n = snprintf(text, sizeof(text), "value %d", i);

			assert_int_equal(unique_add(&u, (struct span){text, (size_t)n}), round == 0);
		}
	assert_int_equal(unique_add(&u, SPAN("")), 1);
	assert_int_equal(unique_add(&u, SPAN("")), 0);
	assert_int_equal(unique_add(&u, SPAN("\0")), 1);
	for (int i = 0; r == 1 && i < 1000; i++) {
		big[0]++;
		big[1] += big[0] == 0;
		r = unique_add(&u, (struct span){big, sizeof(big)});
	}
	assert_int_equal(r, -E2BIG);
	unique_free(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(match_terms),
		cmocka_unit_test(match_literals),
		cmocka_unit_test(not_matches),
		cmocka_unit_test(facilities),
		cmocka_unit_test(boot_choices),
		cmocka_unit_test(undecidable),
		cmocka_unit_test(sets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
