/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_test.c - a walk visits every entry once, in order, in either direction, whatever happens to the
 * ledger meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/scan.h"

#define ENTRIES (2 * (uint64_t)LEDGER_SEGMENT + 1000)

static char dir[256];
static struct ledger *ledger;
static struct ledger_reader *reader;

struct seen {
	uint64_t n, next, damaged, stop_at;
};

static void damaged(void *ctx, uint64_t from, uint64_t to, const char *why)
{
	struct seen *s = ctx;

	(void)why;
	s->damaged += to - from;
}

static struct scan scan_of(struct seen *s)
{
	return (struct scan){.reader = reader, .damaged = damaged, .ctx = s, .since_us = INT64_MIN,
		.until_us = INT64_MAX};
}

/* Walk from <= index < to, each entry being the one that is due. */
static void walk(struct scan *scan, uint64_t from, uint64_t to, bool backward)
{
	struct seen *s = scan->ctx;
	struct span leaf;
	uint64_t index;
	char want[24];

	scan_begin(scan, from, to, backward);
	while (scan_next(scan, &leaf, &index)) {
		assert_int_equal(index, s->next);
		snprintf(want, sizeof(want), "entry %u", (unsigned int)index);
		assert_true(span_is(leaf, want));
		s->next = backward ? index - 1 : index + 1;
		s->n++;
		if (index == s->stop_at)
			return;
	}
}

static int set_up(void **state)
{
	struct ledger_recovery rec;
	struct err e = {""};
	const char *tmp = getenv("TMPDIR");
	char leaf[24];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/scan.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir) || ledger_open(&ledger, dir, "test.example/scan", &rec, &e))
		return -1;
	for (uint64_t i = 0; i < ENTRIES; i++) {
		int n = snprintf(leaf, sizeof(leaf), "entry %u", (unsigned int)i);

		if (ledger_append(ledger, leaf, (size_t)n, (int64_t)i * 10, &e))
			return -1;
	}
	return ledger_checkpoint(ledger, &e) || ledger_reader_open(&reader, dir, &e) ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[300];

	(void)state;
	ledger_reader_close(reader);
	ledger_close(ledger, NULL);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void ranges(void **state)
{
	static const uint64_t edges[] = {0, 1, 255, 256, 257, 511, 65535, 65536, 65537, 131071, ENTRIES};
	const size_t n = sizeof(edges) / sizeof(edges[0]);

	(void)state;
	for (size_t a = 0; a < n; a++) {
		for (size_t b = a; b < n; b++) {
			struct seen s = {.next = edges[a], .stop_at = UINT64_MAX};
			struct scan scan = scan_of(&s);

			walk(&scan, edges[a], edges[b], false);
			assert_int_equal(s.n, edges[b] - edges[a]);
			s = (struct seen){.next = edges[b] - 1, .stop_at = UINT64_MAX};
			walk(&scan, edges[a], edges[b], true);
			assert_int_equal(s.n, edges[b] - edges[a]);
			assert_int_equal(s.damaged, 0);
		}
	}
}

static void stops(void **state)
{
	struct seen s = {.next = 10, .stop_at = 700};
	struct scan scan = scan_of(&s);

	(void)state;
	walk(&scan, 10, ENTRIES, false);
	assert_int_equal(s.n, 691);
	s.next = 701;
	scan.to = 900; /* and goes on from there */
	walk(&scan, scan.from, scan.to, false);
	assert_int_equal(s.n, 890);
}

static void times_pass_over_bundles(void **state)
{
	struct seen s = {.next = 70000 / 256 * 256, .stop_at = UINT64_MAX};
	struct scan scan = scan_of(&s);

	(void)state;
	scan.since_us = 700000;
	scan.until_us = 700010;
	/* two entries are meant: their bundle is visited, and the youngest, which has no row */
	walk(&scan, 0, ENTRIES / 256 * 256, false);
	assert_int_equal(s.n, 256);
}

static void pruned_under_it(void **state)
{
	struct seen s = {.next = LEDGER_SEGMENT, .stop_at = UINT64_MAX};
	struct scan scan = scan_of(&s);
	uint64_t pruned = 0;
	struct err e = {""};

	(void)state;
	assert_int_equal(ledger_prune(ledger, &(struct ledger_retention){.min_time_us = LEDGER_SEGMENT * 10, .host = "vm"},
		&pruned, &e), 0);
	assert_int_equal(pruned, LEDGER_SEGMENT);
	assert_int_equal(ledger_reader_first(reader), 0); /* it has not looked again */
	walk(&scan, 300, ENTRIES, false);
	assert_int_equal(s.damaged, 0);
	assert_int_equal(s.n, ENTRIES - LEDGER_SEGMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(stops),
		cmocka_unit_test(times_pass_over_bundles),
		cmocka_unit_test(pruned_under_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
