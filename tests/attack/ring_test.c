/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring_test.c - root in the guest, with kernel rights, against the walk of its log: numbers that are never
 * written, forged copies, traps with nothing behind them, a head that goes back. What each must come to:
 * all that was logged is stored, or a gap or an alert says that it is not.
 */
#include <inttypes.h>

#include "unit/source/printk_rig.h"
#include "util/hash.h"

static uint64_t *head_id(void)
{
	return rw_word(&w, w.rb + RW_HEAD_ID);
}

static unsigned count(enum meta_kind kind, const char *reason)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_seen; i++)
		n += seen[i].kind == kind && (!reason || !strcmp(seen[i].reason, reason));
	return n;
}

static bool stored(const char *text, size_t n)
{
	for (unsigned i = 0; i < n_seen; i++)
		if (seen[i].kind == META_KINDS && seen[i].hash == hash64(text, n))
			return true;
	return false;
}

/* Is @text stored, and as another version of a record that is? */
static bool differs(const char *text, size_t n)
{
	for (unsigned i = 0; i < n_seen; i++)
		if (seen[i].kind == META_KINDS && seen[i].hash == hash64(text, n))
			return seen[i].fid == RECORD_DIFFERS;
	return false;
}

/* Is record @seq stored? */
static bool has(uint64_t seq)
{
	for (unsigned i = 0; i < n_seen; i++)
		if (seen[i].kind == META_KINDS && seen[i].seq == seq)
			return true;
	return false;
}

/* Is it in a gap? */
static bool missing(uint64_t seq)
{
	for (unsigned i = 0; i < n_seen; i++)
		if (seen[i].kind == META_GAP && seq - seen[i].seq < seen[i].count)
			return true;
	return false;
}

/* Followed by watchpoints, or (@code) by copies. */
static void follow(bool code)
{
	struct trap_site s[8];

	begin(10, 16, true, true);
	open_copies();
	if (code)
		p->code_commit = p->code_final = 1;
	printk_sites(p, code ? TRAP_CODE : TRAP_WATCH, s, 8);
	for (int i = 0; i < 5; i++)
		print((uint64_t)i, 20);
	printk_armed(p);
	drain(PRINTK_AT_POLL);
	drain(PRINTK_AT_POLL);
}

static void wait_us(int64_t us)
{
	for (int64_t end = now_us + us; now_us < end; now_us += 100000)
		drain(PRINTK_AT_POLL);
}

/* The guest's kernel logs records [@from, @to), one each 20 ms, as it always does. */
static void logs(uint64_t from, uint64_t to, bool code)
{
	char buf[64];

	for (uint64_t i = from; i < to; i++) {
		uint64_t id = rw_print(&w, buf, text_of(i, buf, 20), true);

		if (code)
			deliver(id, true);
		else
			drain(PRINTK_AT_TRAP);
		now_us += 20000;
		if (i % 5 == 0)
			drain(PRINTK_AT_POLL);
	}
}

/* head_id += n, a single store: these numbers are given away and never written. */
static void numbers_never_written(bool code, unsigned n)
{
	unsigned live = 0;

	follow(code);
	*head_id() = RW_ID(*head_id() + n);
	logs(5 + n, 900, code);
	wait_us(3000000);
	for (uint64_t i = 0; i < 900; i++)
		assert_true(i >= 5 && i < 5 + n ? missing(i) && !has(i) : has(i));
	assert_true(count(META_GAP, NULL) <= 2);
	for (unsigned i = 0; i < n_seen; i++)
		live += seen[i].kind == META_KINDS && seen[i].fid == RECORD_LIVE;
	assert_true(live > 700); /* it is waited for, but not for long */
	assert_int_equal(count(META_ALERT, "trap-bypassed"), 0);
	end();
}

static void a_number_never_written(void **state)
{
	(void)state;
	numbers_never_written(false, 1);
	numbers_never_written(true, 1);
}

static void many_numbers_never_written(void **state)
{
	(void)state;
	numbers_never_written(false, 100);
	numbers_never_written(true, 100);
}

