/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tree.h - the Merkle tree of RFC 6962 section 2.1 over SHA-256, grown one leaf at a time.
 *
 * A tree of n leaves is kept as its complete subtrees, one for each bit set in n: all that is needed
 * to add leaves and to know the root. The hashes a tiled log keeps (c2sp.org/tlog-tiles: one for every
 * 256 leaves, for every 65,536, ...) fall out on the way.
 */
#ifndef LOGVISOR_LEDGER_TREE_H
#define LOGVISOR_LEDGER_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct hash {
	uint8_t b[LEDGER_HASH];
};

struct tree {
	uint64_t size;
	struct hash sub[64]; /* sub[h]: the subtree of 2^h leaves; valid if bit h of size is set */
};

/* SHA-256(0x00 || leaf). */
void tree_leaf_hash(const void *leaf, size_t n, struct hash *out);

/* SHA-256(0x01 || left || right). @out may be one of the two. */
void tree_node_hash(const struct hash *left, const struct hash *right, struct hash *out);

/* Plain SHA-256, for key ids and check sums. */
void tree_sha256(const void *data, size_t n, struct hash *out);

/*
 * Add a leaf hash. For each level L >= 1 whose hash (of 256^L leaves) became complete, @up is called
 * with it, lowest level first; its index in that level is (size after) / 256^L - 1.
 */
void tree_add(struct tree *t, const struct hash *leaf,
	void (*up)(void *ctx, unsigned level, uint64_t index, const struct hash *h), void *ctx);

/* Add the root of a complete subtree of 2^@height leaves; t->size must be a multiple of that. */
void tree_add_subtree(struct tree *t, unsigned height, const struct hash *root,
	void (*up)(void *ctx, unsigned level, uint64_t index, const struct hash *h), void *ctx);

/* The root; of the empty tree SHA-256 of nothing. */
void tree_root(const struct tree *t, struct hash *out);

/* Root of a complete subtree of @n (a power of two, at most 256) hashes. */
void tree_fold(const struct hash *h, size_t n, struct hash *out);

/*
 * Check an inclusion proof (RFC 6962 section 2.1.1, leaf's sibling first): that @leaf is leaf @index of
 * the tree of @size leaves with @root. 0, or -EBADMSG.
 */
int tree_check_inclusion(uint64_t index, uint64_t size, const struct hash *leaf,
	const struct hash *path, size_t n, const struct hash *root);

#endif
