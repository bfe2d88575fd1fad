/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 400 */
/*
 * parts_test.c - parts come in order, one at a time and each once, however many threads there are and
 * whichever is done first. The segments are of a ledger that has none: what counts here is the order.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "ledger/parts.h"
#include "unit/ledger/fixture.h"

#define SEGMENTS 120

struct seen {
	uint64_t next, stop_at;
	atomic_int inside, asked;
};

static uint32_t covered(const void *ctx, uint64_t segment)
{
	struct seen *s = (struct seen *)(uintptr_t)ctx;

	atomic_fetch_add(&s->asked, 1);
	/* Some take longer than others. */
	for (uint64_t i = 0; i < segment * 7919 % 6; i++)
		sched_yield();
	return (uint32_t)segment;
}

static int join(void *ctx, struct part *p)
{
	struct seen *s = ctx;

	assert_int_equal(atomic_fetch_add(&s->inside, 1), 0);
	assert_true(p->segment == s->next && p->covered == (uint32_t)p->segment && p->missing);
	assert_string_equal(p->host, "web01");
	s->next++;
	for (uint64_t i = 0; i < p->segment * 104729 % 3; i++)
		sched_yield();
	atomic_fetch_sub(&s->inside, 1);
	return p->segment == s->stop_at ? -EIO : 0;
}

static int empty = -1; /* a directory without anything */

static int run(struct seen *s, uint64_t from, uint64_t to, unsigned threads)
{
	const struct view none = {.dir = empty};

	s->next = from;
	atomic_init(&s->inside, 0);
	atomic_init(&s->asked, 0);
	return parts_run(&(struct parts){.view = &none, .from = from, .to = to, .host = "web01",
		.threads = threads, .covered = covered, .join = join, .ctx = s});
}

static void in_order(void **state)
{
	empty = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned threads = 1; threads <= PARTS_THREADS_MAX; threads++) {
		struct seen s = {.stop_at = UINT64_MAX};

		assert_int_equal(run(&s, 17, 17 + SEGMENTS, threads), 0);
		assert_true(s.next == 17 + SEGMENTS && s.asked == SEGMENTS);
		assert_int_equal(run(&s, 5, 5, threads), 0);
		assert_int_equal(s.asked, 0);
	}
	close(empty);
}

static void an_error_ends_it(void **state)
{
	empty = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned threads = 1; threads <= PARTS_THREADS_MAX; threads++) {
		for (uint64_t at = 0; at < SEGMENTS; at += 37) {
			struct seen s = {.stop_at = at};

			assert_int_equal(run(&s, 0, SEGMENTS, threads), -EIO);
			assert_true(s.next == at + 1);
			/* No more than were begun already: two for each thread. */
			assert_true((uint64_t)s.asked <= at + 1 + 2 * (uint64_t)threads);
		}
	}
	close(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {fixture_test(in_order), fixture_test(an_error_ends_it)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
