/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pattern_test.c - the literal search never changes what an expression matches, only the speed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cli/pattern.h"

static struct pattern *compile(const char *text, enum pattern_case how)
{
	struct pattern *p = NULL;
	struct err e = {""};

	if (pattern_compile(&p, text, how, &e))
		fail_msg("%s", e.text);
	return p;
}

static void literals(void **state)
{
	static const struct {
		const char *text, *literal;
	} cases[] = {
		{"needle", "needle"}, {"Needle", "Needle"}, {"need.e in", "need"},
		{"^usb [0-9]+-[0-9]: new", ": new"}, {"abc?def", "def"}, {"abc*", "ab"}, {"abc+d", "abc"},
		{"abc{0,3}", "ab"}, {"a{2", ""}, {"abc|def", ""}, {"(abc|x)defg", "defg"},
		{"(abc)?de", "de"}, {"(?i)abc", ""}, {"a(?:b)c", ""}, {"\\bword\\b", "word"},
		{"\\Qa.b\\E", ""}, {"\\x41bc", ""}, {"a\\.b\\[c", "a.b[c"}, {"[[:alpha:]]bc", ""},
		{"[]a]bcd", "bcd"}, {"[^]a]bcd", "bcd"}, {"x(a[)]b)yz", "yz"}, {"gr\xc3\xbc\xc3\x9f" "e", "gr"},
		{"Gr\xc3\xbc\xc3\x9f" "e", "Gr\xc3\xbc\xc3\x9f" "e"}, {"E\xc3\xbc?", "E"}, {"(*UTF)abc", ""},
		{"", ""}, {"a\\1", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pattern *p = NULL;

		if (pattern_compile(&p, cases[i].text, PATTERN_SMART, NULL)) {
			assert_string_equal(cases[i].literal, "");
			continue;
		}
		if (strcmp(pattern_literal(p), cases[i].literal))
			fail_msg("%s: '%s', not '%s'", cases[i].text, pattern_literal(p),
				cases[i].literal);
		pattern_free(p);
	}
}

static bool matches(const char *pattern, enum pattern_case how, const char *text)
{
	struct pattern *p = compile(pattern, how);
	bool m = pattern_match(p, span_of(text));

	pattern_free(p);
	return m;
}

static void letter_case(void **state)
{
	(void)state;
	assert_true(matches("error", PATTERN_SMART, "an ERROR"));
	assert_false(matches("Error", PATTERN_SMART, "an ERROR"));
	assert_true(matches("\\Serror\\W", PATTERN_SMART, "anERROR "));
	assert_false(matches("error", PATTERN_EXACT, "an ERROR"));
	assert_true(matches("ErRor", PATTERN_IGNORE, "an ERROR"));
	assert_true(matches("gr\xc3\xbc\xc3\x9f" "e", PATTERN_SMART, "GR\xc3\x9c\xc3\x9f" "E"));
	assert_true(matches("disk", PATTERN_SMART, "di\xc5\xbf\xe2\x84\xaa"));
	assert_true(matches("b", PATTERN_SMART, "\xff\xfe" "b\xff"));
	assert_false(matches("x", PATTERN_SMART, ""));
}

/* A guest may write what an expression takes for ever on: it is shown, not hidden. */
static void hostile_texts(void **state)
{
	static char text[32768];
	struct pattern *p = compile("^(a|b)*$", PATTERN_EXACT);

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(pattern_match(p, (struct span){text, sizeof(text)}));
	text[sizeof(text) - 1] = 'c';
	assert_false(pattern_match(p, (struct span){text, sizeof(text)}));
	pattern_free(p);
	p = compile("^(a+)+$", PATTERN_EXACT);
	assert_true(pattern_match(p, (struct span){text, sizeof(text)}));
	pattern_free(p);
}

static void bad_patterns(void **state)
{
	static const char *const bad[] = {"(", "[a", "a**b{", "\\", "(?<n", "*a"};
	struct pattern *p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = NULL;
		e.text[0] = 0;
		if (pattern_compile(&p, bad[i], PATTERN_SMART, &e) == 0) {
			pattern_free(p);
			assert_string_equal(bad[i], "a**b{"); /* PCRE2 takes it for a possessive star */
			continue;
		}
		assert_null(p);
		assert_non_null(strstr(e.text, "bad pattern"));
	}
}

static uint32_t seed = 7;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

/* What matches has the literal, wherever it stands; where it is not there is no match. */
static void literal_agrees_with_expression(void **state)
{
	static const char *const patterns[] = {
		"ab", "aB", "ba+", "a.b", "(a|b)ab", "bb?a", "kab", "sba", "^ab", "b$", "aab{2}", "[ab]kb",
	};
	static const char *const alphabet[] = {
		"a", "b", "A", "B", "k", "K", "\xe2\x84\xaa", "s", "\xc5\xbf", " ", "\xff",
	};
	char text[300];
	struct span s = {text, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct pattern *p = compile(patterns[i], PATTERN_SMART);

		for (int round = 0; round < 20000; round++) {
			uint32_t pieces = rnd(60);
			size_t at;

			s.n = 0;
			for (uint32_t k = 0; k < pieces; k++) {
				const char *piece = alphabet[rnd(round % 2 ? 11 : 4)];

				memcpy(text + s.n, piece, strlen(piece));
				s.n += strlen(piece);
			}
			at = pattern_find_literal(p, s, 0);
			assert_true(at <= s.n);
			if (at == s.n && *pattern_literal(p) && !pattern_literal_unsure(p, s))
				assert_false(pattern_match(p, s));
		}
		pattern_free(p);
	}
}

/* Against the obvious search, at every offset and alignment. */
static void literal_is_found_everywhere(void **state)
{
	struct pattern *p = compile("nEEdle", PATTERN_EXACT);
	char *text = malloc(300);

	(void)state;
	assert_non_null(text);
	for (size_t n = 0; n < 120; n++) {
		for (size_t at = 0; at + 6 <= n; at++) {
			char *exact = malloc(n); /* so that a read beyond is seen by ASan */

			assert_non_null(exact);
			memset(exact, 'E', n);
			memcpy(exact + at, "nEEdle", 6);
			for (size_t from = 0; from <= n; from++)
				assert_int_equal(pattern_find_literal(p, (struct span){exact, n}, from),
					from <= at ? at : n);
			free(exact);
		}
	}
	assert_int_equal(pattern_find_literal(p, (struct span){text, 0}, 0), 0);
	free(text);
	pattern_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals),
		cmocka_unit_test(letter_case),
		cmocka_unit_test(hostile_texts),
		cmocka_unit_test(bad_patterns),
		cmocka_unit_test(literal_agrees_with_expression),
		cmocka_unit_test(literal_is_found_everywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
