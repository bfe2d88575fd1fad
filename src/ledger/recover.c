/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recover.c - from the files a crash left to a ledger that can grow.
 *
 * What the checkpoint covers must be there: less is damage, and refused. Beyond it an entry is kept if
 * it is whole and its hash lies beside it in .hashes, which commit() made durable together; the first
 * that is not ends the log, and the rest is cut off. Everything else (index, upper hashes) follows from
 * entries and leaf hashes and is made again where it differs.
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
#include "ledger/hashes.h"
#include "ledger/writer.h"
#include "record/record.h"
#include "util/io.h"

static int trouble(struct err *e, int r, const char *what)
{
	return err_set(e, -r, "recovery: cannot %s: %s", what, file_strerror(r));
}

/* Write @h at @index of an upper level, unless it is there already. */
static int put_level(struct ledger *l, unsigned level, uint64_t index, const struct hash *h)
{
	int fd = writer_level(l, level);
	struct hash old;

	if (fd < 0)
		return fd;
	if (file_pread(fd, &old, sizeof(old), index * LEDGER_HASH) == sizeof(old) &&
		!memcmp(&old, h, sizeof(old)))
		return 0;
	return file_pwrite(fd, h, sizeof(*h), index * LEDGER_HASH);
}

/* Make leaf hashes [from, to) of one segment anew out of its entries. */
static int hash_entries(struct ledger *l, struct hash *leaf, uint64_t to, uint64_t *rebuilt)
{
	struct hash old;
	struct entries s;
	struct span p;
	int r;

	r = entries_open(&s, l->fd_entries, 0, UINT64_MAX);
	for (uint64_t i = 0; i < to && !r; i++) {
		r = entries_next(&s, &p);
		if (r != 1) {
			r = r ? r : -EBADMSG;
			break;
		}
		r = 0;
		tree_leaf_hash(p.p, p.n, &leaf[i]);
		if (file_pread(l->fd_hashes, &old, sizeof(old), i * LEDGER_HASH) == sizeof(old) &&
			!memcmp(&old, &leaf[i], sizeof(old)))
			continue;
		++*rebuilt;
		r = file_pwrite(l->fd_hashes, &leaf[i], sizeof(*leaf), i * LEDGER_HASH);
	}
	entries_close(&s);
	return r;
}

/* The upper hashes of one segment's first @n leaves, out of their leaf hashes. */
static int fold_segment(struct ledger *l, const struct hash *leaf, uint64_t n)
{
	uint64_t index = l->segment, row = l->segment * LAYOUT_ROWS;
	struct hash up[LEDGER_BUNDLE];
	struct hashes h;
	int r = 0;

	for (uint64_t b = 0; b < n / LEDGER_BUNDLE && !r; b++) {
		tree_fold(leaf + b * LEDGER_BUNDLE, LEDGER_BUNDLE, &up[b]);
		r = put_level(l, 1, row + b, &up[b]);
	}
	hashes_open(&h, l->dir);
	for (unsigned level = 2; level < LAYOUT_LEVELS && n == LEDGER_SEGMENT && !r; level++) {
		tree_fold(up, LEDGER_BUNDLE, &up[0]);
		r = put_level(l, level, index, &up[0]);
		if (r || (index + 1) % LEDGER_BUNDLE)
			break;
		r = hashes_read(&h, level, index / LEDGER_BUNDLE * LEDGER_BUNDLE, LEDGER_BUNDLE, up);
		index /= LEDGER_BUNDLE;
	}
	hashes_close(&h);
	return r;
}

/*
 * Make the hashes of leaves [from, sealed) anew, @from being the start of a segment: from the leaf
 * hashes, or with @entries from the entries.
 */
static int rebuild(struct ledger *l, uint64_t from, uint64_t sealed, bool entries,
	struct ledger_recovery *rec, struct err *e)
{
	struct hash *leaf = malloc(LEDGER_SEGMENT * sizeof(*leaf));
	int r = leaf ? 0 : -ENOMEM;

