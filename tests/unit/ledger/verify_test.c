/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 300 */
/* verify says "complete and unaltered" of what is, and names what was done to what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger/note.h"
#include "ledger/lost.h"
#include "unit/ledger/tamper.h"

#define N (2 * LEDGER_SEGMENT + 1000)
#define NONE ((struct verify_options){0})

static struct told t;

static void make(const char *dir)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct err e;

	tamper_append(l, 0, N);
	assert_int_equal(ledger_close(l, &e), 0);
}

static void intact(void **state)
{
	make(*state);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.size, N);
	assert_int_equal(t.sum.end, N);
	assert_int_equal(t.sum.boots, 1);
	assert_int_equal(t.sum.lost, 0);
	assert_int_equal(t.sum.min_us, 1700000000000000);
	assert_int_equal(t.sum.max_us, 1700000000000000 + (int64_t)(N - 1) * 1000);
}

static void intact_with_any_threads(void **state)
{
	make(*state);
	for (unsigned n = 1; n < 6; n++) {
		tamper_verify(*state, &t, (struct verify_options){.threads = n});
		assert_int_equal(t.result, 0);
	}
}

static void empty(void **state)
{
	struct err e;

	assert_int_equal(ledger_close(fixture_open(*state, NULL), &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.size, 0);
}

static void altered_record(void **state)
{
	static const uint64_t at[] = {0, 255, 256, 40000, LEDGER_SEGMENT - 1, LEDGER_SEGMENT,
		N - 1000, N - 1};

	make(*state);
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		tamper_flip(*state, at[i], false);
		tamper_verify(*state, &t, NONE);
		assert_true(tamper_told(&t, FINDING_ALTERED, at[i], at[i]));
		assert_int_equal(t.n, 1);
		tamper_flip(*state, at[i], false);
	}
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
}

static void altered_with_leaf_hash(void **state)
{
	make(*state);
	tamper_flip(*state, 1000, true);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_RANGE, 768, 1023));
	assert_int_equal(t.n, 1);
}

static void altered_with_leaf_hash_in_last_bundle(void **state)
{
	make(*state);
	/* The last, partial bundle has no hash above it but the root. */
	tamper_flip(*state, N - 1, true);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_ROOT, 0, N - 1));
	assert_non_null(strstr(t.f[0].text, "records 131840 to 132071 differ"));
}

static void altered_with_two_levels(void **state)
{
	make(*state);
	tamper_flip(*state, 70000, true);
	tamper_fold(*state, 1, false);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_RANGE, LEDGER_SEGMENT, 2 * LEDGER_SEGMENT - 1));
}

static void altered_with_all_hashes(void **state)
{
	make(*state);
	tamper_flip(*state, 1000, true);
	tamper_fold(*state, 0, true);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_ROOT, 0, N - 1));
}

static void altered_length(void **state)
{
	struct tamper_file f;
	size_t at;

	make(*state);
	f = tamper_load(tamper_segment(*state, 0, "entries"));
	at = tamper_entry(f, 5000);
	f.data[at + 1] ^= 3;
	tamper_store(tamper_segment(*state, 0, "entries"), f);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_ALTERED, 5000, 5000));
	assert_int_equal(t.n, 1); /* all others are found behind it */
}

static void removed_tail(void **state)
{
	struct tamper_file f;

	make(*state);
	f = tamper_load(tamper_segment(*state, 2, "entries"));
	f.n = tamper_entry(f, 900);
	tamper_store(tamper_segment(*state, 2, "entries"), f);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, N - 100, N - 1));
	f = tamper_load(tamper_segment(*state, 2, "hashes"));
	f.n = 900 * 32;
	tamper_store(tamper_segment(*state, 2, "hashes"), f);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, N - 100, N - 1));
	unlink(tamper_segment(*state, 2, "entries"));
	unlink(tamper_segment(*state, 2, "hashes"));
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, N - 1000, N - 1));
	unlink(tamper_segment(*state, 1, "entries"));
	unlink(tamper_segment(*state, 0, "entries"));
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, 0, N - 1));
}

static void removed_middle(void **state)
{
	make(*state);
	tamper_remove(*state, 1, 3000, 37, false);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, LEDGER_SEGMENT + 3000, LEDGER_SEGMENT + 3036));
	assert_true(tamper_told(&t, FINDING_SEQUENCE, LEDGER_SEGMENT + 2999, LEDGER_SEGMENT + 3000));
}

