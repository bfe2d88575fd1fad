/* SPDX-License-Identifier: BSD-3-Clause */
/* store_test.c - what a worker does when the disk takes nothing, and what it promises when it does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "ledger/lost.h"
#include "ledger/verify.h"
#include "util/clock.h"
#include "util/io.h"
#include "unit/worker/store_rig.h"

static void close_store(void)
{
	struct err e = {""};

	if (store_close(&s, &e))
		fail_msg("%s", e.text);
}

static int put(const char *boot, uint64_t seq, const char *text)
{
	struct record r = {
		.time_us = 1000000, .facility = 0, .severity = 6, .app = span_of("kernel"),
		.msgid = span_of("kmsg"), .channel = RECORD_KMSG, .has_seq = true, .seq = seq,
		.has_guest_ns = true, .guest_ns = seq * 10, .boot = span_of(boot),
		.msg = span_of(text),
	};

	return store_put(&s, &r, NULL);
}

static void put_gap(const char *boot, uint64_t first, uint64_t count)
{
	meta_begin(&s.meta, "vm", META_GAP, 1000000, boot);
	meta_gap(&s.meta, RECORD_KMSG, first, count, "test");
	assert_int_equal(store_put_meta(&s, NULL), 0);
}

#define BOOT_A "aaaaaaaaaaaaaaaa"
#define BOOT_B "bbbbbbbbbbbbbbbb"

/* ---- a disk that is full ---- */

static bool full;
static struct io_ops faulty;

static ssize_t no_room(int fd, const void *buf, size_t n, off_t off)
{
	if (full) {
		errno = ENOSPC;
		return -1;
	}
	return io_libc.pwrite(fd, buf, n, off);
}

static void tick_until(bool failing)
{
	for (int i = 0; i < 400 && (s.failing != failing || (!failing && s.dirty_ms)); i++) {
		store_tick(&s);
		usleep(10000);
	}
	assert_int_equal(s.failing, failing);
}

static void disk_full(void **state)
{
	static char text[4000];
	uint64_t stored = 0;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	faulty = io_libc;
	faulty.pwrite = no_room;
	io = &faulty;
	open_store();
	assert_int_equal(put(BOOT_A, stored++, "first"), 0);
	full = true;
	tick_until(true);
	assert_non_null(strstr(s.why.text, "No space"));
	while (put(BOOT_A, stored, text) == 0)
		assert_true(++stored < 1000); /* the buffer is bounded */
	assert_int_equal(put(BOOT_A, stored, text), -ENOSPC);
	assert_in_range(store_due(&s, 1000), 0, STORE_RETRY_MS);
	full = false;
	tick_until(false);
	assert_int_equal(put(BOOT_A, stored++, "last"), 0);
	assert_int_equal(ledger_size(s.ledger), stored);
	close_store();
	io = &io_libc;
}

/* Closed while the disk is full: how many are not there is known, and what is there can be opened again. */
static void closed_while_full(void **state)
{
	struct err e = {""};

	(void)state;
	faulty = io_libc;
	faulty.pwrite = no_room;
	io = &faulty;
	open_store();
	assert_int_equal(put(BOOT_A, 0, "there"), 0);
	assert_int_equal(ledger_commit(s.ledger, &e), 0);
	full = true;
	assert_int_equal(put(BOOT_A, 1, "not"), 0);
	assert_int_equal(put(BOOT_A, 2, "there"), 0);
	assert_int_equal(store_close(&s, &e), -ENOSPC);
	assert_int_equal(s.unsaved, 2);
	assert_non_null(strstr(e.text, "No space"));
	full = false;
	open_store();
	assert_int_equal(ledger_size(s.ledger), 1);
	close_store();
	assert_int_equal(s.unsaved, 0);
	io = &io_libc;
}

/* Within the promised time it is durable, then signed. */
static void in_time(void **state)
{
	int64_t begun = clock_due_ms();

	(void)state;
	open_store();
	assert_int_equal(put(BOOT_A, 1, "one"), 0);
	assert_int_equal(ledger_committed(s.ledger), 0);
	while (!ledger_committed(s.ledger)) {
		assert_true(clock_due_ms() - begun < 5000);
		assert_in_range(store_due(&s, 1000), 0, STORE_COMMIT_MS);
		usleep(1000 * (useconds_t)store_due(&s, 1000));
		store_tick(&s);
	}
	assert_int_equal(store_lag(&s), 0);
	while (!ledger_signed(s.ledger)) {
		assert_true(clock_due_ms() - begun < 10000);
		usleep(1000 * (useconds_t)store_due(&s, 1000));
		store_tick(&s);
	}
	assert_int_equal(store_due(&s, 1000), 1000);
	close_store();
}