	for (; from < sealed && !r; from += LEDGER_SEGMENT) {
		uint64_t n = sealed - from < LEDGER_SEGMENT ? sealed - from : LEDGER_SEGMENT;

		char name[LAYOUT_NAME];

		layout_segment(name, from / LEDGER_SEGMENT, "entries");
		r = faccessat(l->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) ? -EBADMSG : 0;
		if (!r)
			r = writer_segment(l, from, e);
		if (!r && entries) {
			r = hash_entries(l, leaf, n, &rec->hashes_rebuilt);
		} else if (!r) {
			long got = file_pread(l->fd_hashes, leaf, n * LEDGER_HASH, 0);

			r = got < 0 ? (int)got : (uint64_t)got == n * LEDGER_HASH ? 0 : -ENODATA;
		}
		if (!r)
			r = fold_segment(l, leaf, n);
		writer_segment_close(l);
	}
	free(leaf);
	return r;
}

/* The tree under the checkpoint, from the stored hashes, repaired as far as needed. */
static int load_tree(struct ledger *l, uint64_t sealed, const struct hash *root,
	struct ledger_recovery *rec, struct err *e)
{
	uint64_t last = sealed ? (sealed - 1) / LEDGER_SEGMENT * LEDGER_SEGMENT : 0;
	struct err why = {""};
	struct hashes h;
	struct hash got;
	int r;

	for (unsigned attempt = 0; attempt < 3; attempt++) {
		if (attempt)
			r = rebuild(l, attempt == 1 ? last : l->first, sealed, attempt == 2, rec, &why);
		if (attempt && r && r != -ENODATA && r != -EBADMSG)
			return *why.text ? err_set(e, -r, "%s", why.text) :
				trouble(e, r, "make the hashes anew");
		hashes_open(&h, l->dir);
		r = hashes_tree(&h, sealed, &l->tree);
		hashes_close(&h);
		if (r && r != -ENODATA)
			return trouble(e, r, "read the hashes");
		tree_root(&l->tree, &got);
		if (!r && !memcmp(&got, root, sizeof(got)))
			return 0;
	}
	return err_set(e, EBADMSG, "the first %" PRIu64 " records are not those the checkpoint was "
		"signed over; 'logvisor verify' names what was altered", sealed);
}

/* Widen the growing bundle's times by a leaf of which only the bytes are known. */
static void leaf_time(struct ledger *l, struct span leaf)
{
	int64_t us;
	uint8_t severity;

	if (record_peek(leaf.p, leaf.n, &us, &severity)) {
		l->min_us = INDEX_UNKNOWN_MIN;
		l->max_us = INDEX_UNKNOWN_MAX;
		return;
	}
	if (us < l->min_us)
		l->min_us = us;
	if (us > l->max_us)
		l->max_us = us;
}

struct tail {
	struct ledger *l;
	struct entries s;
	uint64_t sealed;
	uint64_t n;              /* leaves of this segment kept so far */
	struct index_row rows[LAYOUT_ROWS];
};

/* Whether the stored hash of leaf @n of the open segment is @h. */
static bool hash_beside(const struct ledger *l, uint64_t n, const struct hash *h)
{
	struct hash old;

	return file_pread(l->fd_hashes, &old, sizeof(old), n * LEDGER_HASH) == sizeof(old) &&
		!memcmp(&old, h, sizeof(old));
}

static void put_up(void *ctx, unsigned level, uint64_t index, const struct hash *h)
{
	int *r = ((void **)ctx)[1];

	if (!*r)
		*r = put_level(((void **)ctx)[0], level, index, h);
}

