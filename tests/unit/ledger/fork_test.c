/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A root that somebody has kept, of whatever size, is held against the records: two histories cannot both
 * pass. And what was pruned has to be signed for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger/note.h"
#include "ledger/pruned.h"
#include "ledger/tiles.h"
#include "unit/ledger/tamper.h"

#define N (2 * LEDGER_SEGMENT + 1000)
#define NONE ((struct verify_options){0})

static struct told t;

/* Signed at 500 and at 1,000; returns the first checkpoint. */
static struct tamper_file signed_twice(const char *dir)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct tamper_file early;
	struct err e;

	tamper_append(l, 0, 500);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	early = tamper_load(tamper_path(dir, "checkpoint"));
	tamper_append(l, 500, 1000);
	assert_int_equal(ledger_close(l, &e), 0);
	return early;
}

static struct tamper_file copy(struct tamper_file f)
{
	struct tamper_file c = {malloc(f.n + 1), f.n};

	memcpy(c.data, f.data, f.n);
	c.data[f.n] = '\0';
	return c;
}

/* The writer refuses the ledger, and leaves every byte as it is. */
static void refused(const char *dir)
{
	char command[2048];
	struct ledger *l;
	struct err e;

	snprintf(command, sizeof(command), "rm -rf '%s.kept' && cp -a '%s' '%s.kept'", dir, dir, dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(ledger_open(&l, dir, NULL, NULL, &e), -EBADMSG);
	if (getenv("TAMPER_SHOW"))
		printf("# open: %s\n", e.text);
	snprintf(command, sizeof(command), "diff -r --exclude=lock '%s' '%s.kept' && rm -r '%s.kept'", dir, dir, dir);
	assert_int_equal(system(command), 0);
}

static struct vkey pin_of(const char *dir)
{
	struct tamper_file f = tamper_load(tamper_path(dir, "vkey"));
	struct vkey pin;
	struct err e;

	assert_int_equal(vkey_parse(f.data, f.n, &pin, &e), 0);
	free(f.data);
	return pin;
}

/* The older checkpoint put back, `size` left, a record between the two altered with all that is stored of it. */
static void older_checkpoint_put_back(void **state)
{
	struct tamper_file early = signed_twice(*state), late = tamper_load(tamper_path(*state, "checkpoint"));
	struct vkey pin = pin_of(*state);
	struct verify_options opt = {.pin = &pin};

	tamper_store(tamper_path(*state, "checkpoint"), early);
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, 0); /* as after a crash between the two files */
	tamper_flip(*state, 700, true);
	tamper_fold(*state, 0, false);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_FORK, 500, 999));
	refused(*state);
	tamper_verify(*state, &t, opt);
	assert_true(tamper_told(&t, FINDING_FORK, 500, 999));
	opt.since = late.data;
	opt.since_len = late.n;
	tamper_verify(*state, &t, opt);
	assert_true(tamper_told(&t, FINDING_ROLLED_BACK, 500, 999));
	assert_int_equal(t.n, 3); /* both roots of 1,000 speak */
	free(late.data);
}

/* The hashes are left: they name the record, beyond the checkpoint too. */
static void altered_beyond_the_checkpoint(void **state)
{
	struct tamper_file early = signed_twice(*state);

	tamper_store(tamper_path(*state, "checkpoint"), early);
	tamper_flip(*state, 700, false);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_ALTERED, 700, 700));
	tamper_flip(*state, 700, true); /* back again */
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	tamper_flip(*state, 700, true);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_RANGE, 512, 767));
}