static void removed_middle_with_hashes(void **state)
{
	make(*state);
	tamper_remove(*state, 1, 3000, 37, true);
	tamper_verify(*state, &t, NONE);
	/* From the bundle of 3000 on nothing fits the hashes above; the numbers name the place. */
	assert_true(tamper_told(&t, FINDING_REMOVED, LEDGER_SEGMENT + 2816, 2 * LEDGER_SEGMENT - 1));
	assert_true(tamper_told(&t, FINDING_SEQUENCE, LEDGER_SEGMENT + 2999, LEDGER_SEGMENT + 3000));
}

static void missing_segment(void **state)
{
	make(*state);
	unlink(tamper_segment(*state, 0, "entries"));
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, 0, LEDGER_SEGMENT - 1));
	assert_int_equal(t.n, 1);
}

static void inserted(void **state)
{
	struct tamper_file f, g;
	size_t at;

	make(*state);
	f = tamper_load(tamper_segment(*state, 0, "entries"));
	at = tamper_entry(f, 777);
	g.n = f.n + 6;
	g.data = malloc(g.n);
	memcpy(g.data, f.data, at);
	memcpy(g.data + at, "\0\4fake", 6);
	memcpy(g.data + at + 6, f.data + at, f.n - at);
	free(f.data);
	tamper_store(tamper_segment(*state, 0, "entries"), g);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_INSERTED, 777, 777));
}

static void swapped(void **state)
{
	make(*state);
	tamper_swap(*state, 100, 5000, false);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_SWAPPED, 100, 5000));
	tamper_swap(*state, 100, 5000, false);
	tamper_swap(*state, 7, 8, false);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_SWAPPED, 7, 8));
	tamper_swap(*state, 7, 8, false);
	tamper_swap(*state, 70, LEDGER_SEGMENT + 9, false);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_SWAPPED, 70, LEDGER_SEGMENT + 9));
}

static void swapped_with_hashes(void **state)
{
	make(*state);
	tamper_swap(*state, 100, 5000, true);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_RANGE, 0, 255));
	assert_true(tamper_told(&t, FINDING_RANGE, 4864, 5119));
	assert_true(tamper_told(&t, FINDING_SEQUENCE, 100, 5000));
	assert_int_equal(t.n, 3);
}

static void damaged_hashes(void **state)
{
	static const char *const files[] = {"log/00000000.hashes", "log/00000002.hashes", "log/hash.1",
		"log/hash.2"};

	make(*state);
	for (unsigned i = 0; i < 4; i++) {
		struct tamper_file f = tamper_load(tamper_path(*state, files[i]));

		f.data[40] ^= 1;
		tamper_store(tamper_path(*state, files[i]), f);
		tamper_verify(*state, &t, NONE);
		assert_int_equal(t.n, 1);
		assert_int_equal(t.f[0].kind, FINDING_HASHES);
		f = tamper_load(tamper_path(*state, files[i]));
		f.data[40] ^= 1;
		f.n -= 32;
		tamper_store(tamper_path(*state, files[i]), f);
		tamper_verify(*state, &t, NONE);
		assert_int_equal(t.n, 1);
		assert_int_equal(t.f[0].kind, FINDING_HASHES);
		assert_int_equal(unlink(tamper_path(*state, files[i])), 0);
		tamper_verify(*state, &t, NONE);
		assert_int_equal(t.n, 1);
		assert_int_equal(t.f[0].kind, FINDING_HASHES);
		fixture_teardown(state);
		fixture_setup(state);
		make(*state);
	}
}

static void damaged_index(void **state)
{
	struct tamper_file f;

	make(*state);
	f = tamper_load(tamper_segment(*state, 0, "index"));
	f.data[24 * 7 + 12] ^= 1; /* earliest time of row 7 */
	tamper_store(tamper_segment(*state, 0, "index"), f);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_INDEX, 7 * 256, 7 * 256 + 255));
}

static void damaged_checkpoint(void **state)
{
	struct tamper_file f;
	char *size;

	make(*state);
	f = tamper_load(tamper_path(*state, "checkpoint"));
	size = strchr(f.data, '\n') + 1;
	size[0] = size[0] == '9' ? '8' : '9';
	tamper_store(tamper_path(*state, "checkpoint"), f);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_CHECKPOINT, 0, 0));
	unlink(tamper_path(*state, "checkpoint"));
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_CHECKPOINT, 0, 0));
}

