/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/tiles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/bundles.h"
#include "ledger/file.h"
#include "ledger/hashes.h"
#include "ledger/ledger.h"
#include "ledger/verify/view.h"
#include "util/cleanup.h"
#include "util/dirs.h"

void tiles_path(uint64_t n, char *out)
{
	char digits[21], *p = out;
	size_t len, lead;

	snprintf(digits, sizeof(digits), "%03" PRIu64, n);
	len = strlen(digits);
	lead = len % 3 ? 3 - len % 3 : 0;
	for (size_t i = 0; i < len + lead; i++) {
		if (i % 3 == 0) {
			if (i)
				*p++ = '/';
			if (i + 3 < len + lead)
				*p++ = 'x';
		}
		*p++ = i < lead ? '0' : digits[i - lead];
	}
	*p = '\0';
}

/* Tile @n of @what ("entries" or a level), @width wide (256: full). */
static int put_tile(int out, const char *what, uint64_t n, uint64_t width, const void *data,
	size_t size, struct tiles_sum *sum)
{
	char path[128], index[32];
	_cleanup_fd_ int fd = -1;
	int r;

	tiles_path(n, index);
	if (width == LEDGER_BUNDLE)
		snprintf(path, sizeof(path), "tile/%s/%s", what, index);
	else
		snprintf(path, sizeof(path), "tile/%s/%s.p/%" PRIu64, what, index, width);
	fd = openat(out, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 && errno == ENOENT) {
		r = dirs_above(out, path, 0755);
		if (r)
			return r;
		fd = openat(out, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	}
	if (fd < 0)
		return -errno;
	sum->files++;
	return file_pwrite(fd, data, size, 0);
}

/* Does hash @index of @level follow from the 256 below it? Of pruned leaves nobody knows. */
static bool follows(struct hashes *h, unsigned level, uint64_t index, uint64_t first, const struct hash *is)
{
	struct hash below[LEDGER_BUNDLE], folded;

	if (level == 0 || (level == 1 && index * LEDGER_BUNDLE < first))
		return true;
	if (hashes_read(h, level - 1, index * LEDGER_BUNDLE, LEDGER_BUNDLE, below))
		return false;
	tree_fold(below, LEDGER_BUNDLE, &folded);
	return !memcmp(&folded, is, sizeof(folded));
}

/* The tiles of one level, of a tree of @size leaves; at level 0 from leaf @first on. */
static int put_level(struct hashes *h, int out, unsigned level, uint64_t size, uint64_t first,
	struct tiles_sum *sum, struct err *e)
{
	uint64_t hashes = size >> (8 * level), at = level ? 0 : first;
	struct hash tile[LEDGER_BUNDLE];
	char name[12];
	int r;

	snprintf(name, sizeof(name), "%u", level);
	for (; at < hashes; at += LEDGER_BUNDLE) {
		uint64_t n = hashes - at < LEDGER_BUNDLE ? hashes - at : LEDGER_BUNDLE;

		r = hashes_read(h, level, at, n, tile);
		if (!r && hashes_hole(tile, n))
			r = -ENODATA;
		if (r)
			return err_set(e, r == -ENODATA ? EBADMSG : -r, "the stored hashes of level %u are "
				"%s; 'logvisor verify' tells more", level, r == -ENODATA ?
				"missing" : strerror(-r));
		for (uint64_t i = 0; i < n; i++)
			if (!follows(h, level, at + i, first, &tile[i]))
				return err_set(e, EBADMSG, "stored hash %" PRIu64 " of level %u is damaged; "
					"'logvisor verify' tells more", at + i, level);
		r = put_tile(out, name, at / LEDGER_BUNDLE, n, tile, n * sizeof(*tile), sum);
		if (r)
			return err_set(e, -r, "cannot write a tile: %s", strerror(-r));
	}
	return 0;
}

/* Where the bundles go. */
struct to {
	struct hashes *h;
	int out;
	struct tiles_sum *sum;
};

/* All leaves of a bundle have to have the hashes stored for them. */
static int put_bundle(void *ctx, const struct bundle *b, struct err *e)
{
	struct hash stored[LEDGER_BUNDLE];
	const struct to *t = ctx;
	int r;

	if (hashes_read(t->h, 0, b->at, b->n, stored) || memcmp(stored, b->leaf, b->n * LEDGER_HASH))
		return err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " and their stored "
			"hashes differ; 'logvisor verify' tells what was altered", b->at, b->at + b->n - 1);
	r = put_tile(t->out, "entries", b->at / LEDGER_BUNDLE, b->n, b->buf, b->used, t->sum);
	return r ? err_set(e, -r, "cannot write a bundle: %s", strerror(-r)) : 0;
}

/* Do the stored hashes lead to the signed root? */
static int check_root(struct hashes *h, const struct checkpoint *c, struct err *e)
{
	struct tree t;
	struct hash root;

	if (!hashes_tree(h, c->size, &t)) {
		tree_root(&t, &root);
		if (!memcmp(&root, &c->root, sizeof(root)))
			return 0;
	}
	return err_set(e, EBADMSG, "the stored hashes do not lead to the signed root; 'logvisor verify' tells "
		"what was altered");
}