static void bad_places(void **state)
{
	struct ledger_recovery rec;
	struct err e = {""};
	char path[320];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/file/store/vm", dir);
	assert_true(store_open(&s, path, "vm", &rec, &e) < 0);
	assert_non_null(strstr(e.text, "file"));
	assert_null(s.ledger);
}

static void tell(void *ctx, const struct finding *f)
{
	(void)ctx;
	print_message("# %s\n", f->text);
}

/* Worker, list and verify agree on what was lost. */
static void check_lost(uint64_t want)
{
	struct verify_options opt = {.tell = tell};
	struct ledger_reader *reader;
	struct verify_sum sum;
	struct err e = {""};
	struct lost_sum lost;

	assert_int_equal(s.lost, want);
	assert_int_equal(ledger_commit(s.ledger, &e), 0);
	assert_int_equal(ledger_reader_open(&reader, ledger, &e), 0);
	assert_int_equal(lost_total(reader, 1000, &lost, &e), 1);
	assert_int_equal(lost.lost, want);
	assert_int_equal(lost.blind, s.blind);
	assert_true(lost.counted);
	assert_memory_equal(lost.records, s.records, sizeof(s.records));
	ledger_reader_close(reader);
	assert_int_equal(ledger_verify(ledger, &opt, &sum, &e), 0);
	assert_int_equal(sum.lost, want);
	assert_int_equal(sum.blind, s.blind);
}

static void put_heartbeat(void)
{
	const struct meta_counters none = {0};

	meta_heartbeat(store_meta(&s, META_HEARTBEAT), &none);
	assert_int_equal(store_put_meta(&s, NULL), 0);
}

static void total_of_lost_records(void **state)
{
	uint64_t seq = 0, gone;
	struct err e = {""};

	(void)state;
	open_store();
	assert_int_equal(put(BOOT_A, seq++, "a"), 0);
	check_lost(0);
	put_gap(BOOT_A, seq, 5);
	seq += 5;
	put_heartbeat();
	assert_int_equal(put(BOOT_A, seq++, "b"), 0);
	check_lost(5);
	close_store();
	open_store();
	put_gap(BOOT_A, seq, 7);
	seq += 7;
	check_lost(12);
	ledger_abandon(s.ledger); /* killed: nothing carries the total */
	free(s.leaf);
	open_store();
	check_lost(12);
	/* What accounts for nothing is not counted, by anyone. */
	put_gap(BOOT_A, UINT64_MAX, 2);
	put_gap(BOOT_A, 3, 0);
	check_lost(12);
	/* Nor is what nobody knows, but that it is so. */
	struct quorum q;
	for (uint64_t i = 1; i < 3; i++) {
		meta_blind(store_meta(&s, META_GAP), RECORD_KMSG, seq, "not to be seen");
		assert_int_equal(store_put_meta(&s, NULL), 0);
		check_lost(12);
		assert_int_equal(s.blind, i);
	}
	ledger_abandon(s.ledger);
	free(s.leaf);
	open_store();
	check_lost(12);
	put_heartbeat();
	check_lost(12);
	assert_int_equal(s.blind, 2);
	for (int i = 0; i < 2 * LEDGER_SEGMENT; i++) {
		if (i == LEDGER_SEGMENT) {
			put_gap(BOOT_A, seq, 100);
			seq += 100;
			put_heartbeat();
			put_gap(BOOT_A, seq, 1000);
			seq += 1000;
		}
		assert_int_equal(put(BOOT_A, seq++, "c"), 0);
		if (i % 500 == 0)
			put_heartbeat();
	}
	check_lost(1112);
	/* The first gap records are pruned, with them the records that carried the total then. */
	assert_int_equal(ledger_checkpoint(s.ledger, &e), 0);
	assert_int_equal(store_prune(&s, 1, 0, NULL, &gone, &q, &e), 0);
	assert_true(gone > 0);
	check_lost(1112);
	close_store();
	open_store();
	check_lost(1112);
	close_store();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(closed_while_full, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_full, setup, teardown),
		cmocka_unit_test_setup_teardown(in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_places, setup, teardown),
		cmocka_unit_test_setup_teardown(total_of_lost_records, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
