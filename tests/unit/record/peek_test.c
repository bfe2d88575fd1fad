/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peek_test.c - what is read of a leaf without decoding it is what decoding gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "record/record.h"

#define SPAN(s) ((struct span){s, sizeof(s) - 1})
#define FORGED " boot=\"fedcba9876543210\""

static char leaf[RECORD_LEAF_MAX];

/* A record in which whatever the guest can write looks like a boot. */
static long encode(bool has_boot, bool full)
{
	struct record r = {
		.time_us = 1, .host = SPAN("web01"), .app = SPAN(FORGED), .procid = SPAN("boot=\"fedcba9876543210\""),
		.msgid = SPAN("m"), .channel = RECORD_SYSLOG, .boot = has_boot ? SPAN("0123456789abcdef") : SPAN(""),
		.msg = SPAN("]" FORGED "] text"), .n_claimed = 1, .claimed = {{SPAN("boot"), SPAN("fedcba9876543210")}},
	};

	if (full) {
		r.has_seq = r.has_guest_ns = r.has_caller = r.cont = r.truncated = true;
		r.subsystem = r.device = SPAN("x" FORGED "]");
		r.n_observed = 1;
		r.observed[0] = (struct record_param){SPAN("x"), SPAN("]" FORGED)};
	}
	return record_encode(&r, leaf, sizeof(leaf));
}

static void boots(void **state)
{
	char boot[16];

	(void)state;
	for (int full = 0; full < 2; full++) {
		long n = encode(true, full);

		assert_true(n > 0);
		assert_true(record_peek_boot(leaf, (size_t)n, boot));
		assert_memory_equal(boot, "0123456789abcdef", 16);
		for (size_t cut = 1; cut < (size_t)n; cut++) { /* nothing is read beyond the end, nor made up */
			char *part = malloc(cut);

			assert_non_null(part);
			memcpy(part, leaf, cut);
			if (record_peek_boot(part, cut, boot))
				assert_memory_equal(boot, "0123456789abcdef", 16);
			free(part);
		}
		n = encode(false, full);
		assert_true(n > 0);
		assert_false(record_peek_boot(leaf, (size_t)n, boot));
	}
}

static void texts(void **state)
{
	(void)state;
	for (int full = 0; full < 2; full++) {
		long n = encode(true, full);

		assert_true(n > 0);
		assert_true(span_eq(record_peek_text(leaf, (size_t)n), SPAN("]" FORGED "] text")));
	}
	assert_int_equal(record_peek_text("]", 1).n, 1);
	assert_int_equal(record_peek_text("", 0).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boots),
		cmocka_unit_test(texts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