/* More records that never end than are kept in mind. */
static void writers_that_never_finish(void **state)
{
	(void)state;
	follow(false);
	for (int i = 0; i < 3 * PRINTK_SKIPPED; i++) {
		rw_reserve_desc(&w);
		print(*rw_word(&w, w.rb + RW_HEAD_ID) - w.layout.g.first_id + 1, 20);
		drain(PRINTK_AT_TRAP);
	}
	wait_us(4000000 * 3 * PRINTK_SKIPPED);
	for (uint64_t i = 5; i < 5 + 6 * PRINTK_SKIPPED; i++)
		assert_true(has(i) != missing(i));
	assert_int_equal(printk_next(p), 5 + 6 * PRINTK_SKIPPED);
	end();
}

/* The VM ends with numbers that nobody wrote: they are missing, and said to be. */
static void ends_with_a_number_never_written(void **state)
{
	struct err e = {""};

	(void)state;
	follow(false);
	*head_id() = RW_ID(*head_id() + 3);
	assert_int_equal(printk_end(p, now_us, &e), 0);
	assert_true(missing(5) && missing(6) && missing(7));
	end();
}

/* Traps that lead nowhere do not excuse records that go past the trap. */
static void traps_with_nothing_behind(void **state)
{
	(void)state;
	follow(true);
	for (uint64_t i = 5; i < 300; i++) {
		print(i, 20);
		now_us += 50000;
		printk_traps_failed(p, 5);
		drain(PRINTK_AT_POLL);
		drain(PRINTK_AT_POLL);
	}
	assert_true(has(299));
	assert_true(count(META_ALERT, "trap-bypassed") > 0);
	assert_true(count(META_ALERT, "trap-astray") > 0);
	end();
}

/* A copy of record @seq as the guest made it up. */
static void forge(uint64_t seq, const char *text, size_t n)
{
	struct prb_copy c = {.id = prb_seq_to_id(&p->l.g, seq), .info_len = RW_INFO,
		.text_len = (uint32_t)n};
	uint64_t ts = seq * 1000 + 7;
	uint16_t len = (uint16_t)n;
	struct err e = {""};

	memcpy(c.info, &seq, 8);
	memcpy(c.info + 8, &ts, 8);
	memcpy(c.info + 16, &len, 2);
	c.info[19] = 6 << 5 | 2;
	memcpy(c.text, text, n);
	if (printk_copy(p, true, &c, prb_copy_size(&c), now_us, &e))
		fail_msg("%s", e.text);
}

static const char evil[] = "the real record";

/* Forged under the number of the next record, which is only committed then (no newline). */
static void forged_before_a_committed_one(void **state)
{
	(void)state;
	follow(true);
	forge(5, "benign", 6);
	deliver(rw_print(&w, evil, sizeof(evil), false), false);
	drain(PRINTK_AT_POLL);
	logs(6, 100, true);
	wait_us(500000);
	assert_true(stored("benign", 6) && differs(evil, sizeof(evil)));
	assert_int_equal(count(META_ALERT, "copy-differs"), 1);
	assert_true(has(99));
	end();
}

/* The same, the real one final and trapped. */
static void forged_before_a_final_one(void **state)
{
	(void)state;
	follow(true);
	forge(5, "benign", 6);
	deliver(rw_print(&w, evil, sizeof(evil), true), true);
	logs(6, 100, true);
	wait_us(500000);
	assert_true(stored("benign", 6) && differs(evil, sizeof(evil)));
	assert_int_equal(count(META_ALERT, "copy-differs"), 1);
	assert_int_equal(count(META_ALERT, "ring-backwards"), 0);
	end();
}

/* The same, the real one past the trap. */
static void forged_before_one_that_bypasses(void **state)
{
	(void)state;
	follow(true);
	forge(5, "benign", 6);
	rw_print(&w, evil, sizeof(evil), true);
	logs(6, 100, true);
	wait_us(500000);
	assert_true(stored("benign", 6) && differs(evil, sizeof(evil)));
	assert_int_equal(count(META_ALERT, "copy-differs"), 1);
	end();
}

/* A copy of a number that the ring has not given away, and never does. */
static void forged_and_nothing_follows(void **state)
{
	(void)state;
	follow(true);
	forge(5, "benign", 6);
	wait_us(5000000);
	assert_int_equal(count(META_ALERT, "copy-differs"), 1);
	forge(5000, "far ahead", 9);
	assert_int_equal(count(META_ALERT, "copy-lies"), 1);
	end();
}

