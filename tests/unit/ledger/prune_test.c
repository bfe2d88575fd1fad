/* SPDX-License-Identifier: BSD-3-Clause */
/* What is pruned is said in a signed record before it goes, and nothing else is taken for pruned. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger/hashes.h"
#include "ledger/pruned.h"
#include "unit/ledger/tamper.h"

#define N (3 * LEDGER_SEGMENT + 10)

static struct ledger *make(const char *dir)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct err e;

	tamper_append(l, 0, N);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	return l;
}

static void prune(struct ledger *l, uint64_t segments)
{
	struct err e = {""};
	uint64_t gone;

	/* The records' times are a millisecond apart. */
	if (fixture_prune(l, 0, 1700000000000000 + (int64_t)(segments * LEDGER_SEGMENT) * 1000, &gone, &e))
		fail_msg("prune: %s", e.text);
	assert_int_equal(gone, LEDGER_SEGMENT);
}

static struct pruned load(const char *dir, struct prune_record *r)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY), fd;
	struct pruned p;
	struct hash leaf;

	assert_int_equal(pruned_load(d, &p), 0);
	fd = open(tamper_segment(dir, p.at / LEDGER_SEGMENT, "entries"), O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(prune_record_read(fd, &p, r, &leaf), 0);
	close(fd);
	close(d);
	return p;
}

static void is_signed_before(void **state)
{
	struct ledger *l = make(*state);
	struct prune_record r;
	struct hashes h;
	struct tree t;
	struct hash root;
	struct pruned p;
	int d = open(*state, O_RDONLY | O_DIRECTORY);

	prune(l, 1);
	assert_int_equal(ledger_size(l), N + 1);
	assert_int_equal(ledger_signed(l), N + 1);
	p = load(*state, &r);
	assert_int_equal(p.first, LEDGER_SEGMENT);
	assert_int_equal(p.at, N);
	assert_int_equal(r.from, 0);
	assert_int_equal(r.unproven, 0);
	hashes_open(&h, d);
	assert_int_equal(hashes_tree(&h, p.first, &t), 0);
	hashes_close(&h);
	tree_root(&t, &root);
	assert_memory_equal(&root, &r.root, sizeof(root));
	prune(l, 2);
	p = load(*state, &r);
	assert_int_equal(p.first, 2 * LEDGER_SEGMENT);
	assert_int_equal(p.at, N + 1);
	assert_int_equal(r.from, LEDGER_SEGMENT);
	ledger_abandon(l);
	close(d);
}

/* A record that was said and not done, since `first` could not be written, is said once. */
static void is_said_once(void **state)
{
	struct ledger *l = make(*state);
	struct err e = {""};
	uint64_t gone;

	assert_int_equal(mkdir(tamper_path(*state, "first"), 0700), 0); /* in the way of the file */
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fixture_prune(l, 1, 0, &gone, &e) < 0);
		assert_int_equal(gone, 0);
	}
	assert_int_equal(ledger_size(l), N + 1);
	assert_int_equal(access(tamper_segment(*state, 0, "entries"), F_OK), 0);
	assert_int_equal(rmdir(tamper_path(*state, "first")), 0);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 3 * LEDGER_SEGMENT);
	assert_int_equal(ledger_size(l), N + 1);
	ledger_abandon(l);
}

/* What will have to stand for the leaves is damaged: they stay. */
static void needs_the_hashes(void **state)
{
	static const char *const files[] = {"log/hash.1", "log/hash.2"};
	struct ledger *l = make(*state);
	struct err e = {""};
	uint64_t gone;

	for (unsigned i = 0; i < 2; i++) {
		struct tamper_file f = tamper_load(tamper_path(*state, files[i]));

		f.data[40] ^= 1; /* in hash.2 the second segment, which goes too */
		tamper_store(tamper_path(*state, files[i]), f);
		assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), -EBADMSG);
		assert_int_equal(access(tamper_segment(*state, 0, "entries"), F_OK), 0);
		assert_int_equal(access(tamper_path(*state, "first"), F_OK), -1);
		assert_int_equal(ledger_size(l), N);
		f = tamper_load(tamper_path(*state, files[i]));
		f.data[40] ^= 1;
		tamper_store(tamper_path(*state, files[i]), f);
	}
	ledger_abandon(l);
}

static void put_first(const char *dir, const char *text)
{
	struct tamper_file f = {strdup(text), strlen(text)};

	tamper_store(tamper_path(dir, "first"), f);
}

/* Without the key nobody can say that something was pruned; the writer does not finish his work. */
static void forged(void **state)
{
	static const char *const firsts[] = {"65536\n196617\n", "65536\n999999\n", "65536\n65535\n", "65536\n\n",
		"65536\n196617", "65537\n", "0\n196617\n", "\n", "65536\n0196617\n", "65536\n196617\n\n"};
	struct ledger *l = make(*state);
	struct err e = {""};

	ledger_abandon(l);
	for (unsigned i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
		put_first(*state, firsts[i]);
		assert_int_equal(ledger_open(&l, *state, NULL, NULL, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "first"));
		assert_int_equal(access(tamper_segment(*state, 0, "entries"), F_OK), 0);
	}
}

/* Pruned by a version that wrote no records: taken, and from then on said to be unproven. */
static void without_a_record(void **state)
{
	struct ledger *l = make(*state);
	struct prune_record r;
	struct err e;

	ledger_abandon(l);
	put_first(*state, "65536\n");
	l = fixture_open(*state, NULL);
	prune(l, 2);
	load(*state, &r);
	assert_int_equal(r.from, LEDGER_SEGMENT);
	assert_int_equal(r.unproven, LEDGER_SEGMENT);
	assert_int_equal(ledger_close(l, &e), 0);
	l = fixture_open(*state, NULL);
	prune(l, 3);
	load(*state, &r);
	assert_int_equal(r.unproven, LEDGER_SEGMENT);
	assert_int_equal(ledger_close(l, &e), 0);
}

/* What a quorum does not have stays, whatever the limits say. */
static void only_what_is_covered(void **state)
{
	struct ledger_retention keep = {.keep_bytes = 1, .host = "vm", .now_us = 1700000000000000, .only_covered = true};
	const uint64_t covered[] = {0, LEDGER_SEGMENT - 1, LEDGER_SEGMENT, 3 * LEDGER_SEGMENT - 1, UINT64_MAX};
	const uint64_t goes[] = {0, 0, LEDGER_SEGMENT, LEDGER_SEGMENT, LEDGER_SEGMENT};
	struct ledger *l = make(*state);
	uint64_t gone;
	struct err e;

	for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
		keep.covered = covered[i];
		assert_int_equal(ledger_prune(l, &keep, &gone, &e), 0);
		assert_int_equal(gone, goes[i]);
	}
	assert_int_equal(ledger_close(l, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(is_signed_before),
		fixture_test(is_said_once),
		fixture_test(needs_the_hashes),
		fixture_test(forged),
		fixture_test(without_a_record),
		fixture_test(only_what_is_covered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