/* Walk the segment to the end of what counts. 0 or -errno. */
static int walk(struct tail *t)
{
	struct ledger *l = t->l;
	int r, put = 0;
	void *ctx[2] = {l, &put};

	l->min_us = INT64_MAX;
	l->max_us = INT64_MIN;
	for (t->n = 0; t->n < LEDGER_SEGMENT; t->n++) {
		uint64_t before = t->s.off;
		struct span leaf;
		struct hash h;

		r = entries_next(&t->s, &leaf);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		if (l->segment * LEDGER_SEGMENT + t->n >= t->sealed) {
			tree_leaf_hash(leaf.p, leaf.n, &h);
			if (!hash_beside(l, t->n, &h)) {
				t->s.off = before;
				break;
			}
			tree_add(&l->tree, &h, put_up, ctx);
			if (put)
				return put;
		}
		leaf_time(l, leaf);
		if ((t->n + 1) % LEDGER_BUNDLE == 0) {
			t->rows[t->n / LEDGER_BUNDLE] =
				(struct index_row){t->s.off, l->min_us, l->max_us};
			l->min_us = INT64_MAX;
			l->max_us = INT64_MIN;
		}
	}
	return 0;
}

/* Rows that differ in their offset, or are not there, are written; times known before are kept. */
static int mend_index(const struct tail *t)
{
	const struct ledger *l = t->l;
	uint8_t raw[LAYOUT_ROW];
	int r = 0;

	for (uint64_t b = 0; b < t->n / LEDGER_BUNDLE && !r; b++) {
		struct index_row old;

		if (file_pread(l->fd_index, raw, sizeof(raw), b * LAYOUT_ROW) == sizeof(raw)) {
			index_row_get(raw, &old);
			if (old.end == t->rows[b].end && old.min_us <= t->rows[b].min_us &&
				old.max_us >= t->rows[b].max_us)
				continue;
		}
		index_row_put(&t->rows[b], raw);
		r = file_pwrite(l->fd_index, raw, sizeof(raw), b * LAYOUT_ROW);
	}
	return r;
}

static int cut(int fd, uint64_t size, uint64_t *cut_bytes)
{
	int64_t have = file_size(fd);

	if (have < 0)
		return (int)have;
	if ((uint64_t)have <= size)
		return 0;
	*cut_bytes += (uint64_t)have - size;
	return io->ftruncate(fd, (off_t)size) ? -errno : 0;
}

/* One segment from its first entry on; the rest of it is cut off. */
static int recover_segment(struct ledger *l, uint64_t segment, uint64_t sealed,
	struct ledger_recovery *rec, struct err *e)
{
	struct tail t = {.l = l, .sealed = sealed};
	uint64_t end, ignored = 0;
	int r;

	r = writer_segment(l, segment * LEDGER_SEGMENT, e);
	if (r)
		return r;
	r = entries_open(&t.s, l->fd_entries, 0, UINT64_MAX);
	if (!r)
		r = walk(&t);
	end = t.s.off;
	entries_close(&t.s);
	if (!r && segment * LEDGER_SEGMENT + t.n < sealed && t.n < LEDGER_SEGMENT)
		return err_set(e, EBADMSG, "it holds %" PRIu64 " records of the %" PRIu64
			" its checkpoint covers: records were removed or damaged ('logvisor verify' "
			"tells more)", segment * LEDGER_SEGMENT + t.n, sealed);
	if (!r)
		r = mend_index(&t);
	if (!r)
		r = cut(l->fd_entries, end, &rec->torn_bytes);
	if (!r)
		r = cut(l->fd_hashes, t.n * LEDGER_HASH, &ignored);
	if (!r)
		r = cut(l->fd_index, t.n / LEDGER_BUNDLE * LAYOUT_ROW, &ignored);
	if (r)
		return trouble(e, r, "mend the last segment");
	l->off = end;
	return 0;
}

int writer_drop_segments(struct ledger *l, uint64_t low, uint64_t high, struct err *e)
{
	static const char *const kinds[] = {"entries", "index", "hashes"};
	char name[LAYOUT_NAME];

	if (low >= high)
		return 0;
	for (; low < high; low++) {
		for (unsigned i = 0; i < 3; i++) {
			layout_segment(name, low, kinds[i]);
			if (io->unlinkat(l->dir, name, 0) && errno != ENOENT)
				return trouble(e, -errno, "remove a segment");
		}
	}
	return io->fsync(l->logdir) ? trouble(e, -errno, "sync the directory") : 0;
}