/* A text altered in the ring after its copy was stored. */
static void altered_after_the_trap(void **state)
{
	uint64_t id;

	(void)state;
	follow(true);
	id = rw_print(&w, evil, sizeof(evil), true);
	deliver(id, true);
	w.arena[w.data + (rw_desc(&w, id)[1] & w.layout.g.data_mask) + 8] ^= 1;
	logs(6, 20, true);
	wait_us(500000);
	assert_true(stored(evil, sizeof(evil)));
	assert_int_equal(count(META_ALERT, "copy-differs"), 1);
	end();
}

/* What is honest is compared with the ring as well: no alert, nothing twice, whatever the order. */
static void honest_copies(void **state)
{
	char buf[64];

	(void)state;
	follow(true);
	for (uint64_t i = 5; i < 3000; i += 3) {
		uint64_t a = rw_print(&w, buf, text_of(i, buf, 30), true);
		uint64_t b = rw_print(&w, buf, text_of(i + 1, buf, 40), true);
		uint64_t c = rw_print(&w, buf, text_of(i + 2, buf, 10), false);

		deliver(b, true);
		deliver(a, true);
		deliver(c, false);
		deliver(c, false);
		now_us += 1000;
		if (i % 7 == 0)
			drain(PRINTK_AT_POLL);
	}
	deliver(rw_print(&w, buf, text_of(3002, buf, 20), true), true);
	wait_us(500000);
	for (unsigned i = 0; i < n_seen; i++)
		if (seen[i].kind == META_ALERT)
			print_message("# alert %s\n", seen[i].reason);
	assert_int_equal(count(META_ALERT, NULL), 0);
	assert_int_equal(count(META_GAP, NULL), 0);
	assert_int_equal(count(META_KINDS, NULL), 3003);
	end();
}

/* head_id -= 1, before the attachment and after: its records did not go back. */
static void head_goes_back(void **state)
{
	(void)state;
	begin(10, 16, true, true);
	for (uint64_t i = 0; i < 20; i++)
		print(i, 20);
	*head_id() = RW_ID(*head_id() - 1);
	open_ring(NULL);
	wait_us(30000000);
	assert_int_equal(count(META_KINDS, NULL), 20);
	assert_int_equal(count(META_ALERT, "ring-backwards"), 0);
	assert_int_equal(count(META_ALERT, "head-lies"), 3); /* once in 10 s */
	*head_id() = RW_ID(*head_id() + 1);
	print(20, 20);
	wait_us(500000);
	assert_true(has(20));
	end();
}

/* head_id far ahead, by more than the ring holds, by more than anybody logs: the next records are stored. */
static void head_far_ahead(void **state)
{
	static const uint64_t by[] = {500, 1023, 1024, 1025, 5000, 1ull << 31, 1ull << 40, 1ull << 60};

	(void)state;
	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		uint64_t was, before;

		follow(true);
		was = *head_id();
		*head_id() = RW_ID(was + by[i]);
		wait_us(5000000);
		before = w.reads;
		wait_us(1000000);
		assert_true(w.reads - before < 10 * 8 * 1024); /* of what a poll may take */
		*head_id() = was;
		if (by[i] < 1024) {
			wait_us(500000);
			logs(5, 50, true);
			wait_us(5000000);
			assert_true(has(49) || missing(49));
		}
		end();
	}
}

/* A record's descriptor made to look unfinished, given up, of another wrap; with its number used again. */
static void states_are_forged(void **state)
{
	(void)state;
	for (int s = 0; s < 4; s++) {
		follow(true);
		logs(5, 20, true);
		for (uint64_t seq = 15; seq < 20; seq++)
			rw_desc(&w, prb_seq_to_id(&p->l.g, seq))[0] =
				RW_SV(prb_seq_to_id(&p->l.g, seq), s);
		logs(20, 40, true);
		wait_us(5000000);
		for (uint64_t seq = 5; seq < 40; seq++)
			assert_true(has(seq));
		end();
	}
	/* Number 19 a second time, of another text, past the trap and through it. */
	for (int trapped = 0; trapped < 2; trapped++) {
		char buf[64];
		uint64_t id;

		follow(true);
		logs(5, 20, true);
		*head_id() = RW_ID(*head_id() - 1);
		rw_desc(&w, *head_id() + 1)[0] = RW_SV(*head_id() + 1 - 1024, PRB_REUSABLE);
		*(uint64_t *)(void *)rw_info(&w, *head_id() + 1) = 19 - 1024;
		id = rw_print(&w, evil, sizeof(evil), true);
		if (trapped)
			deliver(id, true);
		wait_us(200000);
		for (uint64_t i = 20; i < 40; i++) {
			deliver(rw_print(&w, buf, text_of(i, buf, 20), true), true);
			wait_us(100000);
		}
		assert_true(stored(evil, sizeof(evil)));
		assert_true(count(META_ALERT, "copy-differs") + count(META_ALERT, "ring-backwards") > 0);
		assert_true(has(39));
		end();
	}
}

