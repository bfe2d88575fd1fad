/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resume_test.c - where a worker goes on after any end of the one before it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "util/hash.h"
#include "worker/resume.h"
#include "unit/worker/store_rig.h"

static struct resume resume;
static const unsigned channels = 1 << RECORD_KMSG | 1 << RECORD_AUDIT;

static void open_resumed(void)
{
	struct err e = {""};

	open_store();
	if (resume_find(&resume, channels, ledger, &e))
		fail_msg("%s", e.text);
}

static void close_store(void)
{
	struct err e = {""};

	if (store_close(&s, &e))
		fail_msg("%s", e.text);
}

/* As the pump does it. */
static void put_record(struct record *r)
{
	bool fills = resume_fills(&resume, r);

	assert_int_equal(store_put(&s, r, NULL), 0);
	if (fills)
		store_found(&s);
	resume_note(&resume, r);
}

static void put_to(enum record_channel channel, const char *boot, uint64_t seq, const char *text,
	enum record_fidelity fid)
{
	struct record r = {
		.time_us = 1000000, .severity = 6, .app = span_of("kernel"), .msgid = span_of("kmsg"),
		.channel = channel, .has_seq = true, .seq = seq, .has_guest_ns = true, .guest_ns = seq * 10,
		.boot = span_of(boot), .msg = span_of(text), .fidelity = fid,
	};

	r.msgid = span_of(record_channel_name(channel));
	put_record(&r);
}

static void put(const char *boot, uint64_t seq, const char *text)
{
	put_to(RECORD_KMSG, boot, seq, text, RECORD_LIVE);
}

static void gap_in(enum record_channel channel, const char *boot, uint64_t first, uint64_t count)
{
	meta_begin(&s.meta, "vm", META_GAP, 1000000, boot);
	meta_gap(&s.meta, channel, first, count, "test");
	put_record(&s.meta.r);
}

static void put_gap(const char *boot, uint64_t first, uint64_t count)
{
	gap_in(RECORD_KMSG, boot, first, count);
}

#define BOOT_A "aaaaaaaaaaaaaaaa"
#define BOOT_B "bbbbbbbbbbbbbbbb"

/* What the running worker remembers and what the next one finds must be the same. */
static void expect_in(enum record_channel channel, const char *boot, uint64_t seq, uint64_t next,
	const char *text)
{
	const struct source_resume *at = &resume.at[channel];

	for (int again = 0; again < 2; again++) {
		assert_true(at->known);
		assert_string_equal(at->boot, boot);
		assert_int_equal(at->seq, seq);
		assert_int_equal(at->next, next);
		assert_int_equal(at->guest_ns, seq * 10);
		assert_true(at->text_hash == hash64(text, strlen(text)));
		close_store();
		open_resumed();
	}
}

static void expect_resume(const char *boot, uint64_t seq, uint64_t next, const char *text)
{
	expect_in(RECORD_KMSG, boot, seq, next, text);
}

static void resumes(void **state)
{
	(void)state;
	open_resumed();
	assert_false(resume.at[RECORD_KMSG].known);
	close_store();
	open_resumed();
	assert_false(resume.at[RECORD_KMSG].known);
	put(BOOT_A, 5, "five");
	put(BOOT_A, 7, "seven");
	put(BOOT_A, 6, "late six");
	expect_resume(BOOT_A, 7, 8, "seven");
	store_meta(&s, META_HEARTBEAT);
	meta_heartbeat(&s.meta, &(struct meta_counters){.records = 3});
	assert_int_equal(store_put_meta(&s, NULL), 0);
	put_gap(BOOT_A, 8, 92);
	expect_resume(BOOT_A, 7, 100, "seven");
	put_gap(BOOT_B, 0, 1000); /* a new boot whose beginning was missed */
	expect_resume(BOOT_A, 7, 100, "seven");
	put(BOOT_B, 1000, "thousand");
	expect_resume(BOOT_B, 1000, 1001, "thousand");
	for (uint64_t i = 1001; i < 3000; i++)
		put(BOOT_B, i, "many");
	expect_resume(BOOT_B, 2999, 3000, "many");
	close_store();
}

static void put_late(const char *boot, uint64_t seq)
{
	put_to(RECORD_KMSG, boot, seq, "late", RECORD_LATE);
}

