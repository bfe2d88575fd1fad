/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger.c - append, commit, checkpoint: the steps of DESIGN's crash order.
 */
#include "ledger/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* Put one leaf, hashed already, into the buffers, which have room for it. */
static void put(struct ledger *l, const void *leaf, size_t n, const struct hash *h, int64_t min_us, int64_t max_us)
{
	uint8_t *p = l->buf + l->used;

	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	memcpy(p + LAYOUT_PREFIX, leaf, n);
	l->used += LAYOUT_PREFIX + n;
	l->hashes[l->n_hashes++] = *h;
	tree_add(&l->tree, h, up, l);
	if (min_us < l->min_us)
		l->min_us = min_us;
	if (max_us > l->max_us)
		l->max_us = max_us;
	if (l->tree.size % LEDGER_BUNDLE == 0) {
		l->rows[l->n_rows].row = l->tree.size % LEDGER_SEGMENT ?
			l->tree.size % LEDGER_SEGMENT / LEDGER_BUNDLE - 1 : LAYOUT_ROWS - 1;
		l->rows[l->n_rows++].at =
			(struct index_row){l->off + l->used, l->min_us, l->max_us};
		l->min_us = INT64_MAX;
		l->max_us = INT64_MIN;
	}
}

static int write_rows(struct ledger *l)
{
	uint8_t row[LAYOUT_ROW];
	int r = 0;

	for (; l->rows_out < l->n_rows && !r; l->rows_out += !r) {
		index_row_put(&l->rows[l->rows_out].at, row);
		r = file_pwrite(l->fd_index, row, sizeof(row), l->rows[l->rows_out].row * LAYOUT_ROW);
	}
	return r;
}

static int write_ups(struct ledger *l)
{
	int r = 0;

	for (; l->ups_out < l->n_ups && !r; l->ups_out += !r) {
		int fd = writer_level(l, l->ups[l->ups_out].level);

		r = fd < 0 ? fd : file_pwrite(fd, &l->ups[l->ups_out].h, LEDGER_HASH,
			l->ups[l->ups_out].index * LEDGER_HASH);
	}
	return r;
}

/*
 * Write the buffers out. Hashes first: after a kill (not a crash) each entry in the files then has its hash
 * beside it, by which recovery knows it for whole.
 */
int writer_flush(struct ledger *l, struct err *e)
{
	uint64_t at = l->committed - l->segment * LEDGER_SEGMENT + l->hashes_out;
	int r = 0;

	if (l->hashes_out < l->n_hashes)
		r = file_pwrite(l->fd_hashes, l->hashes + l->hashes_out,
			(l->n_hashes - l->hashes_out) * LEDGER_HASH, at * LEDGER_HASH);
	if (!r && l->used_out < l->used)
		r = file_pwrite(l->fd_entries, l->buf + l->used_out, l->used - l->used_out,
			l->off + l->used_out);
	if (!r)
		r = write_rows(l);
	if (!r)
		r = write_ups(l);
	if (r)
		return trouble(e, r, "write");
	l->used_out = l->used;
	l->hashes_out = l->n_hashes;
	return 0;
}

int writer_sync_levels(struct ledger *l, struct err *e)
{
	int r = write_ups(l);

	for (unsigned i = 1; i < LAYOUT_LEVELS && !r; i++)
		if (l->fd_up[i] >= 0 && io->fdatasync(l->fd_up[i]))
			r = -errno;
	l->ups_out = 0;
	if (r)
		return trouble(e, r, "sync the hash files");
	l->n_ups = 0;
	return 0;
}

static int sync_index(struct ledger *l, struct err *e)
{
	int r = write_rows(l);

	if (!r && l->fd_index >= 0 && io->fdatasync(l->fd_index))
		r = -errno;
	l->rows_out = 0;
	if (r)
		return trouble(e, r, "sync the index");
	l->n_rows = 0;
	return 0;
}