/* What the writer refuses must not pass here: no `size`, or none of its slots valid. */
static void damaged_size(void **state)
{
	const size_t second = LAYOUT_SIZE_SLOT;
	struct ledger *l = fixture_open(*state, NULL);
	struct tamper_file good, f;
	struct err e;

	tamper_append(l, 0, 10);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	tamper_append(l, 10, 30);
	assert_int_equal(ledger_close(l, &e), 0);
	good = tamper_load(tamper_path(*state, "size"));

	f = tamper_load(tamper_path(*state, "size"));
	f.data[3] ^= 1; /* the older one: as after a torn write */
	tamper_store(tamper_path(*state, "size"), f);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	f = tamper_load(tamper_path(*state, "size"));
	f.data[second + 3] ^= 1;
	tamper_store(tamper_path(*state, "size"), f);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_SIZE, 0, 29));
	assert_true(ledger_open(&l, *state, NULL, NULL, &e) < 0);

	f = tamper_load(tamper_path(*state, "size"));
	memcpy(f.data, good.data, good.n);
	f.data[second + 3] ^= 1; /* the younger one: less than the checkpoint */
	tamper_store(tamper_path(*state, "size"), f);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_SIZE, 10, 29));

	assert_int_equal(unlink(tamper_path(*state, "size")), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_SIZE, 0, 0));
	assert_true(ledger_open(&l, *state, NULL, NULL, &e) < 0);
	tamper_store(tamper_path(*state, "size"), good);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
}

static void rolled_back(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct tamper_file early, late, size;
	struct verify_options opt = {0};
	struct err e;

	tamper_append(l, 0, 1000);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	early = tamper_load(tamper_path(*state, "checkpoint"));
	size = tamper_load(tamper_path(*state, "size"));
	tamper_append(l, 1000, 2000);
	assert_int_equal(ledger_close(l, &e), 0);
	late = tamper_load(tamper_path(*state, "checkpoint"));

	opt.since = early.data;
	opt.since_len = early.n;
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, 0);
	assert_true(t.sum.since);
	assert_int_equal(t.sum.since_size, 1000);

	/* Back to the old checkpoint, tail and all: only `size` and the remembered one know. */
	opt.since = late.data;
	opt.since_len = late.n;
	tamper_store(tamper_path(*state, "checkpoint"), early);
	tamper_verify(*state, &t, opt);
	assert_true(tamper_told(&t, FINDING_ROLLED_BACK, 1000, 1999));
	tamper_remove(*state, 0, 1000, 1000, true);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_ROLLED_BACK, 1000, 1999));
	tamper_store(tamper_path(*state, "size"), size);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0); /* what only a remembered checkpoint can tell */
	tamper_verify(*state, &t, opt);
	assert_true(tamper_told(&t, FINDING_ROLLED_BACK, 1000, 1999));
	free(late.data);
}

static void forked(void **state)
{
	struct verify_options opt = {0};
	struct tamper_file old;
	struct ledger *l = fixture_open(*state, NULL);
	struct err e;
	char *dir = *state, key[4096];

	/* Someone with the key writes another history. */
	tamper_append(l, 0, 1000);
	assert_int_equal(ledger_close(l, &e), 0);
	old = tamper_load(tamper_path(dir, "checkpoint"));
	unlink(tamper_path(dir, "checkpoint"));
	unlink(tamper_path(dir, "size"));
	snprintf(key, sizeof(key), "rm -r '%s/log'", dir);
	assert_int_equal(system(key), 0);
	l = fixture_open(dir, NULL);
	tamper_append(l, 1, 2000);
	assert_int_equal(ledger_close(l, &e), 0);
	tamper_verify(dir, &t, NONE);
	assert_int_equal(t.result, 0);
	opt.since = old.data;
	opt.since_len = old.n;
	tamper_verify(dir, &t, opt);
	assert_true(tamper_told(&t, FINDING_FORK, 0, 999));
	free(old.data);
}

static void foreign_key(void **state)
{
	struct verify_options opt = {0};
	struct tamper_file own;
	struct vkey pin;
	struct err e;

	make(*state);
	own = tamper_load(tamper_path(*state, "vkey"));
	assert_int_equal(vkey_parse(own.data, own.n, &pin, &e), 0);
	opt.pin = &pin;
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, 0);
	free(own.data);
	pin.pub[3] ^= 1;
	pin.id++;
	tamper_verify(*state, &t, opt);
	assert_true(t.n >= 1);
	for (size_t i = 0; i < t.n; i++)
		assert_int_equal(t.f[i].kind, FINDING_KEY);
}

