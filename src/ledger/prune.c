/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prune.c - retention (c2sp.org/tlog-tiles, "Pruning"): the oldest segments go, the tree stays. The
 * hashes of levels 1 and up are kept for ever, and with them every proof for what remains.
 *
 * In this order, each durable before the next: the hashes that stay; the record that says what goes, under a
 * checkpoint; `first`; the files. After a crash in between the record has said more than was done, or files
 * are left that recovery removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/hashes.h"
#include "ledger/ledger.h"
#include "ledger/writer.h"
#include "record/meta.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/io.h"

#define SEGMENT_MAX ((uint64_t)LEDGER_SEGMENT * (LAYOUT_PREFIX + LAYOUT_LEAF_MAX))

/* Bytes of the entries of @segment; 0 if it has none. */
static uint64_t segment_bytes(const struct ledger *l, uint64_t segment)
{
	char name[LAYOUT_NAME];
	struct stat st;

	layout_segment(name, segment, "entries");
	if (fstatat(l->dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return 0;
	/* A file's size is a claim: no more than the largest entries have. */
	return (uint64_t)st.st_size < SEGMENT_MAX ? (uint64_t)st.st_size : SEGMENT_MAX;
}

/* The latest time in @segment, or the end of time if its index does not tell. */
static int64_t segment_latest(const struct ledger *l, uint64_t segment)
{
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];
	char name[LAYOUT_NAME];
	_cleanup_fd_ int fd = -1;
	struct index_row row;
	int64_t latest = INT64_MIN;

	layout_segment(name, segment, "index");
	fd = file_open(l->dir, name);
	if (fd < 0 || file_pread(fd, raw, sizeof(raw), 0) != sizeof(raw))
		return INT64_MAX;
	for (unsigned i = 0; i < LAYOUT_ROWS; i++) {
		index_row_get(raw + i * LAYOUT_ROW, &row);
		if (row.max_us > latest)
			latest = row.max_us;
	}
	return latest;
}

/* How many segments go: *@cut is the first one kept. */
static void choose(const struct ledger *l, const struct ledger_retention *keep, uint64_t *cut)
{
	uint64_t total = 0, end = l->sealed;

	if (keep->only_covered && keep->covered < end)
		end = keep->covered;
	*cut = l->first / LEDGER_SEGMENT;
	for (uint64_t s = *cut; s <= l->segment; s++)
		total += segment_bytes(l, s);
	for (; *cut < l->segment && (*cut + 1) * LEDGER_SEGMENT <= end; ++*cut) {
		if (!(keep->keep_bytes && total > keep->keep_bytes) &&
			!(keep->min_time_us && segment_latest(l, *cut) < keep->min_time_us))
			break;
		total -= segment_bytes(l, *cut);
	}
}

/* Does hash.2 of @segment follow from hash.1? */
static int folds(struct hashes *h, uint64_t segment)
{
	struct hash row[LAYOUT_ROWS], stored, folded;
	int r = hashes_read(h, 1, segment * LAYOUT_ROWS, LAYOUT_ROWS, row);

	if (!r)
		r = hashes_read(h, 2, segment, 1, &stored);
	if (r)
		return r;
	tree_fold(row, LAYOUT_ROWS, &folded);
	return memcmp(&folded, &stored, sizeof(stored)) ? -EBADMSG : 0;
}

/*
 * The root of the first @cut segments, from the stored hashes. These will have to stand for the leaves, so
 * they have to lead to the tree in memory, and level 1 to level 2.
 */
static int root_at(const struct ledger *l, uint64_t cut, struct hash *root)
{
	struct hashes h;
	struct tree t;
	int r;

	hashes_open(&h, l->dir);
	r = hashes_tree(&h, cut * LEDGER_SEGMENT, &t);
	if (!r)
		tree_root(&t, root);
	for (uint64_t s = l->first / LEDGER_SEGMENT; s < cut && !r; s++)
		r = folds(&h, s);
	if (!r)
		r = hashes_grow(&h, &t, l->tree.size - l->tree.size % LEDGER_SEGMENT);
	hashes_close(&h);
	for (unsigned bit = 16; bit < 64 && !r; bit++)
		if (l->tree.size >> bit & 1 && memcmp(&t.sub[bit], &l->tree.sub[bit], sizeof(*root)))
			r = -EBADMSG;
	return r;
}

/* The word for it, appended and signed. Once is enough, however often what follows fails. */
static int say(struct ledger *l, uint64_t first, const struct hash *root,
	const struct ledger_retention *keep, struct err *e)
{
	_cleanup_free_ struct meta *m = malloc(sizeof(*m));
	_cleanup_free_ char *leaf = malloc(RECORD_LEAF_MAX);
	char b64[BASE64_LEN(LEDGER_HASH) + 1];
	uint64_t at = l->tree.size;
	long n;
	int r = 0;

	if (!m || !leaf)
		return err_set(e, ENOMEM, "out of memory");
	if (l->said.first != first) {
		base64_encode(root->b, LEDGER_HASH, b64);
		meta_begin(m, keep->host, META_PRUNE, keep->now_us, NULL);
		meta_prune(m, l->first, first, b64, l->unproven);
		n = record_encode(&m->r, leaf, RECORD_LEAF_MAX);
		if (n < 0)
			return err_set(e, EINVAL, "ledger: '%.80s' cannot be a record's host", keep->host);
		r = ledger_append(l, leaf, (size_t)n, keep->now_us, e);
		if (!r)
			l->said = (struct pruned){first, at};
	}
	return r ? r : ledger_checkpoint(l, e);
}

int writer_drop_segment(struct ledger *l, uint64_t segment, struct err *e)
{
	static const char *const kinds[] = {"entries", "index", "hashes"};
	char name[LAYOUT_NAME];

	for (unsigned i = 0; i < 3; i++) {
		layout_segment(name, segment, kinds[i]);
		if (io->unlinkat(l->dir, name, 0) && errno != ENOENT)
			return err_set(e, errno, "ledger: cannot remove '%s': %s", name, strerror(errno));
	}
	return 0;
}

/* The files of what `first` says is pruned, those too that an attempt before could not remove. */
static int remove_files(struct ledger *l, struct err *e)
{
	int r = 0;

	for (uint64_t s = l->left; s < l->first / LEDGER_SEGMENT && !r; s++)
		r = writer_drop_segment(l, s, e);
	if (!r && l->left < l->first / LEDGER_SEGMENT && io->fsync(l->logdir))
		r = err_set(e, errno, "ledger: cannot sync the directory: %s", strerror(errno));
	if (!r)
		l->left = l->first / LEDGER_SEGMENT;
	return r;
}

int ledger_prune(struct ledger *l, const struct ledger_retention *keep, uint64_t *pruned, struct err *e)
{
	uint64_t low = l->first / LEDGER_SEGMENT, cut, first;
	char text[PRUNED_TEXT];
	struct hash root;
	int r;

	*pruned = 0;
	r = remove_files(l, e);
	if (r)
		return r;
	choose(l, keep, &cut);
	if (cut == low)
		return 0;
	first = cut * LEDGER_SEGMENT;
	r = writer_flush(l, e);
	if (r)
		return r;
	r = root_at(l, cut, &root);
	if (r == -ENODATA || r == -EBADMSG)
		return err_set(e, EBADMSG, "ledger: nothing is pruned: the hashes that would have to stand for "
			"records %" PRIu64 " to %" PRIu64 " are damaged ('logvisor verify' tells more)",
			l->first, first - 1);
	if (r)
		return err_set(e, -r, "ledger: cannot read its hashes: %s", file_strerror(r));
	r = writer_sync_levels(l, e);
	if (!r)
		r = say(l, first, &root, keep, e);
	if (r)
		return r;
	r = file_replace(l->dir, "first", text, (size_t)pruned_put(&l->said, text), 0644);
	if (r)
		return err_set(e, -r, "ledger: cannot write 'first': %s", strerror(-r));
	*pruned = first - l->first;
	l->left = low;
	l->first = first;
	return remove_files(l, e);
}
