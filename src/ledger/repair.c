/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair.c - carry out what was decided. Each step leaves a ledger for which the same would be decided
 * again, so it may be stopped anywhere.
 *
 * What is not known to be on the disk is written again, though the files show it: after a fdatasync that
 * failed, Linux keeps the pages and calls them clean, and the next fdatasync succeeds over nothing. Known is
 * what a checkpoint covers (its leaves, their hashes, and all of the segments before the last).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/plan.h"
#include "util/cleanup.h"
#include "util/io.h"

static int trouble(struct err *e, int r, const char *what)
{
	return err_set(e, -r, "recovery: cannot %s: %s", what, file_strerror(r));
}

static int cut(int fd, uint64_t size)
{
	int64_t have = file_size(fd);

	if (have < 0)
		return (int)have;
	return (uint64_t)have > size && io->ftruncate(fd, (off_t)size) ? -errno : 0;
}

static int sync_segment(const struct ledger *l)
{
	return io->fdatasync(l->fd_hashes) || io->fdatasync(l->fd_index) || io->fdatasync(l->fd_entries) ?
		-errno : 0;
}

static int put_rows(int fd, const struct index_row *rows, uint32_t n)
{
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];

	for (uint32_t b = 0; b < n; b++)
		index_row_put(&rows[b], raw + (size_t)b * LAYOUT_ROW);
	return n ? file_pwrite(fd, raw, n * (size_t)LAYOUT_ROW, 0) : 0;
}

/* Leaf hashes that differ, and how many. */
static int put_leaves(int fd, const struct hash *leaf, uint32_t n, uint64_t *rebuilt)
{
	struct hash old;
	int r = 0;

	for (uint64_t i = 0; i < n && !r; i++) {
		if (file_pread(fd, &old, sizeof(old), i * LEDGER_HASH) == sizeof(old) &&
			!memcmp(&old, &leaf[i], sizeof(old)))
			continue;
		++*rebuilt;
		r = file_pwrite(fd, &leaf[i], sizeof(old), i * LEDGER_HASH);
	}
	return r;
}

static int make_again(struct ledger *l, const struct plan_again *a, uint64_t *rebuilt, struct err *e)
{
	_cleanup_free_ struct plan_segment *seg = malloc(sizeof(*seg));
	int r = seg ? plan_hash_entries(l->dir, a->segment, a->n, seg) : -ENOMEM;

	if (r)
		return trouble(e, r, "read a segment again");
	r = writer_segment(l, a->segment * LEDGER_SEGMENT, e);
	if (r)
		return r;
	if (a->hashes)
		r = put_leaves(l->fd_hashes, seg->leaf, a->n, rebuilt);
	if (!r && a->index)
		r = put_rows(l->fd_index, seg->rows, a->n / LEDGER_BUNDLE);
	if (!r && a->index)
		r = cut(l->fd_index, (uint64_t)(a->n / LEDGER_BUNDLE) * LAYOUT_ROW);
	if (!r)
		r = sync_segment(l);
	writer_segment_close(l);
	return r ? trouble(e, r, "make a segment's files anew") : 0;
}

/* The entries beyond the checkpoint once more, and their hashes; *t grows by them. */
static int write_unsigned(struct ledger *l, const struct plan_tail *tail, struct tree *t)
{
	uint64_t at = tail->covered;
	struct entries s;
	struct span leaf;
	struct hash h;
	int r;

	r = entries_open(&s, l->fd_entries, tail->unsigned_at, tail->end);
	for (; !r && at < tail->n; at++) {
		r = entries_next(&s, &leaf);
		if (r != 1) {
			r = r ? r : -EIO;
			break;
		}
		tree_leaf_hash(leaf.p, leaf.n, &h);
		tree_add(t, &h, NULL, NULL);
		r = file_pwrite(l->fd_hashes, &h, sizeof(h), at * LEDGER_HASH);
		if (!r)
			r = file_pwrite(l->fd_entries, leaf.p - LAYOUT_PREFIX, leaf.n + LAYOUT_PREFIX,
				s.off - leaf.n - LAYOUT_PREFIX);
	}
	entries_close(&s);
	return r;
}

static int mend_tail(struct ledger *l, const struct plan_tail *t, struct tree *tree, struct err *e)
{
	int r = writer_segment(l, t->segment * LEDGER_SEGMENT, e);

	if (r)
		return r;
	r = write_unsigned(l, t, tree);
	if (!r)
		r = put_rows(l->fd_index, t->rows, t->n / LEDGER_BUNDLE);
	if (!r)
		r = cut(l->fd_entries, t->end);
	if (!r)
		r = cut(l->fd_hashes, (uint64_t)t->n * LEDGER_HASH);
	if (!r)
		r = cut(l->fd_index, (uint64_t)(t->n / LEDGER_BUNDLE) * LAYOUT_ROW);
	if (!r)
		r = sync_segment(l);
	return r ? trouble(e, r, "mend the last segment") : 0;
}