static void expect_open(unsigned n, const uint64_t *open)
{
	for (int again = 0; again < 2; again++) {
		assert_int_equal(resume.at[RECORD_KMSG].n_open, n);
		for (unsigned i = 0; i < n; i++) {
			unsigned k = 0;

			while (k < n && resume.at[RECORD_KMSG].open[k] != open[i])
				k++;
			assert_true(k < n);
		}
		close_store();
		open_resumed();
	}
}

/* What gaps name and what followed after all, in this process and in the next. */
static void unfinished(void **state)
{
	(void)state;
	open_resumed();
	put(BOOT_A, 5, "five");
	put_gap(BOOT_A, 6, 1);
	put(BOOT_A, 7, "seven");
	put_gap(BOOT_A, 8, 2);
	put_gap(BOOT_A, 10, 90); /* overwritten */
	expect_open(3, (uint64_t[]){6, 8, 9});
	expect_resume(BOOT_A, 7, 100, "seven");
	assert_int_equal(s.lost, 93);
	put_late(BOOT_A, 6);
	put_late(BOOT_A, 8);
	assert_int_equal(s.lost, 91);
	expect_open(1, (uint64_t[]){9});
	expect_resume(BOOT_A, 8, 100, "late");
	put(BOOT_B, 0, "another boot");
	expect_open(0, NULL);
	close_store();
}

/* Each channel has its own numbers, its own gaps and, for a while after a reboot, its own boot. */
static void channels_apart(void **state)
{
	(void)state;
	open_resumed();
	put(BOOT_A, 1, "one");
	put_to(RECORD_AUDIT, BOOT_A, 500, "audited", RECORD_LIVE);
	put_to(RECORD_SYSLOG, BOOT_A, 7, "of a source there is none of", RECORD_LIVE);
	gap_in(RECORD_AUDIT, BOOT_A, 501, 3);
	put(BOOT_B, 2, "two");
	put_gap(BOOT_B, 3, 1);
	expect_in(RECORD_AUDIT, BOOT_A, 500, 504, "audited");
	expect_resume(BOOT_B, 2, 4, "two");
	assert_false(resume.at[RECORD_SYSLOG].known);
	for (uint64_t i = 4; i < 1000; i++)
		put(BOOT_B, i, "many");
	expect_in(RECORD_AUDIT, BOOT_A, 500, 504, "audited");
	assert_int_equal(resume.at[RECORD_AUDIT].n_open, 3);
	expect_resume(BOOT_B, 999, 1000, "many");
	close_store();
}

/* More gaps than are looked at, of boots that no record is of. */
static void gaps_without_end(void **state)
{
	char boot[17];

	(void)state;
	open_resumed();
	put(BOOT_A, 1, "one");
	put_gap(BOOT_A, 2, 40);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(boot, sizeof(boot), "%016x", i);
		put_gap(boot, 0, 1);
	}
	close_store();
	open_resumed();
	assert_int_equal(resume.at[RECORD_KMSG].seq, 1);
	assert_in_range(resume.at[RECORD_KMSG].next, 2, 42);
	close_store();
}

static int seen;

static int see(void *ctx, const struct source_stored *stored)
{
	(void)ctx;
	assert_string_equal(stored->boot, BOOT_A);
	assert_int_equal(stored->guest_ns, stored->seq * 10);
	assert_int_equal(stored->seq, 9 - seen);
	assert_int_equal(stored->r->seq, stored->seq);
	return ++seen == 5;
}

static void recalls_one_channel(void **state)
{
	struct err e;
	char path[32];

	(void)state;
	open_resumed();
	for (uint64_t i = 0; i < 10; i++) {
		put(BOOT_A, i, "mine");
		put_to(RECORD_AUDIT, BOOT_B, 100 + i, "not mine", RECORD_LIVE);
	}
	seen = 0;
	assert_int_equal(store_readable(&s, path, sizeof(path), &e), 0);
	assert_int_equal(resume_recall(path, RECORD_KMSG, see, NULL, &e), 0);
	assert_int_equal(seen, 5);
	close_store();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(resumes), TEST(unfinished), TEST(channels_apart), TEST(gaps_without_end),
		TEST(recalls_one_channel),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
