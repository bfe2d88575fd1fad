/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_test.c - the ring walk against a ring written as the kernel writes it: every record once
 * and exact, losses counted, lies survived.
 */
#include "unit/source/printk_rig.h"
#include "util/hash.h"

#define SITES 16

/* Every length at every position of the ring, over many wraps, copied one by one. */
static void exact_over_wraps(void **state)
{
	(void)state;
	for (int rule = 0; rule < 4; rule++) {
		begin(3, 8, rule & 1, rule & 2);
		open_ring(NULL);
		for (uint64_t i = 0; i < 3000; i++) {
			size_t len = i * 5 % 97;

			print(i, len);
			drain(PRINTK_AT_TRAP);
			assert_int_equal(n_seen, i + 1);
			expect(&seen[i], i, len, RECORD_LIVE);
		}
		assert_int_equal(printk_counters(p)->lost, 0);
		assert_int_equal(printk_counters(p)->records, 3000);
		end();
	}
}

/* Blocks that end exactly at the end of the ring, first thing and later. */
static void exact_fit(void **state)
{
	(void)state;
	for (int rule = 0; rule < 2; rule++) {
		begin(6, 8, rule, true);
		open_ring(NULL);
		for (uint64_t i = 0; i < 64; i++) {
			print(i, 55); /* 8 + 55 + 1 = 64, a quarter of the ring */
			drain(PRINTK_AT_TRAP);
			expect(&seen[i], i, 55, RECORD_LIVE);
		}
		end();
	}
}

static void backfill_then_live(void **state)
{
	(void)state;
	begin(5, 12, false, true);
	for (uint64_t i = 0; i < 20; i++)
		print(i, 10 + i);
	open_ring(NULL);
	drain(PRINTK_AT_POLL);
	printk_armed(p);
	print(20, 30);
	drain(PRINTK_AT_TRAP);
	print(21, 31);
	drain(PRINTK_AT_POLL); /* its trap may be under way */
	assert_int_equal(n_seen, 21);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 22);
	for (uint64_t i = 0; i < 20; i++)
		expect(&seen[i], i, 10 + i, RECORD_BACKFILL);
	expect(&seen[20], 20, 30, RECORD_LIVE);
	expect(&seen[21], 21, 31, RECORD_LATE);
	end();
}

/* More records than the ring holds: a gap with the exact count, then the rest. */
static void gap_is_exact(void **state)
{
	uint64_t got;

	(void)state;
	begin(4, 12, true, true);
	open_ring(NULL);
	print(0, 5);
	drain(PRINTK_AT_TRAP);
	for (uint64_t i = 1; i < 100; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(seen[1].kind, META_GAP);
	assert_int_equal(seen[1].seq, 1);
	got = n_seen - 2;
	assert_int_equal(seen[1].count + got, 99);
	assert_int_equal(got, 16);
	expect(&seen[n_seen - 1], 99, 9, RECORD_LIVE);
	assert_int_equal(printk_counters(p)->lost, seen[1].count);
	end();
}

/*
 * Texts overwritten while their descriptors are still there; those not yet overwritten are saved.
 */
static void texts_overwritten(void **state)
{
	uint64_t next = 0, lost = 0;

	(void)state;
	begin(7, 9, false, true); /* 128 descriptors, 512 bytes of text */
	open_ring(NULL);
	for (uint64_t i = 0; i < 60; i++)
		print(i, 23); /* blocks of 32: 16 fit */
	drain(PRINTK_AT_POLL);
	for (unsigned i = 0; i < n_seen; i++) {
		assert_int_equal(seen[i].seq, next);
		if (seen[i].kind == META_GAP) {
			lost += seen[i].count;
			next += seen[i].count;
		} else {
			expect(&seen[i], next++, 23, RECORD_LATE);
		}
	}
	assert_int_equal(next, 60);
	assert_in_range(lost, 43, 46);
	end();
}

static void continued(void **state)
{
	char buf[64];

	(void)state;
	begin(4, 8, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 200; i++) {
		text_of(i, buf, 40);
		rw_print(&w, buf, 10, false);
		drain(PRINTK_AT_TRAP);
		assert_int_equal(n_seen, i); /* not final: not yet a record */
		rw_continue(&w, buf + 10, 13, false);
		drain(PRINTK_AT_TRAP);
		rw_continue(&w, buf + 23, 17, true);
		drain(PRINTK_AT_TRAP);
		assert_int_equal(n_seen, i + 1);
		expect(&seen[i], i, 40, RECORD_LIVE);
	}
	/* Left open, final when the next is reserved. */
	text_of(200, buf, 20);
	rw_print(&w, buf, 20, false);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, 200);
	print(201, 5);
	drain(PRINTK_AT_TRAP);
	expect(&seen[200], 200, 20, RECORD_LIVE);
	assert_false(seen[200].cont);
	expect(&seen[201], 201, 5, RECORD_LIVE);
	end();
}

