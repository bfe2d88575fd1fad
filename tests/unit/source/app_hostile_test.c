/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app_hostile_test.c - tasks, sockets, queues and messages that lie: pointers to nowhere and in circles, lengths of
 * 4 GiB. Nothing crashes, all of it ends, and each message that a trap brought is stored, or counted, or told to have
 * led astray, or it is no log's.
 */
#include "unit/source/app_rig.h"

#include "unit/source/app_world.h"

#define READS_MAX 400000 /* of one trap, or one look at all queues */

static const struct fetch_regs regs = {.rdi = B + WORLD_SOCK + 56, .rsi = B + WORLD_SKB, .gs = B + WORLD_GS};

/* A trap in what is there by now: how many records came of it. */
static unsigned trapped(const struct fetch_regs *r)
{
	world_open(&world_mem, B, APP_AT_QUEUE, &rig_sink);
	world_ram.reads = 0;
	world_trap(TRAPS_DGRAM, r);
	assert_true(world_ram.reads < READS_MAX);
	world_end();
	world_close();
	return rig.n;
}

static void one_message(void **state)
{
	(void)state;
	world_make();
	assert_int_equal(trapped(&regs), 1);
	rig_is(rig_get(0)->msg, WORLD_TEXT);
	rig_is(rig_get(0)->procid, "7");
	rig_is(rig_observed(rig_get(0), "sock"), "/dev/log");
	rig_clear();
}

/* Every word that is followed, leading everywhere. */
static void every_pointer(void **state)
{
	static const uint64_t values[] = {0, 8, 0x7fffffffe000, 0xff00000000000000, UINT64_MAX, UINT64_MAX - 7, B - 1, B, B + 1,
		B + ARENA_SIZE - 4, B + ARENA_SIZE, B + WORLD_SKB, B + WORLD_SOCK, B + WORLD_TASK, B + WORLD_DENTRY, B + WORLD_MNT};
	unsigned stored = 0, other = 0;

	(void)state;
	for (uint64_t at = 0x1000; at < 0x2b00; at += 8)
		for (unsigned v = 0; v <= sizeof(values) / sizeof(values[0]); v++) {
			unsigned n;

			world_make();
			arena_u64(&world_ram, B + at, v ? values[v - 1] : B + at); /* first: itself */
			n = trapped(&regs);
			/* None: its receiver is no log any more. */
			assert_true(n <= 2);
			stored += n == 1 && !span_is(rig_get(0)->app, "logvisor");
			other += n == 1 && span_is(rig_get(0)->app, "logvisor");
			rig_clear();
		}
	assert_true(stored > 10000 && other > 10);
}

static void registers(void **state)
{
	static const uint64_t values[] = {0, 56, 0x1000, B, B + 3, B + ARENA_SIZE - 1, UINT64_MAX, UINT64_MAX - 200};

	(void)state;
	world_make();
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < 8; k++)
			for (unsigned j = 0; j < 8; j++) {
				trapped(&(struct fetch_regs){.rdi = values[i], .rsi = values[k], .gs = values[j], .cr3 = UINT64_MAX});
				rig_clear();
			}
}

/* What is not all there is stored and said to be cut, or counted. */
static void lengths(void **state)
{
	static const uint32_t len[] = {0, 1, 1024, 1025, 70000, ARENA_SIZE, 16u << 20, 0x7fffffff, 0x80000000, 0xffffffff};
	unsigned cut = 0, gaps = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++)
		for (unsigned k = 0; k < sizeof(len) / sizeof(len[0]); k++)
			for (unsigned frags = 0; frags < 256; frags += 51) {
				uint8_t nr = (uint8_t)frags;

				world_make();
				arena_u32(&world_ram, B + WORLD_SKB + 112, len[i]);
				arena_u32(&world_ram, B + WORLD_SKB + 116, len[k]);
				arena_put(&world_ram, B + WORLD_DATA + 0x202, &nr, 1);
				for (unsigned f = 0; f < 60; f++) {
					arena_u64(&world_ram, B + WORLD_DATA + 0x230 + 16 * f, B + WORLD_PAGES + 64 * f);
					arena_u32(&world_ram, B + WORLD_DATA + 0x238 + 16 * f, len[(i + f) % 10]);
					arena_u32(&world_ram, B + WORLD_DATA + 0x23c + 16 * f, len[(k + f) % 10]);
				}
				assert_true(trapped(&regs) >= 1);
				cut += rig_get(0)->truncated;
				gaps += span_is(rig_get(0)->msgid, "gap");
				rig_clear();
			}
	assert_true(cut > 50);
	assert_true(gaps > 0);
}