/* A slot of any size with another root: both histories were signed once. */
static void slot_with_another_root(void **state)
{
	struct tamper_file early = signed_twice(*state), size, good = tamper_load(tamper_path(*state, "size"));
	struct hash root = {{1}};

	free(early.data);
	for (unsigned i = 0; i < 2; i++) {
		size = copy(good);
		layout_size_put(i ? 1000 : 500, &root, size.data + (size_t)i * LAYOUT_SIZE_SLOT);
		tamper_store(tamper_path(*state, "size"), size);
		tamper_verify(*state, &t, NONE);
		assert_int_equal(t.n, 1);
		assert_true(tamper_told(&t, FINDING_FORK, i ? 500 : 0, i ? 999 : 499));
		refused(*state);
	}
	tamper_store(tamper_path(*state, "size"), good);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
}

/* An altered record does not become right by what anybody can write into `size`. */
static void forged_slots(void **state)
{
	struct tamper_file early = signed_twice(*state), f, size = tamper_load(tamper_path(*state, "size"));
	struct tree tree = {0};
	struct hash h;

	free(early.data);
	tamper_flip(*state, 3, false);
	f = tamper_load(tamper_segment(*state, 0, "entries"));
	for (uint64_t i = 0; i < 1000; i++) {
		size_t at = tamper_entry(f, i);

		tree_leaf_hash(f.data + at + 2, (size_t)(uint8_t)f.data[at] << 8 | (uint8_t)f.data[at + 1], &h);
		tree_add(&tree, &h, NULL, NULL);
	}
	free(f.data);
	tree_root(&tree, &h);
	for (unsigned i = 0; i < 2; i++)
		layout_size_put(1000, &h, size.data + (size_t)i * LAYOUT_SIZE_SLOT);
	tamper_store(tamper_path(*state, "size"), size);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_ALTERED, 3, 3));
}

/* The checkpoint is the one that differs from what the records and `size` say. */
static void checkpoint_of_another_history(void **state)
{
	char other[512], key[4096];
	struct tamper_file early = signed_twice(*state), f;
	struct ledger *l;
	struct err e;

	free(early.data);
	snprintf(other, sizeof(other), "%s/other", (char *)*state);
	assert_int_equal(mkdir(other, 0700), 0);
	snprintf(key, sizeof(key), "cp '%s/key' '%s/key'", (char *)*state, other);
	assert_int_equal(system(key), 0);
	l = fixture_open(other, NULL);
	tamper_append(l, 1, 701);
	assert_int_equal(ledger_close(l, &e), 0);
	f = tamper_load(tamper_path(other, "checkpoint"));
	tamper_store(tamper_path(*state, "checkpoint"), f);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_FORK, 500, 699));
	refused(*state);
}

/* ---- pruning ---- */

static void make(const char *dir)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct err e;

	tamper_append(l, 0, N);
	assert_int_equal(ledger_close(l, &e), 0);
}

static void prune(const char *dir)
{
	struct ledger *l = fixture_open(dir, NULL);
	uint64_t gone;
	struct err e;

	assert_int_equal(fixture_prune(l, 0, 1700000000000000 + (int64_t)LEDGER_SEGMENT * 1000, &gone, &e), 0);
	assert_int_equal(gone, LEDGER_SEGMENT);
	assert_int_equal(ledger_close(l, &e), 0);
}

static void put_first(const char *dir, const char *text)
{
	struct tamper_file f = {strdup(text), strlen(text)};

	tamper_store(tamper_path(dir, "first"), f);
}

static void take_out(const char *dir, uint64_t segment)
{
	static const char *const kinds[] = {"entries", "index", "hashes"};

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(unlink(tamper_segment(dir, segment, kinds[i])), 0);
}

static void pruned_without_the_key(void **state)
{
	static const char *const firsts[] = {"65536\n", "65536\n132071\n", "65536\n999999\n"};

	make(*state);
	take_out(*state, 0);
	for (unsigned i = 0; i < 3; i++) {
		put_first(*state, firsts[i]);
		tamper_verify(*state, &t, NONE);
		assert_int_equal(t.n, 1);
		assert_true(tamper_told(&t, FINDING_REMOVED, 0, LEDGER_SEGMENT - 1));
	}
}