/* The ring's tail cannot move any more, and every record fails: there is nothing to be stored, and that is said. */
static void log_is_stuck(void **state)
{
	(void)state;
	follow(false);
	*rw_word(&w, w.rb + RW_FAIL) += 5; /* a few, while others are stored */
	logs(5, 300, false);
	assert_int_equal(count(META_ALERT, NULL), 0);
	for (int i = 0; i < 100; i++) {
		*rw_word(&w, w.rb + RW_FAIL) += 1;
		wait_us(100000);
	}
	assert_int_equal(count(META_ALERT, "log-stuck"), 1);
	end();
}

static int no_read(void *ctx, uint64_t gva, void *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0, len);
	fail_msg("%zu bytes of 0x%" PRIx64 " were to be read", len, gva);
	return -1;
}

/* The register that says where the record is, in the user half, not canonical, at the edges. */
static void argument_is_no_kernel_address(void **state)
{
	static const uint64_t entry[] = {0, 24, 0x400000, 0x7fffffffffff, 0x800000000000, 0x0123456789abcdef,
		0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000018, 0xfeffffffffffffff};
	struct fetch_mem none = {no_read, NULL};
	struct prb_copy c = {0};
	uint64_t newest = 0;

	(void)state;
	begin(10, 16, true, true);
	for (size_t i = 0; i < sizeof(entry) / sizeof(entry[0]); i++) {
		assert_int_not_equal(prb_fetch_fast(&none, &w.layout.g, entry[i], (void *)&newest, &c), 0);
		assert_int_not_equal(prb_fetch_commit(&none, &w.layout.g, entry[i], &c), 0);
	}
	rw_free(&w);
}

/* The kernel's descriptors, infos and texts are copied elsewhere and the pointers in the same ring changed. */
static void arrays_are_moved(void **state)
{
	size_t extra;
	uint8_t *n;
	struct err e = {""};
	char buf[64];
	int r = 0;

	(void)state;
	follow(false);
	extra = w.size;
	n = calloc(1, 2 * extra);
	assert_non_null(n);
	memcpy(n, w.arena, extra);
	memcpy(n + extra, w.arena, extra);
	free(w.arena);
	w.arena = n;
	w.size = 2 * extra;
	w.descs += extra;
	w.infos += extra;
	w.data += extra;
	*rw_word(&w, w.rb + RW_DESCS) = RW_BASE + w.descs;
	*rw_word(&w, w.rb + RW_INFOS) = RW_BASE + w.infos;
	*rw_word(&w, w.rb + RW_TEXT_RING + RW_DATA) = RW_BASE + w.data;
	for (uint64_t i = 5; i < 30 && !r; i++) {
		rw_print(&w, buf, text_of(i, buf, 20), true);
		now_us += 100000;
		r = printk_drain(p, PRINTK_AT_POLL, now_us, &e);
	}
	assert_int_equal(r, -ESTALE);
	assert_int_equal(count(META_ALERT, "ring-moved"), 1);
	/* Its owner opens it again, and goes on where it stopped. */
	{
		struct source_resume at = {.known = true, .seq = 4, .guest_ns = 4007, .next = 5,
			.text_hash = hash64(buf, text_of(4, buf, 20))};

		memcpy(at.boot, BOOT, sizeof(BOOT));
		printk_close(p);
		open_ring(&at);
	}
	wait_us(500000);
	assert_true(has(5) && has(6));
	assert_int_equal(count(META_GAP, NULL), 0);
	end();
}

