/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 300 */
/*
 * An fdatasync fails, its pages are lost, and the next one succeeds over nothing: at each fdatasync of a run
 * over the border of two segments, once or three times, the pages still in the cache or dropped. What was
 * acknowledged afterwards must be on the disk, and so must the index and the hashes of a segment that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crash/disk.h"
#include "unit/ledger/tamper.h"

#define BEFORE 300 /* records missing to a full segment in the ledger begun with */
#define AFTER 320  /* and records after it */
#define START (LEDGER_SEGMENT - BEFORE)
#define END (LEDGER_SEGMENT + AFTER)

static struct io_ops fast;
static char base[250], good[250], work[250], left[250];

static void wipe(const char *dir)
{
	nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void copy(const char *from, const char *to)
{
	char cmd[1024];

	wipe(to);
	snprintf(cmd, sizeof(cmd), "cp -r '%s' '%s'", from, to);
	assert_int_equal(system(cmd), 0);
}

static int may_fail(int r, uint64_t *failures)
{
	if (r)
		assert_true(++*failures < 50);
	return r;
}

static struct ledger *open_through(const char *dir, uint64_t *failures)
{
	struct ledger *l = NULL;
	struct err e = {""};

	while (may_fail(ledger_open(&l, dir, NULL, NULL, &e), failures))
		assert_true(strlen(e.text) > 10);
	return l;
}

/* One record, however often it takes; what is due after it too. */
static void one(struct ledger *l, uint64_t i, uint64_t *failures)
{
	char buf[1024];
	struct err e;
	size_t n = tamper_leaf(buf, sizeof(buf), i);

	while (may_fail(ledger_append(l, buf, n, 1700000000000000 + (int64_t)i * 1000, &e), failures))
		assert_int_equal(ledger_size(l), i);
	if (i % 80 == 79)
		while (may_fail(ledger_commit(l, &e), failures))
			continue;
	if (i % 200 == 199)
		while (may_fail(ledger_checkpoint(l, &e), failures))
			continue;
}

static void same(const char *a, const char *b, const char *name, size_t n)
{
	struct tamper_file x = tamper_load(tamper_path(a, name)), y = tamper_load(tamper_path(b, name));

	n = n ? n : y.n;
	if (x.n < n || y.n < n || memcmp(x.data, y.data, n))
		fail_msg("fdatasync %" PRIu64 " of %" PRIu64 ": '%s' lost something", disk.fail_at, disk.fail_n, name);
	free(x.data);
	free(y.data);
}

/* Power fails now. Whatever is durable of the full segment is all of it. */
static void check_left(uint64_t least, bool full)
{
	struct err e = {""};
	struct ledger *l;
	struct told t;

	wipe(left);
	disk_crash(left, 0);
	if (full) {
		same(left, good, "log/00000000.entries", 0);
		same(left, good, "log/00000000.hashes", 0);
		same(left, good, "log/00000000.index", 0);
		same(left, good, "log/hash.1", LAYOUT_ROWS * LEDGER_HASH);
		same(left, good, "log/hash.2", LEDGER_HASH);
	}
	io = &fast;
	if (ledger_open(&l, left, NULL, NULL, &e))
		fail_msg("fdatasync %" PRIu64 ": %s", disk.fail_at, e.text);
	if (ledger_size(l) < least)
		fail_msg("fdatasync %" PRIu64 ": %" PRIu64 " records of %" PRIu64 " acknowledged", disk.fail_at,
			ledger_size(l), least);
	assert_int_equal(ledger_close(l, &e), 0);
	tamper_verify(left, &t, (struct verify_options){0});
	assert_int_equal(t.n, 0);
	io = &disk_io;
}

static void begin(uint64_t at, uint64_t n, bool drop)
{
	copy(base, work);
	disk_begin(work);
	disk.fail_at = at;
	disk.fail_n = n;
	disk.fail_errno = EIO;
	disk.fail_syncs = true;
	disk.drop = drop;
	io = &disk_io;
}

static void end(void)
{
	io = &fast;
	disk_end();
}

/* The ledger to begin with, and how it is when nothing fails. */
static int setup(void **state)
{
	struct ledger *l;
	struct err e;
	uint64_t failures = 0;

	if (fixture_setup(state))
		return -1;
	fast = disk_fast();
	io = &fast;
	snprintf(base, sizeof(base), "%.240s/base", (char *)*state);
	snprintf(good, sizeof(good), "%.240s/good", (char *)*state);
	snprintf(work, sizeof(work), "%.240s/work", (char *)*state);
	snprintf(left, sizeof(left), "%.240s/left", (char *)*state);
	l = fixture_open(base, NULL);
	tamper_append(l, 0, START);
	assert_int_equal(ledger_close(l, &e), 0);
	copy(base, good);
	l = open_through(good, &failures);
	for (uint64_t i = START; i < END; i++)
		one(l, i, &failures);
	return ledger_close(l, &e);
}

static int teardown(void **state)
{
	io = &io_libc;
	disk_end();
	return fixture_teardown(state);
}

/* The writer goes on; power fails at the end. */
static void writer_goes_on(void **state)
{
	static const struct {
		uint64_t n;
		bool drop;
	} ways[] = {{1, false}, {1, true}, {3, true}};
	uint64_t failed = 0;

	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		for (uint64_t at = 1, failures = 1; failures; at += disk_stride()) {
			struct ledger *l;
			struct err e;

			begin(at, ways[way].n, ways[way].drop);
			failures = 0;
			l = open_through(work, &failures);
			for (uint64_t i = START; i < END; i++)
				one(l, i, &failures);
			while (may_fail(ledger_checkpoint(l, &e), &failures))
				continue;
			if (failures)
				check_left(ledger_committed(l), true);
			failed += failures > 0;
			ledger_abandon(l);
			end();
		}
	}
	printf("# %" PRIu64 " times an fdatasync failed\n", failed);
	assert_true(failed > 80 / disk_stride());
}