static void vm_ends(void **state)
{
	char buf[64], *to;
	struct err e;

	(void)state;
	for (int gone = 0; gone < 2; gone++) {
		begin(4, 10, false, true);
		open_ring(NULL);
		print(0, 8);
		drain(PRINTK_AT_TRAP);
		rw_print(&w, buf, text_of(1, buf, 20), false);
		drain(PRINTK_AT_POLL);
		if (gone)
			w.fail_at = w.rb + 1, w.size = 0;
		else
			rw_reserve(&w, 30, &to);
		if (!gone) { /* record 1 became final by the reservation of record 2 */
			assert_int_equal(printk_end(p, 1000000, &e), 0);
			expect(&seen[1], 1, 20, RECORD_LATE);
			assert_int_equal(seen[2].kind, META_GAP);
			assert_int_equal(seen[2].seq, 2);
			assert_int_equal(n_seen, 3);
		} else {
			assert_int_equal(printk_end(p, 1000000, &e), 0);
			expect(&seen[1], 1, 20, RECORD_PARTIAL);
			assert_int_equal(n_seen, 2);
		}
		end();
	}
}

static void empty_and_no_room(void **state)
{
	char buf[200] = "";

	(void)state;
	begin(4, 7, false, true);
	open_ring(NULL);
	print(0, 0);
	rw_print(&w, buf, 200, true); /* longer than the ring: reserved without text */
	print(2, 6);
	drain(PRINTK_AT_TRAP);
	expect(&seen[0], 0, 0, RECORD_LIVE);
	assert_int_equal(seen[1].kind, META_GAP);
	assert_int_equal(seen[1].count, 1);
	expect(&seen[2], 2, 6, RECORD_LIVE);
	assert_int_equal(printk_counters(p)->lost, 0);
	end();
}

static struct source_resume resume_at(uint64_t seq, size_t len, const char *boot)
{
	struct source_resume r = {.known = true, .seq = seq, .guest_ns = seq * 1000 + 7};
	char buf[2048];

	snprintf(r.boot, sizeof(r.boot), "%s", boot);
	r.text_hash = hash64(buf, text_of(seq, buf, len));
	return r;
}

static void resume(void **state)
{
	struct source_resume at;

	(void)state;
	/* Recognised by content, although the boot id differs. */
	begin(4, 12, false, true);
	for (uint64_t i = 0; i < 10; i++)
		print(i, 9);
	at = resume_at(6, 9, "ffffffffffffffff");
	open_ring(&at);
	assert_true(printk_resumed(p));
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 3);
	expect(&seen[0], 7, 9, RECORD_BACKFILL);
	end();
	/* Another boot: from the beginning. */
	begin(4, 12, false, true);
	for (uint64_t i = 0; i < 10; i++)
		print(i, 9);
	at = resume_at(6, 8, "ffffffffffffffff");
	open_ring(&at);
	assert_false(printk_resumed(p));
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 10);
	end();
	/* Same boot, overwritten meanwhile: exact gap. */
	begin(4, 12, false, true);
	for (uint64_t i = 0; i < 100; i++)
		print(i, 9);
	at = resume_at(6, 9, BOOT);
	open_ring(&at);
	assert_true(printk_resumed(p));
	drain(PRINTK_AT_POLL);
	assert_int_equal(seen[0].kind, META_GAP);
	assert_int_equal(seen[0].seq, 7);
	assert_int_equal(seen[0].count + n_seen - 1, 93);
	assert_int_equal(printk_counters(p)->lost, seen[0].count);
	end();
}

