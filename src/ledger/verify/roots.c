/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/verify/roots.h"

#include <string.h>

void roots_add(struct roots *r, enum claim_by by, uint64_t size, const struct hash *root)
{
	static const struct tree empty;
	struct claim *c = &r->c[r->n++];

	*c = (struct claim){.by = by, .size = size, .root = *root};
	if (!size)
		roots_judge(r, &empty);
}

struct claim *roots_by(struct roots *r, enum claim_by by)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->c[i].by == by)
			return &r->c[i];
	return NULL;
}

uint64_t roots_named(const struct roots *r, uint64_t limit)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < r->n; i++)
		if (r->c[i].size <= limit && r->c[i].size > most)
			most = r->c[i].size;
	return most;
}

uint64_t roots_proven(const struct roots *r)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < r->n; i++)
		if (r->c[i].state == CLAIM_RIGHT && r->c[i].size > most)
			most = r->c[i].size;
	return most;
}

void roots_judge(struct roots *r, const struct tree *t)
{
	struct hash root;

	tree_root(t, &root);
	for (unsigned i = 0; i < r->n; i++)
		if (r->c[i].size == t->size)
			r->c[i].state = memcmp(&root, &r->c[i].root, sizeof(root)) ? CLAIM_WRONG :
				CLAIM_RIGHT;
}

void roots_judge_leaves(struct roots *r, const struct tree *before, const struct hash *leaf,
	const struct hash *up, uint64_t n)
{
	for (unsigned i = 0; i < r->n; i++) {
		uint64_t more = r->c[i].size - before->size, at = 0;
		struct tree t = *before;

		if (r->c[i].size <= before->size || more > n)
			continue;
		for (; more - at >= LEDGER_BUNDLE; at += LEDGER_BUNDLE)
			tree_add_subtree(&t, 8, &up[at / LEDGER_BUNDLE], NULL, NULL);
		for (; at < more; at++)
			tree_add(&t, &leaf[at], NULL, NULL);
		roots_judge(r, &t);
	}
}

void roots_judge_pruned(struct roots *r, struct hashes *h, const struct tree *pruned)
{
	struct hash is, should;

	tree_root(pruned, &should);
	for (unsigned i = 0; i < r->n; i++) {
		struct tree t, grown;

		if (!r->c[i].size || r->c[i].size >= pruned->size || r->c[i].size % LEDGER_BUNDLE ||
			hashes_tree(h, r->c[i].size, &t))
			continue;
		grown = t;
		if (hashes_grow(h, &grown, pruned->size))
			continue;
		tree_root(&grown, &is);
		if (!memcmp(&is, &should, sizeof(is)))
			roots_judge(r, &t);
	}
}