/* A file of the segment about to begin holds what an attempt before left, at most. */
static int check_new(const struct ledger *l, struct err *e)
{
	int fds[] = {l->fd_entries, l->fd_hashes, l->fd_index};

	if (file_size(l->fd_entries))
		return err_set(e, EEXIST, "ledger: 'log/%08" PRIu64 ".entries' is there already, and not of this "
			"ledger's making; see what it is and move it away", l->segment);
	for (unsigned i = 0; i < 3; i++)
		if (file_size(fds[i]) && io->ftruncate(fds[i], 0))
			return trouble(e, -errno, "begin a segment");
	return 0;
}

/* A full segment: make it durable whole, index and upper hashes too, and begin the next. */
static int next_segment(struct ledger *l, struct err *e)
{
	int r = ledger_commit(l, e);

	if (!r)
		r = sync_index(l, e);
	if (!r)
		r = writer_sync_levels(l, e);
	if (r)
		return r;
	writer_segment_close(l);
	r = writer_segment(l, l->tree.size, e);
	if (!r)
		r = check_new(l, e);
	if (r)
		writer_segment_close(l);
	else
		l->off = 0;
	return r;
}

int writer_append(struct ledger *l, struct span leaf, const struct hash *h, int64_t min_us, int64_t max_us,
	struct err *e)
{
	size_t n = leaf.n;
	int r = 0;

	if (n == 0 || n > LAYOUT_LEAF_MAX)
		return err_set(e, EINVAL, "ledger: a leaf has 1 to %d bytes, not %zu", LAYOUT_LEAF_MAX, n);
	if (l->tree.size / LEDGER_SEGMENT != l->segment || l->fd_entries < 0) {
		r = next_segment(l, e);
		if (r)
			return r;
	}
	if (l->used + LAYOUT_PREFIX + n > WRITER_BYTES || l->n_hashes == WRITER_HASHES)
		r = ledger_commit(l, e);
	else if (l->used - l->used_out + LAYOUT_PREFIX + n > WRITER_CHUNK)
		r = writer_flush(l, e);
	if (r)
		return r;
	put(l, leaf.p, n, h, min_us, max_us);
	return 0;
}

int ledger_append(struct ledger *l, const void *leaf, size_t n, int64_t time_us, struct err *e)
{
	struct hash h;

	tree_leaf_hash(leaf, n, &h);
	return writer_append(l, (struct span){leaf, n}, &h, time_us, time_us, e);
}

/*
 * A mirror keeps many logs, and each of them is written to now and then: what a buffer held beyond its first pages is
 * given back to the kernel.
 */
static void give_back(const struct ledger *l)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t from = ((uintptr_t)l->buf + WRITER_CHUNK + page - 1) & ~(page - 1);
	const uintptr_t end = ((uintptr_t)l->buf + l->used) & ~(page - 1); /* whole pages: the last may be another's too */

	if (!l->key && end > from)
		madvise((void *)from, end - from, MADV_DONTNEED);
}

int ledger_commit(struct ledger *l, struct err *e)
{
	int r;

	if (l->committed == l->tree.size)
		return 0;
	r = writer_flush(l, e);
	if (r)
		return r;
	/* Until both are synced, all of it may be lost, and is written again. */
	l->used_out = l->hashes_out = 0;
	if (l->dir_dirty && io->fsync(l->logdir))
		return trouble(e, -errno, "sync the directory");
	l->dir_dirty = false;
	if (io->fdatasync(l->fd_hashes) || io->fdatasync(l->fd_entries))
		return trouble(e, -errno, "sync");
	l->committed = l->tree.size;
	l->off += l->used;
	give_back(l);
	l->used = l->n_hashes = 0;
	return 0;
}

int writer_size(struct ledger *l, uint64_t size, const struct hash *root, struct err *e)
{
	char text[LAYOUT_SIZE_TEXT];
	int r;

	layout_size_put(size, root, text);
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
	l->must = size;
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
	r = writer_size(l, l->tree.size, &root, e);
	if (r)
		return r;
	n = note_sign_checkpoint(l->key, l->tree.size, &root, note, e);
	if (n < 0)
		return (int)n;
	r = file_replace(l->dir, "checkpoint", note, (size_t)n, 0644);
	if (r)
		return trouble(e, r, "write 'checkpoint'");
	l->sealed = l->tree.size;
	return 0;
}