/* A record that its writer finished after the source had written a gap for it and ended: it follows late. */
static void finished_while_away(void **state)
{
	struct source_resume at = resume_at(0, 9, BOOT);
	struct err e = {""};
	uint64_t id[2], sv[2];
	char buf[32];

	(void)state;
	begin(5, 12, false, true);
	open_ring(NULL);
	print(0, 9);
	drain(PRINTK_AT_POLL);
	for (uint64_t i = 0; i < 2; i++) {
		id[i] = rw_print(&w, buf, text_of(1 + i, buf, 9), true);
		sv[i] = *rw_desc(&w, id[i]);
		*rw_desc(&w, id[i]) = RW_SV(id[i], PRB_RESERVED);
	}
	assert_int_equal(printk_end(p, now_us, &e), 0);
	expect(&seen[0], 0, 9, RECORD_LATE);
	assert_int_equal(seen[1].kind, META_GAP);
	assert_int_equal(seen[1].seq, 1);
	assert_int_equal(seen[1].count, 2);
	assert_int_equal(n_seen, 2);
	printk_close(p);
	*rw_desc(&w, id[1]) = sv[1];
	print(3, 9);
	at.next = 3;
	at.open[0] = 1;
	at.open[1] = 2;
	at.n_open = 2;
	open_ring(&at);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 4);
	expect(&seen[2], 3, 9, RECORD_BACKFILL);
	expect(&seen[3], 2, 9, RECORD_LATE);
	*rw_desc(&w, id[0]) = sv[0];
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 5);
	expect(&seen[4], 1, 9, RECORD_LATE);
	end();
}

static void sink_refuses(void **state)
{
	struct err e;

	(void)state;
	begin(4, 12, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 5; i++)
		print(i, 9);
	refuse = -ENOSPC;
	assert_int_equal(printk_drain(p, PRINTK_AT_TRAP, 1, &e), -ENOSPC);
	refuse = 0;
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, 5);
	expect(&seen[0], 0, 9, RECORD_LIVE);
	end();
}

/* The guest writes between any two reads of ours. */
static uint64_t printed;

static void busy_guest(struct ring_writer *rw, size_t off)
{
	(void)rw;
	(void)off;
	print(printed, 5 + printed % 60);
	printed++;
}

static void running_guest(void **state)
{
	uint64_t next = 0;
	struct err e;

	(void)state;
	begin(4, 10, false, true);
	open_ring(NULL);
	printed = 0;
	for (int i = 0; i < 300; i++) {
		w.on_read = busy_guest;
		assert_in_range(printk_drain(p, PRINTK_AT_POLL, 1, &e), 0, 1);
		w.on_read = NULL;
		if (i % 3 == 0)
			drain(PRINTK_AT_POLL);
		if (n_seen > SEEN_MAX / 2)
			break;
	}
	drain(PRINTK_AT_POLL);
	for (unsigned i = 0; i < n_seen; i++) {
		if (seen[i].kind == META_ALERT)
			fail_msg("alert %s at record %u", seen[i].reason, i);
		assert_int_equal(seen[i].seq, next);
		if (seen[i].kind == META_GAP)
			next += seen[i].count;
		else
			expect(&seen[i], next, 5 + next % 60, RECORD_LATE), next++;
	}
	assert_int_equal(next, printed);
	end();
}

/* ---- copies made in the trap ---- */

static void copies_in_and_out_of_order(void **state)
{
	uint64_t id[8];
	char buf[64];

	(void)state;
	begin(5, 12, false, true);
	open_copies();
	for (uint64_t round = 0; round < 50; round++) {
		for (uint64_t i = 0; i < 8; i++)
			id[i] = rw_print(&w, buf, text_of(round * 8 + i, buf, 20 + i), true);
		for (unsigned i = 0; i < 8; i++)
			deliver(id[i ^ (round & 7)], true);
		deliver(id[3], true); /* once more */
		assert_int_equal(n_seen, round * 8 + 8);
		for (uint64_t i = 0; i < 8; i++)
			expect(&seen[round * 8 + i], round * 8 + i, 20 + i, RECORD_LIVE);
	}
	end();
}

