/* SPDX-License-Identifier: BSD-3-Clause */
/* parts_test.c - a message in parts of which not all are written yet, looked at beside the writer (show -f). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/parts.h"
#include "unit/ledger/fixture.h"
#include "util/clock.h"

#define PARTS 4
#define SPAN(s) ((struct span){s, sizeof(s) - 1})

static struct ledger *ledger;
static unsigned written, last, naps; /* parts in the ledger, how many there will be, pauses of the reader */
static char text[PARTS + 1];

static struct record part(unsigned nr)
{
	static char digit[2];
	struct record r = {.time_us = 1, .host = SPAN("vm"), .app = SPAN("talker"), .channel = RECORD_SYSLOG,
		.boot = SPAN("0123456789abcdef"), .n_observed = 3};

	digit[0] = (char)('0' + nr);
	text[nr - 1] = (char)('a' + nr - 1);
	r.observed[0] = (struct record_param){SPAN("part"), {digit, 1}};
	r.observed[1] = (struct record_param){SPAN("parts"), SPAN("4")};
	r.observed[2] = (struct record_param){SPAN("id"), SPAN("7")};
	r.msg = (struct span){text + nr - 1, 1};
	return r;
}

static void write_part(void)
{
	struct record r = part(++written);
	struct err e = {""};
	char leaf[1024];
	long n = record_encode(&r, leaf, sizeof(leaf));

	assert_true(n > 0);
	if (ledger_append(ledger, leaf, (size_t)n, 1, &e) || ledger_commit(ledger, &e))
		fail_msg("%s", e.text);
}

/* Every third time the reader has waited, there is one more. */
static void nap(int64_t ns)
{
	(void)ns;
	naps++;
	if (naps % 3 == 0 && written < last)
		write_part();
}

static void join(const char *dir, unsigned wait_ms, struct record *r)
{
	struct parts *p = parts_new(dir);

	assert_non_null(p);
	*r = part(1);
	naps = 0;
	assert_true(parts_join(p, r, 0, wait_ms));
	assert_memory_equal(text, r->msg.p, r->msg.n);
	parts_free(p);
}

static void waits_for_the_rest(void **state)
{
	const struct clock *was = clock_now, mine = {.ns = clock_now->ns, .sleep_ns = nap};
	struct record r;
	struct err e;

	ledger = fixture_open(*state, NULL);
	clock_now = &mine;
	written = 0;
	write_part();
	/* Nobody follows: what is there, at once. */
	join(*state, 0, &r);
	assert_true(r.truncated && r.msg.n == 1 && naps == 0);
	/* It grows, and ends before it is whole. */
	last = 3;
	join(*state, 50, &r);
	assert_true(r.truncated && r.msg.n == 3 && naps > 6);
	last = PARTS;
	join(*state, 50, &r);
	assert_true(!r.truncated && r.msg.n == PARTS && naps == 3);
	clock_now = was;
	assert_int_equal(ledger_close(ledger, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(waits_for_the_rest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
