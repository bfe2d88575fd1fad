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

#include "ledger/file.h"
#include "ledger/hashes.h"
#include "ledger/ledger.h"
#include "ledger/seal.h"
#include "util/cleanup.h"

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

/* mkdir -p of everything in @path before the last slash. */
static int make_dirs(int dir, const char *path)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdirat(dir, copy, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
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
		r = make_dirs(out, path);
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

/* Bytes of the first @n entries, all with the leaf hash stored for them; 0: one has not. */
static size_t check_bundle(struct hashes *h, struct span bytes, uint64_t base, uint64_t n)
{
	struct hash stored[LEDGER_BUNDLE], is;
	size_t at = 0;

	if (hashes_read(h, 0, base, n, stored))
		return 0;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *p = (const uint8_t *)bytes.p + at;
		size_t len = (size_t)p[0] << 8 | p[1];

		tree_leaf_hash(p + LAYOUT_PREFIX, len, &is);
		if (memcmp(&is, &stored[i], sizeof(is)))
			return 0;
		at += LAYOUT_PREFIX + len;
	}
	return at;
}

static int put_entries(struct ledger_reader *r, struct hashes *h, int out, uint64_t size,
	struct tiles_sum *sum, int *unreadable, struct err *e)
{
	int why = 0;

	for (uint64_t at = sum->first; at < size; at += LEDGER_BUNDLE) {
		uint64_t n = size - at < LEDGER_BUNDLE ? size - at : LEDGER_BUNDLE, base, count;
		struct span bytes;
		size_t len;
		int x;

		x = ledger_reader_bundle(r, at, &bytes, &base, &count, why ? NULL : e);
		if (x == -ENOMEM)
			return x;
		if (x) {
			why = why ? why : x;
			sum->unreadable += n;
			continue;
		}
		len = base == at && count >= n ? check_bundle(h, bytes, at, n) : 0;
		if (!len)
			return err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " and their stored "
				"hashes differ; 'logvisor verify' tells what was altered", at, at + n - 1);
		x = put_tile(out, "entries", at / LEDGER_BUNDLE, n, bytes.p, len, sum);
		if (x)
			return err_set(e, -x, "cannot write a bundle: %s", strerror(-x));
	}
	*unreadable = why;
	return 0;
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

int tiles_export(const char *dir, const char *out_dir, struct tiles_sum *sum, struct err *e)
{
	_cleanup_fd_ int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int out = -1;
	struct ledger_reader *reader = NULL;
	struct hashes h;
	struct seal seal;
	int r, unreadable = 0;
	uint64_t size;

	memset(sum, 0, sizeof(*sum));
	if (d < 0)
		return err_set(e, errno, "%.200s: %s", dir, strerror(errno));
	r = seal_load(d, NULL, &seal, e);
	if (!r)
		r = ledger_reader_open(&reader, dir, e);
	if (r) {
		seal_free(&seal);
		return r;
	}
	hashes_open(&h, d);
	size = sum->size = seal.checkpoint.size;
	sum->first = ledger_reader_first(reader);
	if (mkdir(out_dir, 0755) && errno != EEXIST)
		r = err_set(e, errno, "cannot create %.200s: %s", out_dir, strerror(errno));
	out = r ? -1 : open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r && out < 0)
		r = err_set(e, errno, "cannot open %.200s: %s", out_dir, strerror(errno));
	if (!r)
		r = check_out(out, seal.vkey, seal.vkey_len, e);
	if (!r)
		r = check_root(&h, &seal.checkpoint, e);
	if (!r)
		r = check_older(out, &h, &seal, e);
	if (!r)
		r = put_entries(reader, &h, out, size, sum, &unreadable, e);
	for (unsigned level = 0; !r && level < LAYOUT_LEVELS && size >> (8 * level); level++)
		r = put_level(&h, out, level, size, sum->first, sum, e);
	if (!r && unreadable) {
		err_prefix(e, "%" PRIu64 " records cannot be read, all else was exported, but for the checkpoint; the first",
			sum->unreadable);
		r = unreadable;
	}
	if (!r) {
		r = file_replace(out, "vkey", seal.vkey, seal.vkey_len, 0644);
		if (!r)
			r = file_replace(out, "checkpoint", seal.note, seal.note_len, 0644);
		if (r)
			err_set(e, -r, "cannot write the tiles: %s", file_strerror(r));
	}
	hashes_close(&h);
	ledger_reader_close(reader);
	seal_free(&seal);
	return r;
}