/* The short way delivers what the long way does, over many wraps. */
static void short_way(void **state)
{
	char buf[128];
	struct prb_copy c, d;

	(void)state;
	for (int new_wrap = 0; new_wrap < 2; new_wrap++) {
		begin(4, 10, new_wrap, true);
		open_copies();
		for (uint64_t i = 0; i < 500; i++) {
			size_t len = text_of(i, buf, 1 + i % 90);
			uint64_t id = rw_print(&w, buf, len, true);

			on_stack(id);
			*rw_desc(&w, id) = RW_SV(id, PRB_RESERVED);
			assert_int_equal(fetch_fast(id - 1, &c), 0);
			assert_int_equal(prb_fetch_commit(&w.mem, &w.layout.g,
				RW_BASE + w.rb + RW_STACK + PRB_FRAME_BELOW, &d), 0);
			*rw_desc(&w, id) = RW_SV(id, PRB_FINALIZED);
			assert_int_equal(c.id, id);
			assert_int_equal(c.flags, d.flags);
			assert_int_equal(c.text_len, len);
			assert_memory_equal(c.text, buf, len);
			assert_int_equal(c.info_len, PRB_INFO_HEAD_CTX);
			assert_memory_equal(c.info, d.info, c.info_len);
		}
		end();
	}
}

/* Anything that does not fit together is left to the long way. */
static void short_way_refused(void **state)
{
	char buf[64];
	struct prb_copy c;
	struct prb_frame *f;
	uint8_t *info;
	uint64_t id, *block;

	(void)state;
	begin(4, 10, true, true);
	open_copies();
	rw_print(&w, buf, text_of(0, buf, 40), true);
	id = rw_print(&w, buf, text_of(1, buf, 40), true);
	info = rw_info(&w, id);
	f = on_stack(id);
	block = rw_word(&w, f->text - 8 - RW_BASE);
	assert_int_equal(fetch_fast(id - 1, &c), 0);
	assert_int_not_equal(fetch_fast(id, &c), 0);
	assert_int_not_equal(fetch_fast(id + 1, &c), 0);
#define REFUSED(lvalue, value) do { \
		__typeof__(lvalue) was = (lvalue); \
		(lvalue) = (value); \
		assert_int_not_equal(fetch_fast(id - 1, &c), 0); \
		(lvalue) = was; \
		assert_int_equal(fetch_fast(id - 1, &c), 0); \
	} while (0)
	REFUSED(f->rb, f->rb + 8);
	REFUSED(f->id, id + 1);
	REFUSED(f->info, f->info + RW_INFO);
	REFUSED(f->text, f->text + 8);
	REFUSED(f->text, f->text + 1);
	REFUSED(f->text, w.layout.g.data); /* its block would begin before the array */
	REFUSED(f->text, w.layout.g.data + w.layout.g.data_mask + 9);
	REFUSED(f->text, w.layout.g.data + w.layout.g.data_mask + 1);
	REFUSED(f->text, 0);
	REFUSED(f->size, 39);
	REFUSED(*block, id + 1);
	REFUSED(info[0], info[0] + 1); /* seq */
	REFUSED(info[16], 0);          /* text_len */
	REFUSED(info[17], 8);
	REFUSED(info[44], 'p');        /* dev_info: its head does not hold it */
	REFUSED(w.layout.g.head_len, 0);
	end();
}

static void copies_missed(void **state)
{
	uint64_t id[4];
	char buf[64];

	(void)state;
	begin(5, 12, true, true);
	open_copies();
	drain(PRINTK_AT_POLL);
	for (uint64_t i = 0; i < 4; i++)
		id[i] = rw_print(&w, buf, text_of(i, buf, 20), true);
	deliver(id[0], true);
	deliver(id[2], true);
	deliver(id[3], true);
	assert_int_equal(n_seen, 1); /* record 1 may still be on its way */
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 4);
	expect(&seen[1], 1, 20, RECORD_LATE);
	expect(&seen[2], 2, 20, RECORD_LIVE);
	end();
}

