/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_flood_test.c - a flood is read without a stop for each record, and nothing is lost.
 */
#include "unit/source/printk_rig.h"

#define SITES 16

/* The guest is stopped where the source asked for it, and nowhere else. */
static unsigned stops;

static void at_reuse(struct ring_writer *ring, uint64_t gva)
{
	struct trap_site s[SITES];
	unsigned n = printk_sites(p, TRAP_WATCH, s, SITES);

	(void)ring;
	while (n && s[n - 1].gva != gva)
		n--;
	if (!n)
		return;
	stops++;
	drain(PRINTK_AT_TRAP);
}

/* As for each record a doorbell, so many microseconds apart. */
static void print_slowly(uint64_t from, uint64_t to, int64_t us)
{
	for (uint64_t i = from; i < to; i++) {
		print(i, i * 5 % 97);
		now_us += us;
		drain(PRINTK_AT_TRAP);
	}
}

static void flood_begin(unsigned desc_bits, unsigned data_bits, int rule)
{
	struct trap_site s[SITES];

	begin(desc_bits, data_bits, rule & 1, rule & 2);
	open_ring(NULL);
	printk_sites(p, TRAP_WATCH, s, SITES);
	drain(PRINTK_AT_POLL);
	printk_armed(p);
	stops = 0;
	w.on_reuse = at_reuse;
}

/*
 * A flood is read without a stop for each record: nothing is lost even if nobody polls in between,
 * whichever of the two rings, descriptors or texts, is the shorter one.
 */
static void flood(void **state)
{
	static const unsigned bits[][2] = {{9, 13}, {7, 16}, {12, 14}};

	(void)state;
	for (int i = 0; i < 12; i++) {
		flood_begin(bits[i / 4][0], bits[i / 4][1], i % 4);
		print_slowly(0, 600, 4000); /* more than 2 s of it */
		assert_true(printk_flooded(p));
		assert_int_equal(seen[500].fid, RECORD_LIVE);
		for (uint64_t n = 600; n < 8000; n++)
			print(n, n * 5 % 97);
		now_us += 1000;
		drain(PRINTK_AT_POLL);
		assert_int_equal(n_seen, 8000);
		for (uint64_t n = 0; n < 8000; n++)
			expect(&seen[n], n, n * 5 % 97, n < 600 && seen[n].fid == RECORD_LIVE ?
				RECORD_LIVE : RECORD_LATE);
		assert_int_equal(printk_counters(p)->lost, 0);
		assert_in_range(stops, 20, 8000 / 20);
		end();
	}
}

/*
 * One vCPU reserves a record and has to wait there; the doorbell does not ring for what the other one
 * writes meanwhile, which is several rings full.
 */
static void writer_waits(void **state)
{
	char buf[64];

	(void)state;
	for (int i = 0; i < 8; i++) {
		uint64_t id, n = 400;
		unsigned late = 0, gaps = 0, records = 0;

		flood_begin(i & 4 ? 9 : 12, 13, i % 4);
		if (i & 4)
			printk_strict(p);
		print_slowly(0, n, i & 1 ? 1000 : 8000);
		id = rw_reserve_desc(&w);
		for (uint64_t k = n + 1; k < n + (i & 4 ? 500 : 2000); k++)
			print(k, k * 5 % 97);
		rw_finish(&w, id, buf, text_of(n, buf, 33), true);
		drain(PRINTK_AT_TRAP);
		for (unsigned k = 0; k < n_seen; k++) {
			gaps += seen[k].kind == META_GAP;
			if (seen[k].kind != META_KINDS)
				continue;
			records++;
			if (seen[k].seq == n) {
				expect(&seen[k], n, 33, RECORD_LATE);
				late++;
			}
		}
		assert_int_equal(records, printk_next(p));
		assert_int_equal(late, 1);
		assert_int_equal(gaps, 1);
		assert_int_equal(printk_counters(p)->lost, 0);
		end();
	}
}

static void flood_ends(void **state)
{
	struct trap_site s[SITES];

	(void)state;
	flood_begin(9, 13, 2);
	print_slowly(0, 600, 4000);
	assert_int_equal(printk_sites(p, TRAP_WATCH, s, SITES), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(s[i].tag, PRINTK_TAG_REUSE + i);
	now_us += 300000;
	drain(PRINTK_AT_POLL); /* 600 in the window */
	for (int i = 0; i < 2; i++) {
		now_us += 300000;
		drain(PRINTK_AT_POLL);
	}
	assert_false(printk_flooded(p));
	assert_int_equal(printk_sites(p, TRAP_WATCH, s, SITES), 3);
	assert_int_equal(s[0].tag, PRINTK_TAG_REUSE);
	assert_int_equal(s[2].tag, PRINTK_TAG_LAST);
	assert_true(printk_doorbell_only(p)); /* of a KVM guest with other watchpoints in use */
	assert_int_equal(printk_sites(p, TRAP_WATCH, s, SITES), 1);
	assert_false(printk_doorbell_only(p));
	print_slowly(600, 700, 4000);
	expect(&seen[699], 699, 699 * 5 % 97, RECORD_LIVE);
	end();
}

/* A burst is no flood, a slow guest neither, and where it is not wanted there is none. */
static void no_flood(void **state)
{
	(void)state;
	flood_begin(9, 13, 2);
	print_slowly(0, 1000, 1000); /* 1 s */
	assert_false(printk_flooded(p));
	now_us += 10000000;
	print_slowly(1000, 1200, 20000); /* 50/s */
	assert_false(printk_flooded(p));
	printk_strict(p);
	print_slowly(1200, 4000, 2000);
	assert_false(printk_flooded(p));
	end();
	flood_begin(3, 12, 2); /* too short a ring */
	print_slowly(0, 2000, 4000);
	assert_false(printk_flooded(p));
	assert_int_equal(printk_counters(p)->lost, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood), cmocka_unit_test(writer_waits),
		cmocka_unit_test(flood_ends), cmocka_unit_test(no_flood),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
