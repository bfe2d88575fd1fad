/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashes.h - the stored hashes of all levels as one array per level, whatever files they lie in.
 */
#ifndef LOGVISOR_LEDGER_HASHES_H
#define LOGVISOR_LEDGER_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/layout.h"
#include "ledger/tree.h"

struct hashes {
	int dir;              /* borrowed */
	/* Not NULL: where level 0 of @segment is to be had, instead of in @dir. A descriptor or -errno. */
	int (*level0)(const void *ctx, uint64_t segment);
	const void *ctx;
	uint64_t segment;     /* whose .hashes file is open */
	int fd0;              /* -1: none */
	int fd[LAYOUT_LEVELS]; /* levels 1 and up; -1: not open */
};

void hashes_open(struct hashes *h, int dir);
void hashes_close(struct hashes *h);

/*
 * Read @n hashes of @level from @index on; at level 0 they lie in one segment. 0, -ENODATA if the
 * files do not hold them all, or another -errno.
 */
int hashes_read(struct hashes *h, unsigned level, uint64_t index, uint64_t n, struct hash *out);

/*
 * Is one of @n stored hashes nothing but zeros? No leaf and no node has that hash: there is a hole in the file,
 * which may be as long as a file system lets one be.
 */
bool hashes_hole(const struct hash *h, size_t n);

/* Root of the complete subtree of 2^@height leaves that begins at leaf @start. */
int hashes_subtree(struct hashes *h, unsigned height, uint64_t start, struct hash *out);

/*
 * Root of leaves [@start, @end), at least one, where @start is a multiple of the smallest power of two that is
 * not below their number.
 */
int hashes_range(struct hashes *h, uint64_t start, uint64_t end, struct hash *out);

/* The tree of the first @size leaves. Needs no more than one level-0 bundle. */
int hashes_tree(struct hashes *h, uint64_t size, struct tree *out);

/*
 * Grow @t, of a multiple of 256 leaves, by the stored hashes of levels 1 and 2 to @to leaves, a multiple of
 * 65,536. A hole ends it. 0 or as hashes_read().
 */
int hashes_grow(struct hashes *h, struct tree *t, uint64_t to);

/*
 * Inclusion proof of @index in the tree of @size leaves (RFC 6962 section 2.1.1): at most 64 hashes
 * into @path, their number in *@n. -EINVAL if index >= size.
 */
int hashes_inclusion(struct hashes *h, uint64_t index, uint64_t size, struct hash *path, size_t *n);

#endif