/* @out must be empty of any other log's tree. */
static int check_out(int out, const char *vkey, size_t n, struct err *e)
{
	_cleanup_free_ char *old = NULL;
	size_t old_n;
	int r = file_load(out, "vkey", 1024, &old, &old_n);

	if (r == -ENOENT)
		return 0;
	if (r || old_n != n || memcmp(old, vkey, n))
		return err_set(e, EEXIST, "the directory holds another log's tiles; choose another one");
	return 0;
}

/*
 * What was exported there before has to be a beginning of what is exported now: whoever followed it holds its
 * checkpoint. Looked at before anything there is written over.
 */
static int check_older(int out, struct hashes *h, const struct seal *seal, struct err *e)
{
	uint64_t now = seal->checkpoint.size;
	_cleanup_free_ char *note = NULL;
	struct checkpoint old;
	struct hash root;
	struct tree t;
	struct err why;
	size_t n;
	int r = file_load(out, "checkpoint", NOTE_MAX, &note, &n);

	if (r == -ENOENT)
		return 0;
	if (r)
		return err_set(e, -r, "the directory's checkpoint cannot be read: %s", file_strerror(r));
	if (checkpoint_parse(note, n, &old, &why) || checkpoint_verify(&old, &seal->key, &why))
		return err_set(e, EBADMSG, "the directory's checkpoint is not one of this ledger (%s); choose another "
			"directory", why.text);
	if (old.size > now)
		return err_set(e, EBADMSG, "the directory holds the tiles of %" PRIu64 " signed records, and the "
			"ledger's checkpoint covers %" PRIu64 ": the ledger was rolled back", old.size, now);
	r = hashes_tree(h, old.size, &t);
	if (r == -ENODATA)
		return err_set(e, ESTALE, "whether the tiles of %" PRIu64 " records in the directory are continued "
			"cannot be told: hashes for it are missing or pruned; choose another directory", old.size);
	if (r)
		return err_set(e, -r, "cannot read the hashes: %s", file_strerror(r));
	tree_root(&t, &root);
	if (memcmp(&root, &old.root, sizeof(root)))
		return err_set(e, EBADMSG, "the directory's checkpoint of %" PRIu64 " records has another root than the "
			"ledger has there: history was rewritten, or stored hashes are damaged; 'logvisor verify "
			"--since-checkpoint' with that checkpoint tells which", old.size);
	return 0;
}

static int open_out(const char *out_dir, struct err *e)
{
	int out;

	if (mkdir(out_dir, 0755) && errno != EEXIST)
		return err_set(e, errno, "cannot create %.200s: %s", out_dir, strerror(errno));
	out = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return out < 0 ? err_set(e, errno, "cannot open %.200s: %s", out_dir, strerror(errno)) : out;
}

static int level0(const void *ctx, uint64_t segment)
{
	return view_open(ctx, segment, VIEW_HASHES);
}

/* All of what the view's checkpoint covers. */
static int export(const struct view *v, int out, struct tiles_sum *sum, struct err *e)
{
	struct hashes h;
	struct to to = {&h, out, sum};
	struct bundles b = {.view = v, .first = sum->first, .size = sum->size, .take = put_bundle, .ctx = &to};
	int r;

	hashes_open(&h, v->dir);
	h.level0 = level0;
	h.ctx = v;
	r = check_root(&h, &v->seal.checkpoint, e);
	if (!r)
		r = check_older(out, &h, &v->seal, e);
	if (!r)
		r = bundles_run(&b, e);
	for (unsigned level = 0; !r && level < LAYOUT_LEVELS && sum->size >> (8 * level); level++)
		r = put_level(&h, out, level, sum->size, sum->first, sum, e);
	hashes_close(&h);
	if (r)
		return r;
	sum->unreadable = b.unreadable;
	if (b.unreadable)
		return err_set(e, EBADMSG, "%" PRIu64 " records cannot be read, all else was exported, but for the "
			"checkpoint; the first: %s", b.unreadable, b.why.text);
	r = file_replace(out, "vkey", v->seal.vkey, v->seal.vkey_len, 0644);
	if (!r)
		r = file_replace(out, "checkpoint", v->seal.note, v->seal.note_len, 0644);
	return r ? err_set(e, -r, "cannot write the tiles: %s", file_strerror(r)) : 0;
}

int tiles_export(const char *dir, const char *out_dir, struct tiles_sum *sum, struct err *e)
{
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int out = -1;
	struct view v;
	int r;

	memset(sum, 0, sizeof(*sum));
	if (d < 0)
		return err_set(e, errno, "%.200s: %s", dir, strerror(errno));
	r = view_take(&v, d, NULL, e);
	if (!r)
		r = seal_error(&v.seal, e);
	if (!r && v.on_log)
		r = err_set(e, -v.on_log, "not a ledger: its directory 'log': %s", strerror(-v.on_log));
	if (!r && v.on_first)
		r = err_set(e, -v.on_first, "its file 'first', which says what was pruned, is damaged");
	sum->size = r ? 0 : v.seal.checkpoint.size;
	sum->first = r ? 0 : v.pruned.first;
	if (!r) {
		out = open_out(out_dir, e);
		r = out < 0 ? out : check_out(out, v.seal.vkey, v.seal.vkey_len, e);
	}
	if (!r)
		r = export(&v, out, sum, e);
	view_release(&v);
	return r;
}
