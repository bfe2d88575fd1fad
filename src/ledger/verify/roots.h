/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * roots.h - every root that somebody has kept of a ledger, each with its size: in its checkpoint, in the slots
 * of `size`, in its prune record, in a checkpoint remembered from before. All of them have to be roots of the
 * leaves that are there, or these are not the history that was signed.
 */
#ifndef LOGVISOR_LEDGER_VERIFY_ROOTS_H
#define LOGVISOR_LEDGER_VERIFY_ROOTS_H

#include <stdint.h>

#include "ledger/hashes.h"
#include "ledger/tree.h"

enum claim_by { CLAIM_CHECKPOINT, CLAIM_SLOT, CLAIM_SINCE, CLAIM_PRUNE };
enum claim_state { CLAIM_OPEN /* the tree has not been there */, CLAIM_RIGHT, CLAIM_WRONG };

struct claim {
	enum claim_by by;
	uint64_t size;
	struct hash root;
	enum claim_state state;
};

#define ROOTS_MAX 5 /* one each, and two slots */

struct roots {
	struct claim c[ROOTS_MAX];
	unsigned n;
};

void roots_add(struct roots *r, enum claim_by by, uint64_t size, const struct hash *root);

/* The one by @by; NULL if there is none. */
struct claim *roots_by(struct roots *r, enum claim_by by);

/* The largest size named that is at most @limit; 0 if none is. */
uint64_t roots_named(const struct roots *r, uint64_t limit);

/* The largest size whose root is right; 0 if none is. */
uint64_t roots_proven(const struct roots *r);

/* Judge the claims of @t's size. */
void roots_judge(struct roots *r, const struct tree *t);

/*
 * Judge those of more than @before's size, up to @n leaves more: these have the hashes @leaf, whole bundles
 * among them the hashes @up. @before's size is a multiple of 256.
 */
void roots_judge_leaves(struct roots *r, const struct tree *before, const struct hash *leaf,
	const struct hash *up, uint64_t n);

/*
 * Judge those of less than @pruned's size, whose leaves are gone, as far as the stored hashes of level 1 and
 * up tell: where the size is a multiple of 256, and the hashes for it lead to @pruned.
 */
void roots_judge_pruned(struct roots *r, struct hashes *h, const struct tree *pruned);

#endif