static void sequence_gap(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct err e;

	tamper_append(l, 10, 100);
	tamper_gap(l, 100, 20);
	tamper_append(l, 120, 200);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.gaps, 1);
	assert_int_equal(t.sum.lost, 20);
	tamper_append(l, 205, 210); /* 200 to 204 are nowhere */
	tamper_append(l, 207, 208); /* twice, and out of order */
	assert_int_equal(ledger_close(l, &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_SEQUENCE, 170, 171));
	assert_true(tamper_told(&t, FINDING_SEQUENCE, 176, 176));
	assert_int_equal(t.n, 3);
}

/*
 * Channels without numbers: each gap is of other messages, though all begin at 0, and none is of the kernel's records
 * that have these numbers.
 */
static void gaps_without_numbers(void **state)
{
	struct ledger_reader *r;
	struct lost_sum sum;
	struct ledger *l = fixture_open(*state, NULL);
	struct err e;

	tamper_append(l, 0, 50);
	tamper_gap_of(l, RECORD_SYSLOG, 0, 3);
	tamper_gap_of(l, RECORD_SYSLOG, 0, 5);
	tamper_append(l, 50, 100);
	tamper_gap_of(l, RECORD_SYSLOG, 0, 5);
	tamper_gap_of(l, RECORD_JOURNAL, 0, 7);
	tamper_gap_of(l, RECORD_AUDIT, 0, 1000000);
	tamper_gap(l, 100, 20);
	tamper_append(l, 120, 130);
	assert_int_equal(ledger_close(l, &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.gaps, 6);
	assert_int_equal(t.sum.lost, 1000040);
	assert_int_equal(t.sum.blind, 0);
	assert_int_equal(ledger_reader_open(&r, *state, &e), 0);
	assert_int_equal(lost_total(r, UINT64_MAX, &sum, &e), 1); /* what list tells */
	assert_int_equal(sum.lost, 1000040);
	assert_int_equal(sum.records[RECORD_KMSG], 110);
	assert_int_equal(sum.records[RECORD_SYSLOG] + sum.records[RECORD_JOURNAL] + sum.records[RECORD_AUDIT], 0);
	ledger_reader_close(r);
}

static void not_a_record(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct err e;

	tamper_append(l, 0, 10);
	assert_int_equal(ledger_append(l, "nonsense", 8, 1, &e), 0);
	assert_int_equal(ledger_close(l, &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_RECORD, 10, 10));
	assert_int_equal(t.n, 1);
}

static void pruned(void **state)
{
	struct verify_options opt = {0};
	struct tamper_file early;
	struct ledger *l = fixture_open(*state, NULL);
	uint64_t gone;
	struct err e;

	tamper_append(l, 0, 1000);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	early = tamper_load(tamper_path(*state, "checkpoint"));
	tamper_append(l, 1000, N);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 2 * LEDGER_SEGMENT);
	assert_int_equal(ledger_close(l, &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.first, 2 * LEDGER_SEGMENT);
	opt.since = early.data;
	opt.since_len = early.n;
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, VERIFY_UNCHECKED);
	assert_true(tamper_told(&t, FINDING_UNCHECKED, 0, 999)); /* can no longer be checked: said so */
	free(early.data);
	/* An attacker's pruning: a segment gone that `first` does not tell of. */
	unlink(tamper_path(*state, "first"));
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, 0, LEDGER_SEGMENT - 1));
}

static void unsigned_tail(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct err e;

	tamper_append(l, 0, 300);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	tamper_append(l, 300, 700);
	assert_int_equal(ledger_commit(l, &e), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.size, 300);
	assert_int_equal(t.sum.end, 700);
	ledger_abandon(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(intact),
		fixture_test(intact_with_any_threads),
		fixture_test(empty),
		fixture_test(altered_record),
		fixture_test(altered_with_leaf_hash),
		fixture_test(altered_with_leaf_hash_in_last_bundle),
		fixture_test(altered_with_two_levels),
		fixture_test(altered_with_all_hashes),
		fixture_test(altered_length),
		fixture_test(removed_tail),
		fixture_test(removed_middle),
		fixture_test(removed_middle_with_hashes),
		fixture_test(missing_segment),
		fixture_test(inserted),
		fixture_test(swapped),
		fixture_test(swapped_with_hashes),
		fixture_test(damaged_hashes),
		fixture_test(damaged_index),
		fixture_test(damaged_checkpoint),
		fixture_test(damaged_size),
		fixture_test(rolled_back),
		fixture_test(forked),
		fixture_test(foreign_key),
		fixture_test(sequence_gap), fixture_test(gaps_without_numbers),
		fixture_test(not_a_record),
		fixture_test(pruned),
		fixture_test(unsigned_tail),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
