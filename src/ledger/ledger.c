/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger.c - append, commit, checkpoint: the steps of DESIGN's crash order.
 */
#include "ledger/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/writer.h"
#include "util/io.h"

uint64_t ledger_size(const struct ledger *l)
{
	return l->tree.size;
}

uint64_t ledger_committed(const struct ledger *l)
{
	return l->committed;
}

uint64_t ledger_signed(const struct ledger *l)
{
	return l->sealed;
}

static int trouble(struct err *e, int r, const char *what)
{
	err_set(e, -r, "ledger: cannot %s: %s%s", what, file_strerror(r),
		r == -ENOSPC || r == -EDQUOT ? " (free some space; nothing stored is lost)" : "");
	return r;
}

void writer_segment_close(struct ledger *l)
{
	int *fds[] = {&l->fd_entries, &l->fd_hashes, &l->fd_index};

	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			io->close(*fds[i]);
		*fds[i] = -1;
	}
}

int writer_segment(struct ledger *l, uint64_t index, struct err *e)
{
	static const char *const kinds[] = {"entries", "hashes", "index"};
	int *fds[] = {&l->fd_entries, &l->fd_hashes, &l->fd_index};
	char name[LAYOUT_NAME], what[LAYOUT_NAME + 8];

	l->segment = index / LEDGER_SEGMENT;
	if (l->segment >= LAYOUT_SEGMENTS)
		return err_set(e, EFBIG, "ledger: full (10^8 segments)");
	l->dir_dirty = true;
	for (unsigned i = 0; i < 3; i++) {
		layout_segment(name, l->segment, kinds[i]);
		*fds[i] = file_create(l->dir, name);
		if (*fds[i] < 0) {
			int r = *fds[i];

			snprintf(what, sizeof(what), "open '%s'", name);
			writer_segment_close(l);
			return trouble(e, r, what);
		}
	}
	return 0;
}

int writer_level(struct ledger *l, unsigned level)
{
	char name[LAYOUT_NAME];

	if (level >= LAYOUT_LEVELS)
		return -EFBIG;
	if (l->fd_up[level] < 0) {
		layout_level(name, level);
		l->fd_up[level] = file_create(l->dir, name);
		if (l->fd_up[level] < 0)
			return l->fd_up[level];
		l->dir_dirty = true;
	}
	return l->fd_up[level];
}

static void up(void *ctx, unsigned level, uint64_t index, const struct hash *h)
{
	struct ledger *l = ctx;

	l->ups[l->n_ups].level = level;
	l->ups[l->n_ups].index = index;
	l->ups[l->n_ups++].h = *h;
}

void writer_put(struct ledger *l, const void *leaf, size_t n, const struct hash *h, int64_t time_us)
{
	uint8_t *p = l->buf + l->used;

	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	memcpy(p + LAYOUT_PREFIX, leaf, n);
	l->used += LAYOUT_PREFIX + n;
	l->hashes[l->n_hashes++] = *h;
	tree_add(&l->tree, h, up, l);
	if (time_us < l->min_us)
		l->min_us = time_us;
	if (time_us > l->max_us)
		l->max_us = time_us;
	if (l->tree.size % LEDGER_BUNDLE == 0) {
		l->rows[l->n_rows].row = l->tree.size % LEDGER_SEGMENT ?
			l->tree.size % LEDGER_SEGMENT / LEDGER_BUNDLE - 1 : LAYOUT_ROWS - 1;
		l->rows[l->n_rows++].at =
			(struct index_row){l->off + l->used, l->min_us, l->max_us};
		l->min_us = INT64_MAX;
		l->max_us = INT64_MIN;
	}
}

/*
 * Hashes first: after a kill (not a crash) each entry in the files then has its hash beside it, by
 * which recovery knows it for whole.
 */
int writer_flush(struct ledger *l, struct err *e)
{
	uint64_t at = l->flushed - l->segment * LEDGER_SEGMENT;
	uint8_t row[LAYOUT_ROW];
	int r = 0;

	if (l->used == 0)
		return 0;
	r = file_pwrite(l->fd_hashes, l->hashes, l->n_hashes * LEDGER_HASH, at * LEDGER_HASH);
	if (!r)
		r = file_pwrite(l->fd_entries, l->buf, l->used, l->off);
	for (size_t i = 0; i < l->n_rows && !r; i++) {
		index_row_put(&l->rows[i].at, row);
		r = file_pwrite(l->fd_index, row, sizeof(row), l->rows[i].row * LAYOUT_ROW);
	}
	for (size_t i = 0; i < l->n_ups && !r; i++) {
		int fd = writer_level(l, l->ups[i].level);

		r = fd < 0 ? fd : file_pwrite(fd, &l->ups[i].h, LEDGER_HASH,
			l->ups[i].index * LEDGER_HASH);
	}
	if (r)
		return trouble(e, r, "write");
	l->off += l->used;
	l->flushed = l->tree.size;
	l->used = l->n_hashes = l->n_rows = l->n_ups = 0;
	return 0;
}

int writer_sync_levels(struct ledger *l, struct err *e)
{
	for (unsigned i = 1; i < LAYOUT_LEVELS; i++)
		if (l->fd_up[i] >= 0 && io->fdatasync(l->fd_up[i]))
			return trouble(e, -errno, "sync the hash files");
	return 0;
}

