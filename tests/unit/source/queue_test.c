/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue at each of the writes by which the kernel changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "source/unix/queue.h"
#include "unit/guest/arena.h"

#define LIST (ARENA_BASE + 64)
#define SKB(i) (ARENA_BASE + 4096 + 256ULL * (i))

static struct arena a;
static struct fetch_mem mem;

static void link_to(uint64_t at, uint64_t next, uint64_t prev)
{
	arena_u64(&a, at + QUEUE_NEXT, next);
	arena_u64(&a, at + QUEUE_PREV, prev);
}

static int setup(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	mem = arena_mem(&a);
	link_to(LIST, LIST, LIST);
	return 0;
}

static void adding(void **state)
{
	struct queue_look l;

	(void)state;
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_EMPTY);
	link_to(SKB(1), LIST, LIST);
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_EMPTY);
	arena_u64(&a, LIST + QUEUE_PREV, SKB(1)); /* the write that is watched */
	l = queue_look(&mem, LIST);
	assert_int_equal(l.state, QUEUE_ADDING);
	assert_int_equal(l.tail, SKB(1));
	assert_int_equal(l.before, 0);
	arena_u64(&a, LIST + QUEUE_NEXT, SKB(1));
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_STILL);
	link_to(SKB(2), LIST, SKB(1));
	arena_u64(&a, LIST + QUEUE_PREV, SKB(2));
	l = queue_look(&mem, LIST);
	assert_int_equal(l.state, QUEUE_ADDING);
	assert_int_equal(l.tail, SKB(2));
	assert_int_equal(l.before, SKB(1));
	arena_u64(&a, SKB(1) + QUEUE_NEXT, SKB(2));
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_STILL);
}

static void taking(void **state)
{
	struct queue_look l;

	(void)state;
	link_to(LIST, SKB(1), SKB(2));
	link_to(SKB(1), SKB(2), LIST);
	link_to(SKB(2), 0, 0);
	arena_u64(&a, LIST + QUEUE_PREV, SKB(1)); /* the last one was taken */
	l = queue_look(&mem, LIST);
	assert_int_equal(l.state, QUEUE_TAKING);
	assert_int_equal(l.tail, SKB(1));
	link_to(LIST, SKB(1), LIST); /* the only one was */
	l = queue_look(&mem, LIST);
	assert_int_equal(l.state, QUEUE_TAKING);
	assert_int_equal(l.tail, 0);
}

static void waiting(void **state)
{
	uint64_t skb[8];
	unsigned n;

	(void)state;
	assert_int_equal(queue_backlog(&mem, LIST, skb, 8, &n), 0);
	link_to(LIST, SKB(1), SKB(3));
	link_to(SKB(1), SKB(2), LIST);
	link_to(SKB(2), SKB(3), SKB(1));
	link_to(SKB(3), LIST, SKB(2));
	assert_int_equal(queue_backlog(&mem, LIST, skb, 8, &n), 3);
	assert_int_equal(skb[0], SKB(1));
	assert_int_equal(skb[2], SKB(3));
	assert_int_equal(queue_backlog(&mem, LIST, skb, 2, &n), 2);
	arena_u64(&a, SKB(2) + QUEUE_NEXT, LIST); /* the third is being added */
	assert_int_equal(queue_backlog(&mem, LIST, skb, 8, &n), 2);
}

static void lies(void **state)
{
	uint64_t skb[8];
	unsigned n;

	(void)state;
	link_to(LIST, SKB(1), SKB(2));
	link_to(SKB(1), SKB(2), LIST);
	link_to(SKB(2), SKB(1), SKB(1)); /* bites its tail */
	assert_int_equal(queue_backlog(&mem, LIST, skb, 8, &n), -EBADMSG);
	assert_int_equal(n, 2);
	link_to(SKB(2), 0x1000, SKB(1));
	assert_int_equal(queue_backlog(&mem, LIST, skb, 8, &n), -EFAULT);
	arena_u64(&a, LIST + QUEUE_PREV, 0x1000);
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_BROKEN);
	arena_u64(&a, LIST + QUEUE_PREV, 0);
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_BROKEN);
	link_to(SKB(3), LIST, 0x1000);
	arena_u64(&a, LIST + QUEUE_PREV, SKB(3));
	assert_int_equal(queue_look(&mem, LIST).state, QUEUE_BROKEN);
	assert_int_equal(queue_look(&mem, 0).state, QUEUE_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(adding, setup), cmocka_unit_test_setup(taking, setup),
		cmocka_unit_test_setup(waiting, setup), cmocka_unit_test_setup(lies, setup)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