/* What lies in the files of segments after the last one kept. */
static int drop_later(struct ledger *l, uint64_t high, struct ledger_recovery *rec, struct err *e)
{
	char name[LAYOUT_NAME];

	if (high > l->segment + 1024)
		return err_set(e, EBADMSG, "'log' holds files of segment %" PRIu64 ", the log ends in "
			"segment %" PRIu64 ": foreign files?", high, l->segment);
	for (uint64_t s = l->segment + 1; s <= high; s++) {
		struct stat st;

		layout_segment(name, s, "entries");
		if (fstatat(l->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			rec->torn_bytes += (uint64_t)st.st_size;
	}
	return writer_drop_segments(l, l->segment + 1, high + 1, e);
}

/* All that is there is acknowledged from here on, so it has to be on the disk. */
static int make_durable(struct ledger *l, struct err *e)
{
	uint64_t ignored = 0;
	int r = 0;

	for (unsigned i = 1; i < LAYOUT_LEVELS && !r; i++) {
		uint64_t n = i * 8 < 64 ? l->tree.size >> (8 * i) : 0;

		if (n)
			r = writer_level(l, i);
		if (r >= 0 && l->fd_up[i] >= 0)
			r = cut(l->fd_up[i], n * LEDGER_HASH, &ignored);
	}
	if (r)
		return trouble(e, r, "mend the hash files");
	r = writer_sync_levels(l, e);
	if (r)
		return r;
	if (io->fdatasync(l->fd_hashes) || io->fdatasync(l->fd_index) ||
		io->fdatasync(l->fd_entries) || io->fsync(l->logdir))
		return trouble(e, -errno, "sync");
	l->dir_dirty = false;
	return 0;
}

int writer_recover(struct ledger *l, uint64_t sealed, const struct hash *root,
	struct ledger_recovery *rec, struct err *e)
{
	uint64_t low, high, count, segment = sealed ? (sealed - 1) / LEDGER_SEGMENT : 0;
	int r;

	r = layout_segments(l->dir, &low, &high, &count);
	if (r)
		return trouble(e, r, "list 'log'");
	if (sealed && (!count || high < segment || low > segment))
		return err_set(e, EBADMSG, "its last segment is missing: records were removed "
			"('logvisor verify' tells more)");
	if (count && low < l->first / LEDGER_SEGMENT) {
		r = writer_drop_segments(l, low, l->first / LEDGER_SEGMENT, e);
		if (r)
			return r;
	}
	r = load_tree(l, sealed, root, rec, e);
	for (; !r; segment++) {
		r = recover_segment(l, segment, sealed, rec, e);
		if (r || l->tree.size < (segment + 1) * LEDGER_SEGMENT || !count || high <= segment)
			break;
		/* Full, and another follows. */
		if (io->fdatasync(l->fd_hashes) || io->fdatasync(l->fd_index) ||
			io->fdatasync(l->fd_entries))
			r = trouble(e, -errno, "sync");
		writer_segment_close(l);
	}
	if (!r && count)
		r = drop_later(l, high, rec, e);
	if (!r && l->tree.size < l->must)
		r = err_set(e, EBADMSG, "it holds %" PRIu64 " records, and %" PRIu64 " were about to be "
			"signed: records were removed or damaged ('logvisor verify' tells more)",
			l->tree.size, l->must);
	if (!r)
		r = make_durable(l, e);
	if (r)
		return r;
	rec->unsigned_kept = l->tree.size - sealed;
	rec->needed = rec->torn_bytes || rec->unsigned_kept || rec->hashes_rebuilt;
	l->sealed = sealed;
	l->flushed = l->committed = l->tree.size;
	l->safe_tree = l->tree;
	l->safe_off = l->off;
	return 0;
}