/* A full segment: make it durable whole, index and upper hashes too, and begin the next. */
static int next_segment(struct ledger *l, struct err *e)
{
	int r = ledger_commit(l, e);

	if (!r && l->fd_index >= 0 && io->fdatasync(l->fd_index))
		r = trouble(e, -errno, "sync the index");
	if (!r)
		r = writer_sync_levels(l, e);
	if (r)
		return r;
	writer_segment_close(l);
	r = writer_segment(l, l->tree.size, e);
	if (!r)
		l->off = l->safe_off = 0;
	return r;
}

int ledger_append(struct ledger *l, const void *leaf, size_t n, int64_t time_us, struct err *e)
{
	struct hash h;
	int r;

	if (n == 0 || n > LAYOUT_LEAF_MAX)
		return err_set(e, EINVAL, "ledger: a leaf has 1 to %d bytes, not %zu", LAYOUT_LEAF_MAX, n);
	if (l->tree.size / LEDGER_SEGMENT != l->segment || l->fd_entries < 0) {
		r = next_segment(l, e);
		if (r)
			return r;
	}
	if (l->used + LAYOUT_PREFIX + n > WRITER_BYTES || l->n_hashes == WRITER_HASHES) {
		r = writer_flush(l, e);
		if (r)
			return r;
	}
	tree_leaf_hash(leaf, n, &h);
	writer_put(l, leaf, n, &h, time_us);
	return 0;
}

/*
 * After a failed fdatasync the kernel may have dropped the pages and marked them clean, so that another
 * fdatasync would succeed over nothing. Write again all since the last commit, from the page cache, and
 * only if it still hashes to what was appended.
 */
static int write_again(struct ledger *l, struct err *e)
{
	struct tree t = l->safe_tree;
	struct hash a, b, h;
	struct entries s;
	struct span leaf;
	int r;

	r = entries_open(&s, l->fd_entries, l->safe_off, l->off);
	while (!r && (r = entries_next(&s, &leaf)) == 1) {
		uint64_t at = t.size % LEDGER_SEGMENT;

		tree_leaf_hash(leaf.p, leaf.n, &h);
		r = file_pwrite(l->fd_hashes, &h, LEDGER_HASH, at * LEDGER_HASH);
		if (!r)
			r = file_pwrite(l->fd_entries, leaf.p - LAYOUT_PREFIX,
				leaf.n + LAYOUT_PREFIX, s.off - leaf.n - LAYOUT_PREFIX);
		tree_add(&t, &h, NULL, NULL);
	}
	entries_close(&s);
	if (r)
		return trouble(e, r, "write again after a failed sync");
	tree_root(&t, &a);
	tree_root(&l->tree, &b);
	if (t.size != l->tree.size || memcmp(&a, &b, sizeof(a)))
		return err_set(e, EIO, "ledger: a failed sync lost records %" PRIu64 " to %" PRIu64
			" (never acknowledged); close and open the ledger again", l->committed,
			l->tree.size - 1);
	return 0;
}

int ledger_commit(struct ledger *l, struct err *e)
{
	int r;

	if (l->committed == l->tree.size)
		return 0;
	r = writer_flush(l, e);
	if (!r && l->sync_failed)
		r = write_again(l, e);
	if (r)
		return r;
	l->sync_failed = true;
	if (l->dir_dirty && io->fsync(l->logdir))
		return trouble(e, -errno, "sync the directory");
	l->dir_dirty = false;
	if (io->fdatasync(l->fd_hashes) || io->fdatasync(l->fd_entries))
		return trouble(e, -errno, "sync");
	l->sync_failed = false;
	l->committed = l->flushed;
	l->safe_tree = l->tree;
	l->safe_off = l->off;
	return 0;
}

/* The size about to be signed, into the older of the two slots: a torn write leaves the other. */
static int write_size(struct ledger *l, const struct hash *root, struct err *e)
{
	char text[LAYOUT_SIZE_TEXT];
	int r;

	layout_size_put(l->tree.size, root, text);
	if (l->fd_size < 0) {
		l->fd_size = file_create(l->dir, "size");
		if (l->fd_size < 0)
			return trouble(e, l->fd_size, "create 'size'");
	}
	r = file_pwrite(l->fd_size, text, sizeof(text), l->size_slot * LAYOUT_SIZE_SLOT);
	if (!r && io->fdatasync(l->fd_size))
		r = -errno;
	if (r)
		return trouble(e, r, "write 'size'");
	l->size_slot ^= 1;
	return 0;
}

int ledger_checkpoint(struct ledger *l, struct err *e)
{
	char note[NOTE_SIGNED_MAX];
	struct hash root;
	long n;
	int r;

	r = ledger_commit(l, e);
	if (r || l->sealed == l->tree.size)
		return r;
	if (l->tree.size < l->must)
		return err_set(e, EBADMSG, "ledger: %" PRIu64 " records, %" PRIu64
			" were signed: refusing to sign less", l->tree.size, l->must);
	tree_root(&l->tree, &root);
	r = write_size(l, &root, e);
	if (r)
		return r;
	l->must = l->tree.size;
	n = note_sign_checkpoint(l->key, l->tree.size, &root, note, e);
	if (n < 0)
		return (int)n;
	r = file_replace(l->dir, "checkpoint", note, (size_t)n, 0644);
	if (r)
		return trouble(e, r, "write 'checkpoint'");
	l->sealed = l->tree.size;
	return 0;
}