/* prb is pointed at another ring, long after the boot. */
static void ring_is_moved(void **state)
{
	struct err e = {""};

	(void)state;
	follow(false);
	p->emitted_ns = 100000000000;
	*rw_word(&w, w.prb) += 8;
	assert_int_equal(printk_drain(p, PRINTK_AT_POLL, now_us, &e), 0);
	assert_int_equal(printk_drain(p, PRINTK_AT_POLL, now_us, &e), -ESTALE);
	assert_int_equal(count(META_ALERT, "ring-moved"), 1);
	end();
}

static uint64_t remapped_at;
static bool walks;

static int fake_maps(void *ctx, uint64_t gva, uint64_t len)
{
	(void)ctx;
	return remapped_at - gva < len ? -ESTALE : 0;
}

static void fake_walk(void *ctx)
{
	(void)ctx;
	walks = true;
}

/* The page table has another page for a part of the ring, however small. */
static void pages_are_remapped(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		follow(false);
		walks = false;
		p->maps = fake_maps;
		p->walk_pages = fake_walk;
		wait_us(2000000);
		assert_false(walks);
		remapped_at = RW_BASE + (i == 0 ? w.prb : i == 1 ? w.rb + 8 : i == 2 ? w.descs + 100 :
			i == 3 ? w.infos + 5000 : w.data + 0xfff8);
		wait_us(2000000);
		assert_true(walks);
		assert_int_equal(count(META_ALERT, "ring-remapped"), 1);
		remapped_at = 0;
		end();
	}
}

static unsigned recalls;

static int count_recall(void *ctx, enum record_channel channel, source_known known, void *known_ctx,
	struct err *e)
{
	recalls++;
	return recall(ctx, channel, known, known_ctx, e);
}

/* A ring that goes back and comes again as often as the guest likes. */
static void ring_goes_back_and_forth(void **state)
{
	static const struct source_sink counting = {.emit = emit, .recall = count_recall};
	struct err e = {""};
	uint8_t *then;

	(void)state;
	recalls = 0;
	begin(8, 14, true, true);
	for (uint64_t i = 0; i < 20; i++)
		print(i, 20);
	then = malloc(w.size);
	assert_non_null(then);
	memcpy(then, w.arena, w.size);
	if (printk_open_ring(&p, &w.layout, RW_BASE + w.rb, &w.mem, BOOT, true, &counting, NULL, &e))
		fail_msg("%s", e.text);
	drain(PRINTK_AT_POLL);
	for (int i = 0; i < 500; i++) {
		memcpy(w.arena, then, w.size);
		now_us += 20000;
		wait_us(100000);
		for (uint64_t k = 20; k < 22; k++)
			print(k, (size_t)(20 + i));
		wait_us(100000);
	}
	assert_true(recalls < 25); /* in 110 s */
	assert_true(count(META_ALERT, "rewinds") > 0);
	wait_us(12000000);
	assert_int_equal(seen[n_seen - 1].kind, META_KINDS);
	assert_int_equal(seen[n_seen - 1].len, 20 + 499); /* in the end all is there that the ring has */
	free(then);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_never_written),
		cmocka_unit_test(many_numbers_never_written),
		cmocka_unit_test(writers_that_never_finish),
		cmocka_unit_test(ends_with_a_number_never_written),
		cmocka_unit_test(traps_with_nothing_behind),
		cmocka_unit_test(forged_before_a_committed_one),
		cmocka_unit_test(forged_before_a_final_one),
		cmocka_unit_test(forged_before_one_that_bypasses),
		cmocka_unit_test(forged_and_nothing_follows),
		cmocka_unit_test(altered_after_the_trap),
		cmocka_unit_test(log_is_stuck),
		cmocka_unit_test(head_far_ahead),
		cmocka_unit_test(states_are_forged),
		cmocka_unit_test(argument_is_no_kernel_address),
		cmocka_unit_test(arrays_are_moved),
		cmocka_unit_test(ring_is_moved),
		cmocka_unit_test(pages_are_remapped),
		cmocka_unit_test(honest_copies),
		cmocka_unit_test(head_goes_back),
		cmocka_unit_test(ring_goes_back_and_forth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