/* The sites are in order and a record came without a copy: it is stored, and an alert says so. */
static void copies_bypassed(void **state)
{
	struct trap_site s[2];
	struct err e = {""};
	char buf[64];

	(void)state;
	begin(5, 12, true, true);
	open_copies();
	p->code_commit = p->code_final = 1;
	assert_int_equal(printk_sites(p, TRAP_CODE, s, 2), 2);
	print(0, 20);
	printk_armed(p); /* record 0 is older */
	drain(PRINTK_AT_POLL);
	/* Copies that the backend had to drop explain as many late records. */
	printk_copies_lost(p, 1, 1000000);
	print(1, 20); /* under way, as far as the first poll knows */
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 1);
	assert_true(p->polled > p->want);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 2);
	expect(&seen[1], 1, 20, RECORD_LATE);
	/* A site known to be without its trap needs no second alert; nor what came until it had one again. */
	printk_disarmed(p);
	print(2, 20);
	drain(PRINTK_AT_POLL);
	print(3, 20);
	printk_rearmed(p);
	drain(PRINTK_AT_POLL);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 4);
	expect(&seen[3], 3, 20, RECORD_LATE);
	deliver(rw_print(&w, buf, text_of(4, buf, 20), true), true);
	expect(&seen[4], 4, 20, RECORD_LIVE);
	print(5, 20);
	drain(PRINTK_AT_POLL);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 7);
	expect(&seen[5], 5, 20, RECORD_LATE);
	assert_int_equal(seen[6].kind, META_ALERT);
	assert_int_equal(printk_copy(p, false, NULL, 0, 0, &e), -EBADMSG);
	end();
}

static void copies_continued(void **state)
{
	uint64_t id;
	char buf[64];

	(void)state;
	begin(5, 12, true, true);
	open_copies();
	text_of(0, buf, 40);
	id = rw_print(&w, buf, 10, false);
	deliver(id, false);
	rw_continue(&w, buf + 10, 30, false);
	deliver(id, false);
	assert_int_equal(n_seen, 0);
	id = rw_print(
		&w, buf, text_of(1, buf, 12), true); /* its reservation makes record 0 final */
	deliver(id, true);
	assert_int_equal(n_seen, 2);
	expect(&seen[0], 0, 40, RECORD_LIVE);
	expect(&seen[1], 1, 12, RECORD_LIVE);
	end();
}

/* ---- lies ---- */

static void geometry_lies(void **state)
{
	static const struct { size_t off; uint64_t value; } lies[] = {
		{RW_COUNT_BITS, 63}, {RW_COUNT_BITS, 0}, {RW_COUNT_BITS, 64}, {RW_COUNT_BITS, ~0u},
		{RW_DESCS, 0}, {RW_DESCS, ~0ULL}, {RW_DESCS, RW_BASE + 3}, {RW_INFOS, 0x1000},
		{RW_INFOS, ~7ULL}, {RW_TEXT_RING + RW_SIZE_BITS, 63},
		{RW_TEXT_RING + RW_SIZE_BITS, 0}, {RW_TEXT_RING + RW_DATA, ~7ULL},
		{RW_COUNT_BITS, 26},
	};
	struct err e;

	(void)state;
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		begin(4, 8, false, true);
		print(0, 5);
		*rw_word(&w, w.rb + lies[i].off) = lies[i].value;
		e.text[0] = 0;
		assert_true(printk_open_ring(&p, &w.layout, RW_BASE + w.rb, &w.mem, BOOT, true, &sink,
			NULL, &e) < 0);
		assert_true(strlen(e.text) > 20);
		rw_free(&w);
	}
}

/* Any word of ring, descriptors and infos replaced: bounded work, no crash, and it ends. */
static void ring_lies(void **state)
{
	static const uint64_t values[] = {0, 1, 3, 7, ~0ULL, 1ULL << 62, 1ULL << 63, 0xffff0008,
		RW_BASE, ~0ULL >> 2, 0x8000000000000010};
	struct err e;

	(void)state;
	for (size_t off = 0; off < RW_RB_SIZE + 128; off += 8) {
		for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			size_t at;

			begin(3, 8, i & 1, true);
			open_ring(NULL);
			for (uint64_t k = 0; k < 20; k++)
				print(k, 11);
			at = off < RW_RB_SIZE ? w.rb + off : w.descs + off - RW_RB_SIZE;
			*rw_word(&w, at) = values[i];
			for (int k = 0; k < 3; k++)
				printk_drain(p, k & 1 ? PRINTK_AT_TRAP : PRINTK_AT_POLL,
					k * 20000000LL, &e);
			*rw_word(&w, w.infos + off) = values[i];
			for (int k = 0; k < 3; k++)
				printk_drain(p, PRINTK_AT_POLL, 100000000LL + k * 20000000LL, &e);
			printk_end(p, 1, &e);
			assert_true(w.reads < 1000000);
			assert_true(n_seen < 400);
			end();
		}
	}
}