/* A signed pruning is no leave for another one. */
static void pruned_further(void **state)
{
	char first[64];

	make(*state);
	prune(*state);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.result, 0);
	assert_int_equal(t.sum.first, LEDGER_SEGMENT);
	assert_int_equal(t.sum.prune_record, N);
	take_out(*state, 1);
	snprintf(first, sizeof(first), "131072\n%d\n", N);
	put_first(*state, first);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_REMOVED, 0, 2 * LEDGER_SEGMENT - 1));
	refused(*state);
}

/* The record is there, and not signed yet: appended by someone without the key. */
static void record_beyond_the_checkpoint(void **state)
{
	struct tamper_file note, size;

	make(*state);
	note = tamper_load(tamper_path(*state, "checkpoint"));
	size = tamper_load(tamper_path(*state, "size"));
	prune(*state);
	tamper_store(tamper_path(*state, "checkpoint"), note);
	tamper_store(tamper_path(*state, "size"), size);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_REMOVED, 0, LEDGER_SEGMENT - 1));
}

static void pruned_by_an_earlier_version(void **state)
{
	make(*state);
	take_out(*state, 0);
	put_first(*state, "65536\n");
	tamper_verify(*state, &t, NONE);
	assert_true(tamper_told(&t, FINDING_REMOVED, 0, LEDGER_SEGMENT - 1));
	/* From its next pruning on a record says how far it is not known. */
	assert_int_equal(t.n, 1);
	{
		struct ledger *l = fixture_open(*state, NULL);
		uint64_t gone;
		struct err e;

		assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
		assert_int_equal(gone, LEDGER_SEGMENT);
		assert_int_equal(ledger_close(l, &e), 0);
	}
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.result, VERIFY_UNCHECKED);
	assert_true(tamper_told(&t, FINDING_UNCHECKED, 0, LEDGER_SEGMENT - 1));
}

/* A checkpoint of another log is named for what it is: nothing here is accused of a rewritten history by it. */
static void remembered_of_another(void **state)
{
	static const char note[] = "other\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 other "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 68 bytes of signature */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
	struct verify_options opt = {.since = note, .since_len = sizeof(note) - 1};

	free(signed_twice(*state).data);
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, 1);
	assert_int_equal(t.sum.findings, 1);
	assert_int_equal(t.f[0].kind, FINDING_KEY);
	assert_false(t.sum.since);
}

/* Of what is pruned the roots of whole bundles can still be told, others not. */
static void remembered_below_first(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct verify_options opt = {0};
	struct tamper_file whole, part, hash1, f;
	struct err e;

	tamper_append(l, 0, 1000);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	part = tamper_load(tamper_path(*state, "checkpoint"));
	tamper_append(l, 1000, 1024);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	whole = tamper_load(tamper_path(*state, "checkpoint"));
	tamper_append(l, 1024, N);
	assert_int_equal(ledger_close(l, &e), 0);
	prune(*state);
	opt.since = whole.data;
	opt.since_len = whole.n;
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, 0);
	assert_true(t.sum.since);
	opt.since = part.data;
	opt.since_len = part.n;
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, VERIFY_UNCHECKED);
	assert_true(tamper_told(&t, FINDING_UNCHECKED, 0, 999));
	/* With a hash damaged that it would be told from, it cannot be told; it was not rewritten. */
	hash1 = tamper_load(tamper_path(*state, "log/hash.1"));
	f = copy(hash1);
	f.data[40] ^= 1;
	tamper_store(tamper_path(*state, "log/hash.1"), f);
	opt.since = whole.data;
	opt.since_len = whole.n;
	tamper_verify(*state, &t, opt);
	assert_int_equal(t.result, VERIFY_UNCHECKED);
	assert_true(tamper_told(&t, FINDING_UNCHECKED, 0, 1023));
	tamper_store(tamper_path(*state, "log/hash.1"), hash1);
	free(whole.data);
	free(part.data);
}

