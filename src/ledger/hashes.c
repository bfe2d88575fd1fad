/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/hashes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ledger/file.h"

void hashes_open(struct hashes *h, int dir)
{
	h->dir = dir;
	h->level0 = NULL;
	h->segment = 0;
	h->fd0 = -1;
	for (unsigned i = 0; i < LAYOUT_LEVELS; i++)
		h->fd[i] = -1;
}

void hashes_close(struct hashes *h)
{
	if (h->fd0 >= 0)
		close(h->fd0);
	for (unsigned i = 0; i < LAYOUT_LEVELS; i++)
		if (h->fd[i] >= 0)
			close(h->fd[i]);
	hashes_open(h, h->dir);
}

static int level_fd(struct hashes *h, unsigned level, uint64_t segment)
{
	char name[LAYOUT_NAME];
	int *fd = level ? &h->fd[level] : &h->fd0;

	if (level == 0 && *fd >= 0 && h->segment != segment) {
		close(*fd);
		*fd = -1;
	}
	if (*fd >= 0)
		return *fd;
	if (level)
		layout_level(name, level);
	else
		layout_segment(name, segment, "hashes");
	*fd = !level && h->level0 ? h->level0(h->ctx, segment) : file_open(h->dir, name);
	if (*fd < 0)
		return file_absent(*fd) ? -ENODATA : *fd;
	h->segment = level ? h->segment : segment;
	return *fd;
}

int hashes_read(struct hashes *h, unsigned level, uint64_t index, uint64_t n, struct hash *out)
{
	uint64_t segment = index / LEDGER_SEGMENT;
	uint64_t at = level ? index : index % LEDGER_SEGMENT;
	long got;
	int fd;

	if (level >= LAYOUT_LEVELS)
		return -ENODATA;
	fd = level_fd(h, level, segment);
	if (fd < 0)
		return fd;
	got = file_pread(fd, out, n * LEDGER_HASH, at * LEDGER_HASH);
	if (got < 0)
		return (int)got;
	return (uint64_t)got == n * LEDGER_HASH ? 0 : -ENODATA;
}

bool hashes_hole(const struct hash *h, size_t n)
{
	static const struct hash none;

	for (size_t i = 0; i < n; i++)
		if (!memcmp(&h[i], &none, sizeof(none)))
			return true;
	return false;
}

int hashes_subtree(struct hashes *h, unsigned height, uint64_t start, struct hash *out)
{
	struct hash part[LEDGER_BUNDLE / 2];
	unsigned level = height / 8;
	size_t n = (size_t)1 << (height % 8);
	int r = hashes_read(h, level, start >> (8 * level), n, part);

	if (!r)
		tree_fold(part, n, out);
	return r;
}

int hashes_tree(struct hashes *h, uint64_t size, struct tree *out)
{
	uint64_t start = 0;
	int r = 0;

	out->size = size;
	for (unsigned bit = 64; bit-- > 0 && !r;) {
		if (!(size >> bit & 1))
			continue;
		r = hashes_subtree(h, bit, start, &out->sub[bit]);
		start += (uint64_t)1 << bit;
	}
	return r;
}

int hashes_grow(struct hashes *h, struct tree *t, uint64_t to)
{
	struct hash sub;
	int r = 0;

	while (t->size < to && !r) {
		unsigned level = t->size % LEDGER_SEGMENT ? 1 : 2;

		r = hashes_read(h, level, t->size >> (8 * level), 1, &sub);
		if (!r && hashes_hole(&sub, 1))
			r = -ENODATA;
		if (!r)
			tree_add_subtree(t, 8 * level, &sub, NULL, NULL);
	}
	return r;
}

int hashes_range(struct hashes *h, uint64_t start, uint64_t end, struct hash *out)
{
	uint64_t n = end - start;
	struct hash sub;
	bool first = true;
	int r;

	/* Complete subtrees from the right: the lowest bit of n is the last one. */
	while (n) {
		unsigned bit = (unsigned)__builtin_ctzll(n);

		n &= n - 1;
		r = hashes_subtree(h, bit, start + n, &sub);
		if (r)
			return r;
		if (first)
			*out = sub;
		else
			tree_node_hash(&sub, out, out);
		first = false;
	}
	return 0;
}

int hashes_inclusion(struct hashes *h, uint64_t index, uint64_t size, struct hash *path, size_t *n)
{
	uint64_t start = 0, end = size;
	struct hash down[64];
	size_t depth = 0;
	int r;

	if (index >= size)
		return -EINVAL;
	/* From the root down; at each step the sibling's root, then reversed: leaf first. */
	while (end - start > 1) {
		uint64_t k = (uint64_t)1 << (63 - __builtin_clzll(end - start - 1));

		if (index < start + k) {
			r = hashes_range(h, start + k, end, &down[depth++]);
			end = start + k;
		} else {
			r = hashes_range(h, start, start + k, &down[depth++]);
			start += k;
		}
		if (r)
			return r;
	}
	for (size_t i = 0; i < depth; i++)
		path[i] = down[depth - 1 - i];
	*n = depth;
	return 0;
}
