/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * consistency.h - that one tree, or a part of it, is a part of another: subtree consistency proofs
 * (draft-ietf-plants-merkle-tree-certs-02, "Subtree Consistency Proofs"), of which the consistency proofs of
 * RFC 6962 section 2.1.2 are those whose subtree begins at leaf 0.
 */
#ifndef LOGVISOR_LEDGER_CONSISTENCY_H
#define LOGVISOR_LEDGER_CONSISTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/hashes.h"
#include "ledger/tree.h"

/* No proof is longer: tlog-mirror and tlog-witness, "MUST be at most 63". */
#define CONSISTENCY_MAX 63

/*
 * Do leaves [@start, @end) make a subtree (the draft, "Subtrees")? @start is a multiple of the smallest power of
 * two that is not below their number, which is not 0.
 */
bool consistency_is_subtree(uint64_t start, uint64_t end);

/*
 * The proof that subtree [@start, @end) is one of the tree of @size leaves, from the stored hashes: *n hashes
 * into @path, which has CONSISTENCY_MAX. 0; -EINVAL: no such subtree; -ENODATA: hashes are missing, or were
 * pruned; or another -errno.
 */
int consistency_make(struct hashes *h, uint64_t start, uint64_t end, uint64_t size, struct hash *path, size_t *n);

/* Check it, @sub being the subtree's root. 0, or -EBADMSG. */
int consistency_check(uint64_t start, uint64_t end, uint64_t size, const struct hash *sub, const struct hash *path,
	size_t n, const struct hash *root);

#endif
