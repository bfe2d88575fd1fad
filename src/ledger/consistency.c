/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consistency.c - SUBTREE_SUBPROOF of the draft, as a way down from the root: at each node the part looked for
 * lies on the left, on the right, or (then it begins where the node does) on both sides, and the proof has the
 * root of the half in which it does not end. The proof is that way, walked back from below.
 */
#include "ledger/consistency.h"

#include <errno.h>
#include <string.h>

enum side { LEFT, RIGHT, BOTH };

/* A node on the way down: where the half lies whose root is in the proof. */
struct step {
	enum side side;
	uint64_t from, to;
};

/* @whole: the subtree is the last node itself; else its root is the first hash of the proof. */
struct way {
	struct step step[64];
	size_t n;
	bool whole;
	uint64_t from, to; /* the last node */
};

bool consistency_is_subtree(uint64_t start, uint64_t end)
{
	uint64_t n = end - start, ceil;

	if (start >= end || n > (uint64_t)1 << 63)
		return false;
	ceil = n == 1 ? 1 : (uint64_t)1 << (64 - __builtin_clzll(n - 1));
	return start % ceil == 0;
}

static void find_way(uint64_t start, uint64_t end, uint64_t size, struct way *w)
{
	w->n = 0;
	w->whole = true;
	w->from = 0;
	w->to = size;
	while (w->from != start || w->to != end) {
		uint64_t half = w->from + ((uint64_t)1 << (63 - __builtin_clzll(w->to - w->from - 1)));
		struct step *s = &w->step[w->n++];

		if (end <= half) {
			*s = (struct step){LEFT, half, w->to};
			w->to = half;
			continue;
		}
		*s = (struct step){start >= half ? RIGHT : BOTH, w->from, half};
		w->from = half;
		if (start < half) {
			start = half;
			w->whole = false;
		}
	}
}

int consistency_make(struct hashes *h, uint64_t start, uint64_t end, uint64_t size, struct hash *path, size_t *n)
{
	struct way w;
	int r = 0;

	*n = 0;
	if (end > size || !consistency_is_subtree(start, end))
		return -EINVAL;
	find_way(start, end, size, &w);
	if (w.n + !w.whole > CONSISTENCY_MAX)
		return -EINVAL;
	if (!w.whole)
		r = hashes_range(h, w.from, w.to, &path[(*n)++]);
	while (w.n-- && !r)
		r = hashes_range(h, w.step[w.n].from, w.step[w.n].to, &path[(*n)++]);
	return r;
}

int consistency_check(uint64_t start, uint64_t end, uint64_t size, const struct hash *sub, const struct hash *path,
	size_t n, const struct hash *root)
{
	struct hash part, whole;
	struct way w;

	if (end > size || !consistency_is_subtree(start, end))
		return -EBADMSG;
	find_way(start, end, size, &w);
	if (w.n + !w.whole != n)
		return -EBADMSG;
	part = whole = w.whole ? *sub : *path++;
	while (w.n--) {
		const struct hash *c = path++;

		if (w.step[w.n].side == LEFT)
			tree_node_hash(&whole, c, &whole);
		else
			tree_node_hash(c, &whole, &whole);
		if (w.step[w.n].side == BOTH)
			tree_node_hash(c, &part, &part);
	}
	return memcmp(&part, sub, sizeof(part)) || memcmp(&whole, root, sizeof(whole)) ? -EBADMSG : 0;
}