/* hash.2 of what is pruned is damaged or gone; hash.1 has it all. */
static void level_two_of_the_pruned(void **state)
{
	struct tamper_file f;

	make(*state);
	prune(*state);
	f = tamper_load(tamper_path(*state, "log/hash.2"));
	f.data[3] ^= 1;
	tamper_store(tamper_path(*state, "log/hash.2"), f);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_HASHES, 0, LEDGER_SEGMENT - 1));
	assert_int_equal(unlink(tamper_path(*state, "log/hash.2")), 0);
	tamper_verify(*state, &t, NONE);
	assert_int_equal(t.n, 1);
	assert_true(tamper_told(&t, FINDING_HASHES, 0, LEDGER_SEGMENT - 1));
}

/* ---- what was exported before ---- */

static int export(const char *dir, const char *out)
{
	struct tiles_sum sum;
	struct err e = {""};
	int r = tiles_export(dir, out, &sum, &e);

	if (getenv("TAMPER_SHOW"))
		printf("# %s\n", e.text);
	return r;
}

static void exported_before(void **state)
{
	struct tamper_file early = signed_twice(*state), late = tamper_load(tamper_path(*state, "checkpoint")), f;
	char out[512];

	snprintf(out, sizeof(out), "%s/tiles", (char *)*state);
	tamper_store(tamper_path(*state, "checkpoint"), copy(early));
	assert_int_equal(export(*state, out), 0);
	tamper_store(tamper_path(*state, "checkpoint"), copy(late));
	assert_int_equal(export(*state, out), 0);
	assert_int_equal(export(*state, out), 0);
	/* Less than is there. */
	tamper_store(tamper_path(*state, "checkpoint"), copy(early));
	assert_int_equal(export(*state, out), -EBADMSG);
	f = tamper_load(tamper_path(out, "checkpoint"));
	assert_int_equal(f.n, late.n);
	assert_memory_equal(f.data, late.data, f.n);
	free(f.data);
	/* Somebody else's, or damaged. */
	tamper_store(tamper_path(*state, "checkpoint"), copy(late));
	f = copy(late);
	f.data[f.n - 10] ^= 2;
	tamper_store(tamper_path(out, "checkpoint"), f);
	assert_int_equal(export(*state, out), -EBADMSG);
	free(early.data);
	free(late.data);
}

/* The same key, another history that is longer. */
static void another_history_exported_before(void **state)
{
	char out[512], command[4096];
	struct tamper_file early = signed_twice(*state), f;
	struct ledger *l;
	struct err e;

	free(early.data);
	snprintf(out, sizeof(out), "%s/tiles", (char *)*state);
	assert_int_equal(export(*state, out), 0);
	early = tamper_load(tamper_path(out, "tile/0/000"));
	snprintf(command, sizeof(command), "cd '%s' && rm -r checkpoint size log", (char *)*state);
	assert_int_equal(system(command), 0);
	l = fixture_open(*state, NULL);
	tamper_append(l, 1, 2001);
	assert_int_equal(ledger_close(l, &e), 0);
	assert_int_equal(export(*state, out), -EBADMSG);
	f = tamper_load(tamper_path(out, "tile/0/000"));
	assert_memory_equal(f.data, early.data, early.n);
	free(f.data);
	free(early.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(older_checkpoint_put_back),
		fixture_test(altered_beyond_the_checkpoint),
		fixture_test(slot_with_another_root),
		fixture_test(forged_slots),
		fixture_test(checkpoint_of_another_history),
		fixture_test(pruned_without_the_key),
		fixture_test(pruned_further),
		fixture_test(record_beyond_the_checkpoint),
		fixture_test(pruned_by_an_earlier_version),
		fixture_test(remembered_of_another),
		fixture_test(remembered_below_first),
		fixture_test(level_two_of_the_pruned),
		fixture_test(exported_before),
		fixture_test(another_history_exported_before),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