/* Names in circles, and of 4 GiB. */
static void names(void **state)
{
	(void)state;
	world_make();
	world_name(B + WORLD_PARENT, B + WORLD_DENTRY, "dev");
	trapped(&regs);
	rig_clear();
	world_make();
	arena_u32(&world_ram, B + WORLD_DENTRY + 0x24, UINT32_MAX);
	trapped(&regs);
	rig_clear();
	world_make();
	arena_u64(&world_ram, B + WORLD_KN + 8, B + WORLD_KN);
	assert_int_equal(trapped(&regs), 1);
	rig_clear();
	/* A mount in a mount in the first. */
	world_make();
	world_name(B + WORLD_ROOT, B + WORLD_ROOT, "/");
	arena_u64(&world_ram, B + WORLD_MNT - 0x20 + 0x10, B + WORLD_MNT + 0x20);
	arena_u64(&world_ram, B + WORLD_MNT + 0x20 + 0x10, B + WORLD_MNT - 0x20);
	trapped(&regs);
	rig_clear();
}

/* So many records come of the look at all queues at the attachment. */
static unsigned looked(void)
{
	world_open(&world_mem, B, APP_AT_QUEUE, &rig_sink);
	world_ram.reads = 0;
	world_planted();
	assert_true(world_ram.reads < 20 * READS_MAX);
	assert_null(world.l.watch);
	world_end();
	world_close();
	return rig.n;
}

static void waiting(void **state)
{
	const uint64_t list = B + WORLD_SOCK + 56;

	(void)state;
	world_make();
	assert_int_equal(looked(), 0);
	for (unsigned i = 0; i < 20; i++)
		world_skb(B + 0x10000 + 0x100 * i, B + WORLD_DATA, (uint32_t)strlen(WORLD_TEXT));
	world_link(list, B + 0x10000, B + 0x10200);
	world_link(B + 0x10000, B + 0x10100, list);
	world_link(B + 0x10100, B + 0x10200, B + 0x10000);
	world_link(B + 0x10200, list, B + 0x10100);
	assert_int_equal(looked(), 3);
	assert_int_equal(rig_get(0)->fidelity, RECORD_BACKFILL);
	rig_is(rig_get(0)->msg, WORLD_TEXT);
	rig_clear();
	/* One more is just being added: the list knows it, and its predecessor does not yet. */
	world_link(B + 0x10300, list, B + 0x10200);
	arena_u64(&world_ram, list + 8, B + 0x10300);
	assert_int_equal(looked(), 4);
	rig_clear();
	/* One that cannot be read is counted. */
	arena_u64(&world_ram, B + 0x10100 + 192, 8);
	arena_u64(&world_ram, B + 0x10100 + 200, 8);
	assert_int_equal(looked(), 4);
	rig_is(rig_get(3)->msgid, "gap");
	rig_clear();
	/* A row that bites its tail; one of what is no message; one that is endless. */
	world_link(B + 0x10200, B + 0x10000, B + 0x10100);
	looked();
	rig_clear();
	world_link(list, UINT64_MAX - 7, UINT64_MAX - 7);
	looked();
	rig_clear();
	for (unsigned i = 0; i < 2000; i++)
		world_link(B + 0x20000 + 16 * i, B + 0x20000 + 16 * (i + 1), i ? B + 0x20000 + 16 * (i - 1) : list);
	world_link(list, B + 0x20000, B + 0x20000 + 16 * 1999);
	looked();
	rig_clear();
}

/* Sockets in circles; a listener whose connections are itself. */
static void sockets(void **state)
{
	const uint64_t list = B + WORLD_SOCK + 56;
	uint16_t type = UNIX_STREAM;
	uint8_t listens = UNIX_LISTEN;

	(void)state;
	world_make();
	arena_u64(&world_ram, B + WORLD_SOCK + 48, B + WORLD_SOCK + 48);
	arena_u64(&world_ram, B + WORLD_SOCK + 40, B + WORLD_SOCK + 40);
	looked();
	rig_clear();
	world_make();
	world_name(B + WORLD_DENTRY, B + WORLD_PARENT, "stdout");
	world_name(B + WORLD_PARENT, B + WORLD_ROOT, "journal");
	arena_put(&world_ram, B + WORLD_SOCK + 32, &type, 2);
	arena_put(&world_ram, B + WORLD_SOCK + 18, &listens, 1);
	arena_u64(&world_ram, B + WORLD_SKB + 24, B + WORLD_SOCK);
	world_link(list, B + WORLD_SKB, B + WORLD_SKB);
	world_link(B + WORLD_SKB, list, list);
	looked();
	rig_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_message), cmocka_unit_test(every_pointer), cmocka_unit_test(registers),
		cmocka_unit_test(lengths), cmocka_unit_test(names), cmocka_unit_test(waiting), cmocka_unit_test(sockets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