/* A descriptor that stays `reserved` cannot blind us, and is taken if it is finished after all. */
static void stalled_record(void **state)
{
	char buf[32];
	struct err e;
	uint64_t id, sv;

	(void)state;
	begin(4, 12, false, true);
	open_ring(NULL);
	print(0, 9);
	id = rw_print(&w, buf, text_of(1, buf, 9), true);
	sv = *rw_desc(&w, id);
	*rw_desc(&w, id) = RW_SV(id, PRB_RESERVED);
	print(2, 9);
	for (int64_t t = 1; t < 6; t++)
		assert_int_equal(printk_drain(p, PRINTK_AT_TRAP, t * 1000000, &e), 0);
	assert_int_equal(n_seen, 4);
	assert_int_equal(seen[1].kind, META_ALERT);
	assert_string_equal(seen[1].reason, "record-stalled");
	assert_int_equal(seen[2].kind, META_GAP);
	assert_int_equal(seen[2].seq, 1);
	expect(&seen[3], 2, 9, RECORD_LIVE);
	*rw_desc(&w, id) = sv;
	drain(PRINTK_AT_TRAP);
	expect(&seen[4], 1, 9, RECORD_LATE);
	assert_int_equal(n_seen, 5);
	end();
}

/* text_len is 16 bits: the longest record there can be, far beyond what printk() makes. */
static void longest_record(void **state)
{
	static char text[65535];
	uint64_t id;
	char *to;
	uint16_t n = sizeof(text);

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 13);
	begin(3, 18, true, true);
	open_ring(NULL);
	rw_print(&w, text, 32768, true);
	id = rw_reserve(&w, sizeof(text), &to);
	memcpy(to, text, sizeof(text));
	memcpy(rw_info(&w, id) + 8, &(uint64_t){1007}, 8);
	memcpy(rw_info(&w, id) + 16, &n, 2);
	rw_commit(&w, id, true);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, 2);
	assert_int_equal(seen[0].len, 32768);
	assert_true(seen[0].hash == hash64(text, 32768));
	assert_int_equal(seen[1].len, 65535);
	assert_true(seen[1].hash == hash64(text, 65535));
	end();
}

static void moved_ring(void **state)
{
	struct err e;

	(void)state;
	begin(4, 12, false, true);
	open_ring(NULL);
	print(0, 9);
	*rw_word(&w, w.prb) = RW_BASE + w.rb + 8;
	assert_int_equal(printk_drain(p, PRINTK_AT_POLL, 1, &e), -ESTALE);
	assert_int_equal(n_seen, 1);
	end();
}

static void sites(void **state)
{
	struct trap_site s[SITES];

	(void)state;
	begin(4, 12, false, true);
	open_ring(NULL);
	assert_int_equal(printk_sites(p, TRAP_WATCH, s, SITES), 1);
	assert_int_equal(s[0].kind, SITE_WATCH);
	assert_true(s[0].gva == RW_BASE + w.rb + RW_LAST);
	end();
	begin(4, 12, false, false); /* before 5.19, no console found */
	open_ring(NULL);
	assert_int_equal(printk_sites(p, TRAP_WATCH, s, SITES), 1);
	assert_true(s[0].gva == RW_BASE + w.rb + RW_HEAD_ID);
	assert_int_equal(printk_sites(p, TRAP_CODE, s, SITES), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_over_wraps), cmocka_unit_test(exact_fit),
		cmocka_unit_test(backfill_then_live), cmocka_unit_test(gap_is_exact),
		cmocka_unit_test(texts_overwritten), cmocka_unit_test(continued),
		cmocka_unit_test(vm_ends), cmocka_unit_test(empty_and_no_room),
		cmocka_unit_test(resume), cmocka_unit_test(finished_while_away),
		cmocka_unit_test(sink_refuses),
		cmocka_unit_test(running_guest), cmocka_unit_test(copies_in_and_out_of_order),
		cmocka_unit_test(short_way), cmocka_unit_test(short_way_refused),
		cmocka_unit_test(copies_missed), cmocka_unit_test(copies_bypassed),
		cmocka_unit_test(copies_continued), cmocka_unit_test(geometry_lies),
		cmocka_unit_test(ring_lies), cmocka_unit_test(stalled_record),
		cmocka_unit_test(moved_ring), cmocka_unit_test(longest_record),
		cmocka_unit_test(sites),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
