/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 600 */
/*
 * Stop the world before every operation the ledger does, lose what was not synced in several ways, and
 * open what is left: every acknowledged record must be there, no signed tree may have shrunk or forked,
 * and what the crash cost must be told. Then the same operations failing one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crash/disk.h"
#include "ledger/note.h"
#include "unit/ledger/tamper.h"

#define NEAR 8192 /* records at the end that are compared one by one */

static struct io_ops fast;

static struct {
	char scratch[512];
	uint64_t base;              /* records the log holds without them being numbered from here */
	uint64_t appended, acknowledged;
	char note[NOTE_MAX];        /* the last checkpoint anyone may have seen */
	size_t note_len;
	unsigned ways;              /* of losing what is unsynced */
	uint64_t stride;            /* look at every so many operations */
	uint64_t looked, recoveries, torn;
} test;

static void wipe(const char *dir)
{
	nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void check_records(const char *dir, uint64_t n)
{
	struct ledger_reader *r;
	char want[1024];
	struct span leaf;
	struct err e = {""};
	uint64_t i, first, own = 0;

	if (ledger_reader_open(&r, dir, &e))
		fail_msg("reader: %s", e.text);
	assert_int_equal(ledger_reader_end(r), n);
	first = ledger_reader_first(r);
	/* Those before are verify's, which hashes them. */
	if (n - first > NEAR)
		first = n - NEAR;
	assert_int_equal(ledger_reader_seek(r, first, &e), 0);
	for (uint64_t k = first; k < n; k++) {
		if (ledger_reader_next(r, &leaf, &i, &e) != 1)
			fail_msg("record %" PRIu64 ": %s", k, e.text);
		if (fixture_is_prune(leaf))
			own++;
		else if (leaf.n != tamper_leaf(want, sizeof(want), k - own) || memcmp(leaf.p, want, leaf.n))
			fail_msg("record %" PRIu64 " is another one", k);
	}
	ledger_reader_close(r);
}

/* How many of the youngest records are the ledger's own? The test's are numbered without these. */
static uint64_t own_records(const char *dir)
{
	struct ledger_reader *r;
	struct err e = {""};
	struct span leaf;
	uint64_t i, n = 0;

	if (ledger_reader_open(&r, dir, &e) || ledger_reader_seek(r, ledger_reader_end(r), &e))
		fail_msg("reader: %s", e.text);
	for (unsigned k = 0; k < 16 && ledger_reader_prev(r, &leaf, &i, &e) == 1; k++)
		n += fixture_is_prune(leaf);
	ledger_reader_close(r);
	return n;
}

static void check_proven(const char *dir)
{
	struct verify_options opt = {.since = test.note_len ? test.note : NULL,
		.since_len = test.note_len};
	struct told t;

	tamper_verify(dir, &t, opt);
	for (size_t i = 0; i < t.n; i++)
		if (t.f[i].kind != FINDING_UNCHECKED)
			fail_msg("op %" PRIu64 ": %s", disk.ops, t.f[i].text);
}

static void check_crash(unsigned how)
{
	char *dir = test.scratch;
	struct ledger_recovery rec;
	struct err e = {""};
	struct ledger *l;
	uint64_t size, seq;

	wipe(dir);
	disk_crash(dir, how);
	if (ledger_open(&l, dir, "test.example/vm", &rec, &e))
		fail_msg("op %" PRIu64 ", way %u: %s", disk.ops, how, e.text);
	size = ledger_size(l);
	if (size < test.acknowledged)
		fail_msg("op %" PRIu64 ", way %u: %" PRIu64 " records of %" PRIu64 " acknowledged",
			disk.ops, how, size, test.acknowledged);
	assert_true(size <= test.appended);
	assert_int_equal(rec.unsigned_kept, size - ledger_signed(l));
	assert_true(rec.needed == (rec.unsigned_kept || rec.torn_bytes || rec.hashes_rebuilt));
	test.recoveries += rec.needed;
	test.torn += rec.torn_bytes > 0;
	seq = size - own_records(dir);
	tamper_append(l, seq, seq + 3);
	if (ledger_close(l, &e))
		fail_msg("op %" PRIu64 ", way %u: close: %s", disk.ops, how, e.text);
	check_records(dir, size + 3);
	check_proven(dir);
	if (ledger_open(&l, dir, "test.example/vm", &rec, &e))
		fail_msg("op %" PRIu64 ", way %u: again: %s", disk.ops, how, e.text);
	assert_false(rec.needed);
	assert_int_equal(ledger_size(l), size + 3);
	ledger_abandon(l);
	test.looked++;
}

/* What a reader could have seen as the checkpoint by now. */
static void remember_checkpoint(void)
{
	int fd = open(tamper_path(disk.root, "checkpoint"), O_RDONLY);

	if (fd < 0)
		return;
	test.note_len = (size_t)pread(fd, test.note, sizeof(test.note), 0);
	close(fd);
}

static void before(enum disk_op op)
{
	(void)op;
	remember_checkpoint();
	if (disk.ops % test.stride)
		return;
	io = &fast;
	for (unsigned how = 0; how < test.ways; how++)
		check_crash(how < 2 ? how : (unsigned)disk.ops * 16 + how);
	io = &disk_io;
}

static void begin(const char *dir, unsigned ways, uint64_t stride)
{
	memset(&test, 0, sizeof(test));
	test.ways = ways;
	test.stride = stride * disk_stride();
	snprintf(test.scratch, sizeof(test.scratch), "%s.crash", dir);
	disk_begin(dir);
	fast = disk_fast();
}

static void end(void)
{
	io = &io_libc;
	wipe(test.scratch);
	disk_end();
}

static void append(struct ledger *l, uint64_t n)
{
	test.appended += n;
	tamper_append(l, test.appended - n, test.appended);
}

static void commit(struct ledger *l)
{
	struct err e = {""};

	if (ledger_commit(l, &e))
		fail_msg("commit: %s", e.text);
	test.acknowledged = ledger_committed(l);
}

static void checkpoint(struct ledger *l)
{
	struct err e = {""};

	if (ledger_checkpoint(l, &e))
		fail_msg("checkpoint: %s", e.text);
	test.acknowledged = ledger_committed(l);
}

/* From before the directory's first file to a few hundred records. */
static void cut_everywhere(void **state)
{
	struct err e = {""};
	struct ledger *l;

	begin(*state, getenv("LOGVISOR_LONG") && *getenv("LOGVISOR_LONG") ? 64 : 8, 1);
	disk.before = before;
	io = &disk_io;
	if (ledger_open(&l, *state, "test.example/vm", NULL, &e))
		fail_msg("open: %s", e.text);
	for (unsigned i = 0; i < 12; i++) {
		append(l, 1 + i * 5);
		commit(l);
		append(l, 3);
		if (i % 3 == 2)
			checkpoint(l);
		append(l, 1);
	}
	assert_int_equal(ledger_close(l, &e), 0);
	test.acknowledged = test.appended;
	disk.before = NULL;
	io = &fast;
	check_crash(0);
	printf("# %" PRIu64 " operations, %" PRIu64 " crashes, %" PRIu64 " recoveries, %" PRIu64
		" torn tails\n", disk.ops, test.looked, test.recoveries, test.torn);
	assert_true(test.recoveries > test.looked / 4);
	assert_true(test.torn > 20 / disk_stride());
	end();
}

/* Buffers written out in the middle of a bundle, large entries, several writes between two commits. */
static void cut_large_writes(void **state)
{
	struct err e = {""};
	struct ledger *l;

	begin(*state, 6, 1);
	disk.before = before;
	io = &disk_io;
	if (ledger_open(&l, *state, "test.example/vm", NULL, &e))
		fail_msg("open: %s", e.text);
	append(l, 5000);
	commit(l);
	append(l, 2100);
	checkpoint(l);
	append(l, 2500);
	assert_int_equal(ledger_close(l, &e), 0);
	end();
}

/* Over the border between two segments. */
static void cut_at_segment_border(void **state)
{
	struct err e = {""};
	struct ledger *l;

	fast = disk_fast();
	io = &fast;
	l = fixture_open(*state, NULL);
	tamper_append(l, 0, LEDGER_SEGMENT - 20);
	assert_int_equal(ledger_close(l, &e), 0);
	begin(*state, 3, 2);
	test.appended = test.acknowledged = LEDGER_SEGMENT - 20;
	disk.before = before;
	io = &disk_io;
	if (ledger_open(&l, *state, NULL, NULL, &e))
		fail_msg("open: %s", e.text);
	append(l, 10);
	commit(l);
	append(l, 15);
	commit(l);
	append(l, 5);
	assert_int_equal(ledger_close(l, &e), 0);
	end();
}

static void cut_while_pruning(void **state)
{
	struct err e = {""};
	struct ledger *l;
	uint64_t gone;

	fast = disk_fast();
	io = &fast;
	l = fixture_open(*state, NULL);
	tamper_append(l, 0, 2 * LEDGER_SEGMENT + 10);
	assert_int_equal(ledger_close(l, &e), 0);
	begin(*state, 3, 1);
	test.appended = test.acknowledged = 2 * LEDGER_SEGMENT + 10;
	disk.before = before;
	io = &disk_io;
	if (ledger_open(&l, *state, NULL, NULL, &e))
		fail_msg("open: %s", e.text);
	test.appended++; /* the ledger's own record of it */
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 2 * LEDGER_SEGMENT);
	tamper_append(l, 2 * LEDGER_SEGMENT + 10, 2 * LEDGER_SEGMENT + 11);
	test.appended++;
	assert_int_equal(ledger_close(l, &e), 0);
	end();
}