static int mend_tails(const struct plan *p, struct ledger *l, struct err *e)
{
	struct tree tree = p->signed_tree;
	struct hash a, b;
	int r = 0;

	for (size_t i = 0; i < p->n_tail && !r; i++) {
		writer_segment_close(l);
		r = mend_tail(l, &p->tail[i], &tree, e);
	}
	if (r)
		return r;
	tree_root(&tree, &a);
	tree_root(&p->tree, &b);
	return memcmp(&a, &b, sizeof(a)) ? trouble(e, -EIO, "read the last records a second time") : 0;
}

static int mend_levels(const struct plan *p, struct ledger *l, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < p->ups.n && !r; i++) {
		const struct plan_up *u = &p->ups.v[i];

		r = writer_level(l, u->level);
		if (r >= 0)
			r = file_pwrite(r, &u->h, sizeof(u->h), u->index * LEDGER_HASH);
	}
	for (unsigned i = 1; i < LAYOUT_LEVELS && r >= 0; i++) {
		uint64_t n = p->tree.size >> (8 * i);

		if (n)
			r = writer_level(l, i);
		if (r >= 0 && l->fd_up[i] >= 0)
			r = cut(l->fd_up[i], n * LEDGER_HASH);
	}
	return r < 0 ? trouble(e, r, "mend the hash files") : writer_sync_levels(l, e);
}

/* A size about to be signed that was not: its slot may not be on the disk. */
static int mend_size(const struct plan *p, struct ledger *l, struct err *e)
{
	const struct slot *s = p->slots.s;
	int r = 0;

	l->must = p->must;
	l->size_slot = !s[0].valid ? 0 : !s[1].valid ? 1 : s[0].size > s[1].size;
	l->fd_size = file_create(l->dir, "size");
	if (l->fd_size < 0)
		return trouble(e, l->fd_size, "open 'size'");
	r = writer_lock_size(l, e);
	if (r)
		return r;
	for (unsigned i = 0; i < SLOTS && !r; i++) {
		char text[LAYOUT_SIZE_TEXT];

		if (!s[i].valid || s[i].size <= p->sealed)
			continue;
		layout_size_put(s[i].size, &s[i].root, text);
		r = file_pwrite(l->fd_size, text, sizeof(text), i * (uint64_t)LAYOUT_SIZE_SLOT);
		if (!r && io->fdatasync(l->fd_size))
			r = -errno;
	}
	return r ? trouble(e, r, "write 'size'") : 0;
}

/* Segments below `first` that an interrupted pruning left, and what a crash left of one just begun. */
static int drop(const struct plan *p, struct ledger *l, struct err *e)
{
	uint64_t low = p->first / LEDGER_SEGMENT, next = p->tail[p->n_tail - 1].segment + 1;
	int r = 0;

	for (size_t i = 0; i < p->survey.n && p->survey.segment[i] < low && !r; i++)
		r = writer_drop_segment(l, p->survey.segment[i], e);
	for (size_t i = 0; i < p->survey.n_stray && !r; i++)
		if (p->survey.stray[i] < low || p->survey.stray[i] == next)
			r = writer_drop_segment(l, p->survey.stray[i], e);
	return r;
}

int plan_repair(const struct plan *p, struct ledger *l, uint64_t *rebuilt, struct err *e)
{
	const struct plan_tail *last = &p->tail[p->n_tail - 1];
	int r;

	*rebuilt = p->hashes_again;
	r = mend_size(p, l, e);
	for (size_t i = 0; i < p->n_again && !r; i++)
		r = make_again(l, &p->again[i], rebuilt, e);
	if (!r)
		r = mend_tails(p, l, e);
	if (!r)
		r = mend_levels(p, l, e);
	if (!r)
		r = drop(p, l, e);
	/* The names too: of the files made here, and of a checkpoint whose directory could not be synced. */
	if (!r && (io->fsync(l->logdir) || io->fsync(l->dir)))
		r = trouble(e, -errno, "sync the directory");
	if (r)
		return r;
	l->dir_dirty = false;
	l->first = p->first;
	l->left = p->first / LEDGER_SEGMENT;
	l->unproven = p->unproven;
	l->sealed = p->sealed;
	l->tree = p->tree;
	l->committed = p->tree.size;
	l->off = last->end;
	l->min_us = p->min_us;
	l->max_us = p->max_us;
	return 0;
}
