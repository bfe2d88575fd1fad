/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fixture.h - a ledger in a directory of its own for each test; leaf i is "leaf <i>" and some filling,
 * seen at time i.
 */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/ledger.h"

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

static inline int fixture_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *dir;

	if (asprintf(&dir, "%s/ledger.XXXXXX", tmp ? tmp : "/tmp") < 0 || !mkdtemp(dir))
		return -1;
	*state = dir;
	return 0;
}

static inline int fixture_unlink(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	nftw(*state, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

static inline struct ledger *fixture_open(const char *dir, struct ledger_recovery *rec)
{
	struct err e = {""};
	struct ledger *l = NULL;

	if (ledger_open(&l, dir, "test.example/vm", rec, &e))
		fail_msg("open: %s", e.text);
	return l;
}

static inline int fixture_leaf(char *buf, size_t cap, uint64_t i)
{
	return snprintf(buf, cap, "leaf %" PRIu64 " %.*s", i, (int)(i * 7919 % 120),
		"........................................................................................"
		"................................");
}

static inline void fixture_append(struct ledger *l, uint64_t from, uint64_t to)
{
	struct err e = {""};
	char buf[256];

	for (; from < to; from++)
		if (ledger_append(l, buf, (size_t)fixture_leaf(buf, sizeof(buf), from), (int64_t)from,
			    &e))
			fail_msg("append %" PRIu64 ": %s", from, e.text);
}

/* A session on the ledger in @dir that appends leaves @from to @to - 1, signs, and ends without a word. */
static inline void fixture_grow(const char *dir, uint64_t from, uint64_t to)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct err e;

	fixture_append(l, from, to);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	ledger_abandon(l);
}

static inline int fixture_prune(struct ledger *l, uint64_t keep_bytes, int64_t min_time_us, uint64_t *gone,
	struct err *e)
{
	const struct ledger_retention keep = {keep_bytes, min_time_us, "vm", 1700000000000000, false, 0};

	return ledger_prune(l, &keep, gone, e);
}

/* Is it the leaf that the ledger itself puts at a pruning? */
static inline bool fixture_is_prune(struct span leaf)
{
	return memmem(leaf.p, leaf.n, " vm logvisor - prune [", 22) != NULL;
}

static inline void fixture_check_leaf(struct span leaf, uint64_t i)
{
	char buf[256];
	size_t n = (size_t)fixture_leaf(buf, sizeof(buf), i);

	if (!fixture_is_prune(leaf) && (leaf.n != n || memcmp(leaf.p, buf, n)))
		fail_msg("record %" PRIu64 " is '%.*s'", i, (int)leaf.n, leaf.p);
}

/* All records from @first up to @end are there and right, and no more. */
static inline void fixture_check(const char *dir, uint64_t first, uint64_t end)
{
	struct ledger_reader *r;
	struct err e = {""};
	struct span leaf;
	uint64_t i, n = first;

	if (ledger_reader_open(&r, dir, &e))
		fail_msg("reader: %s", e.text);
	assert_int_equal(ledger_reader_first(r), first);
	assert_int_equal(ledger_reader_end(r), end);
	while (ledger_reader_next(r, &leaf, &i, &e) == 1) {
		assert_int_equal(i, n++);
		fixture_check_leaf(leaf, i);
	}
	assert_int_equal(n, end);
	ledger_reader_close(r);
}

#endif