/* The same work with errors; what fails is done again, as the worker does. */
static void work_through_errors(struct ledger *l, uint64_t to)
{
	struct err e = {""};
	char buf[1024];
	unsigned failures = 0;

	while (ledger_size(l) < to) {
		uint64_t i = ledger_size(l);

		if (ledger_append(l, buf, tamper_leaf(buf, sizeof(buf), i),
			    1700000000000000 + (int64_t)i * 1000, &e))
			assert_true(++failures < 100 && ledger_size(l) == i);
		test.appended = ledger_size(l);
		if (i % 7 == 6 && ledger_commit(l, &e))
			assert_true(++failures < 100);
		if (i % 31 == 30 && ledger_checkpoint(l, &e))
			assert_true(++failures < 100);
		test.acknowledged = ledger_committed(l);
		remember_checkpoint();
	}
	while (ledger_checkpoint(l, &e))
		assert_true(++failures < 100);
	test.acknowledged = ledger_committed(l);
	remember_checkpoint();
}

static void errors_everywhere(void **state)
{
	static const int errors[] = {ENOSPC, EIO};
	uint64_t total = 0, done = 0;

	for (uint64_t at = 1; !total || at <= total; at += disk_stride()) {
		struct err e = {""};
		struct ledger *l = NULL;
		char dir[512];

		snprintf(dir, sizeof(dir), "%s/%" PRIu64, (char *)*state, at);
		assert_int_equal(mkdir(dir, 0755), 0);
		begin(dir, 3, 1);
		disk.fail_at = at;
		disk.fail_n = at % 3 ? 1 : 5;
		disk.fail_errno = errors[at % 2];
		io = &disk_io;
		for (unsigned i = 0; !l; i++) {
			assert_true(i < 10);
			if (ledger_open(&l, dir, "test.example/vm", NULL, &e))
				assert_true(strlen(e.text) > 10);
		}
		work_through_errors(l, 70);
		assert_int_equal(ledger_size(l), 70);
		assert_int_equal(ledger_signed(l), 70);
		if (disk.ops < at)
			total = at;
		/* Power fails now: what was acknowledged after the error must be on the disk too. */
		io = &fast;
		for (unsigned how = 0; how < 3; how++)
			check_crash(how == 2 ? (unsigned)at : how);
		io = &disk_io;
		assert_int_equal(ledger_close(l, &e), 0);
		end();
		wipe(dir);
		done++;
	}
	printf("# %" PRIu64 " operations failed in turn\n", done - 1);
	assert_true(done > 60 / disk_stride());
}

static int teardown(void **state)
{
	end();
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cut_everywhere, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(cut_large_writes, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(cut_at_segment_border, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(cut_while_pruning, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(errors_everywhere, fixture_setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
