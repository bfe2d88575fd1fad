/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consistency_test.c - subtree consistency proofs: made from a ledger's own files, checked with roots that were
 * computed leaf by leaf; every subtree of every tree of up to 40 leaves, and some of a large one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ledger/consistency.h"
#include "unit/ledger/fixture.h"

#define SMALL 40

/* The root of leaves [from, to) by RFC 6962 section 2.1, as the fixture has them. */
static void plain_root(uint64_t from, uint64_t to, struct hash *out)
{
	struct hash left, right;
	char buf[256];
	uint64_t k = 1;

	if (to - from == 1) {
		tree_leaf_hash(buf, (size_t)fixture_leaf(buf, sizeof(buf), from), out);
		return;
	}
	while (k * 2 < to - from)
		k *= 2;
	plain_root(from, from + k, &left);
	plain_root(from + k, to, &right);
	tree_node_hash(&left, &right, out);
}

static struct hash roots[SMALL + 1][SMALL + 1];

static void make_ledger(const char *dir, uint64_t n)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct err e;

	fixture_append(l, 0, n);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	ledger_abandon(l);
}

static int check(uint64_t start, uint64_t end, uint64_t size, const struct hash *path, size_t n)
{
	return consistency_check(start, end, size, &roots[start][end], path, n, &roots[0][size]);
}

static unsigned try_all(struct hashes *h)
{
	struct hash path[CONSISTENCY_MAX], bent;
	unsigned proofs = 0;
	size_t n;

	for (uint64_t size = 1; size <= SMALL; size++)
		for (uint64_t start = 0; start < size; start++)
			for (uint64_t end = start + 1; end <= size; end++) {
				int r = consistency_make(h, start, end, size, path, &n);

				if (!consistency_is_subtree(start, end)) {
					assert_int_equal(r, -EINVAL);
					assert_int_equal(check(start, end, size, path, 0), -EBADMSG);
					continue;
				}
				assert_int_equal(r, 0);
				assert_int_equal(check(start, end, size, path, n), 0);
				proofs++;
				/* Any hash of it bent, one too few, one too many, another tree. */
				for (size_t i = 0; i < n; i++) {
					bent = path[i];
					path[i].b[i % LEDGER_HASH] ^= 1;
					assert_int_equal(check(start, end, size, path, n), -EBADMSG);
					path[i] = bent;
				}
				if (n)
					assert_int_equal(check(start, end, size, path, n - 1), -EBADMSG);
				path[n] = path[n ? n - 1 : 0];
				assert_int_equal(check(start, end, size, path, n + 1), -EBADMSG);
				assert_int_equal(consistency_check(start, end, size, &roots[0][size], path, n,
					&roots[start][end]), start == 0 && end == size ? 0 : -EBADMSG);
			}
	return proofs;
}

static void test_every_subtree(void **state)
{
	struct hashes h;
	int d;

	for (uint64_t a = 0; a < SMALL; a++)
		for (uint64_t b = a + 1; b <= SMALL; b++)
			if (consistency_is_subtree(a, b) || a == 0)
				plain_root(a, b, &roots[a][b]);
	make_ledger(*state, SMALL);
	d = open(*state, O_RDONLY | O_DIRECTORY);
	hashes_open(&h, d);
	assert_true(try_all(&h) > 2000);
	hashes_close(&h);
	close(d);
}

/* Bundles of a tree of two segments and something, as a mirror gets them. */
static void test_bundles(void **state)
{
	const uint64_t size = 2 * LEDGER_SEGMENT + 300;
	const uint64_t bundles[] = {0, 1, 255, 256, 300, 511, 512, 513};
	struct hash path[CONSISTENCY_MAX], sub, root;
	struct hashes h;
	size_t n;
	int d;

	make_ledger(*state, size);
	plain_root(0, size, &root);
	d = open(*state, O_RDONLY | O_DIRECTORY);
	hashes_open(&h, d);
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
		uint64_t from = bundles[i] * LEDGER_BUNDLE, to = from + LEDGER_BUNDLE;

		to = to < size ? to : size;
		plain_root(from, to, &sub);
		assert_int_equal(consistency_make(&h, from, to, size, path, &n), 0);
		assert_int_equal(consistency_check(from, to, size, &sub, path, n, &root), 0);
		assert_int_equal(consistency_check(from, to, size, &root, path, n, &root), -EBADMSG);
	}
	/* More than there is. */
	assert_int_equal(consistency_make(&h, 0, 256, size + 512, path, &n), -ENODATA);
	hashes_close(&h);
	close(d);
}

/* The largest numbers make no trouble; the hashes are nothing that could be right. */
static void test_limits(void **state)
{
	static const struct hash none[CONSISTENCY_MAX + 1];
	const uint64_t odd[] = {0, 1, 2, 255, 256, 257, (1ULL << 32) - 1, 1ULL << 63, (1ULL << 63) + 1, UINT64_MAX - 1,
		UINT64_MAX};
	const size_t k = sizeof(odd) / sizeof(odd[0]);

	(void)state;
	assert_false(consistency_is_subtree(5, 5));
	assert_false(consistency_is_subtree(5, 4));
	assert_true(consistency_is_subtree(0, 1ULL << 63));
	assert_false(consistency_is_subtree(0, (1ULL << 63) + 1));
	for (size_t a = 0; a < k; a++)
		for (size_t b = 0; b < k; b++)
			for (size_t s = 0; s < k; s++)
				for (size_t n = 0; n <= CONSISTENCY_MAX; n++)
					if (consistency_check(odd[a], odd[b], odd[s], &none[0], none, n, &none[0]) == 0)
						assert_true(n == 0 && odd[a] == 0 && odd[b] == odd[s]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_every_subtree),
		fixture_test(test_bundles),
		cmocka_unit_test(test_limits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