/* The writer dies with the error, another one opens what the page cache shows, and power fails. */
static void writer_dies(void **state)
{
	uint64_t failed = 0;
	bool well = false;

	(void)state;
	for (uint64_t at = 1; !well; at += disk_stride()) {
		uint64_t failures = 0;
		struct ledger *l = NULL;
		struct err e;

		begin(at, 1, false);
		well = !ledger_open(&l, work, NULL, NULL, &e);
		for (uint64_t i = START; well && i < END; i++) {
			char buf[1024];
			size_t n = tamper_leaf(buf, sizeof(buf), i);

			well = !ledger_append(l, buf, n, 1700000000000000 + (int64_t)i * 1000, &e) &&
				(i % 80 != 79 || !ledger_commit(l, &e)) &&
				(i % 200 != 199 || !ledger_checkpoint(l, &e));
		}
		ledger_abandon(l);
		if (!well) {
			l = open_through(work, &failures);
			check_left(ledger_size(l), ledger_size(l) > LEDGER_SEGMENT);
			ledger_abandon(l);
			failed++;
		}
		end();
	}
	printf("# %" PRIu64 " times an fdatasync failed\n", failed);
	assert_true(failed > 20 / disk_stride());
}

/* What is pruned is gone; of the hashes that stand for it nothing may be lost. */
static void while_pruning(void **state)
{
	uint64_t failed = 0;

	(void)state;
	for (uint64_t at = 1, failures = 1; failures; at++) {
		struct ledger *l;
		uint64_t gone;
		struct err e;

		begin(0, 1, true);
		failures = 0;
		l = open_through(work, &failures);
		for (uint64_t i = START; i < END; i++)
			one(l, i, &failures);
		disk.fail_at = disk.syncs + at;
		while (may_fail(fixture_prune(l, 1, 0, &gone, &e), &failures))
			continue;
		while (may_fail(ledger_checkpoint(l, &e), &failures))
			continue;
		if (failures) {
			check_left(ledger_committed(l), false);
			same(left, good, "log/hash.1", LAYOUT_ROWS * LEDGER_HASH);
			same(left, good, "log/hash.2", LEDGER_HASH);
		}
		failed += failures > 0;
		ledger_abandon(l);
		end();
	}
	printf("# %" PRIu64 " times an fdatasync failed\n", failed);
	assert_true(failed > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writer_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(writer_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(while_pruning, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
