/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/read/far.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/cosign.h"
#include "ledger/tiles.h"
#include "util/cleanup.h"

/* GET @path below the log's prefix. */
static int get(const struct far *f, const char *path, size_t max, char **data, size_t *n, struct err *e)
{
	char whole[256];

	*data = NULL;
	snprintf(whole, sizeof(whole), "%s%s", f->prefix, path);
	return f->server->get(f->server->ctx, whole, max, data, n, e);
}

/* "tile/<what>/<index>[.p/<width>]" (tlog-tiles, "Merkle Tree"). */
static void tile_path(const char *what, uint64_t index, uint64_t width, char out[128])
{
	char digits[32];

	tiles_path(index, digits);
	if (width == LEDGER_BUNDLE)
		snprintf(out, 128, "tile/%s/%s", what, digits);
	else
		snprintf(out, 128, "tile/%s/%s.p/%" PRIu64, what, digits, width);
}

/*
 * A tile or bundle of @width; what once was partial may since be there as a whole only (tlog-tiles, "Partial
 * Tiles").
 */
static int get_tile(const struct far *f, const char *what, uint64_t index, uint64_t width, size_t max,
	char **data, size_t *n, struct err *e)
{
	char path[128];
	int r;

	tile_path(what, index, width, path);
	r = get(f, path, max, data, n, e);
	if (r != -ENOENT || width == LEDGER_BUNDLE)
		return r;
	tile_path(what, index, LEDGER_BUNDLE, path);
	return get(f, path, max, data, n, e);
}

static int get_hashes(const struct far *f, unsigned level, uint64_t index, uint64_t width, struct hash *out,
	struct err *e)
{
	_cleanup_free_ char *data = NULL;
	char name[12];
	size_t n;
	int r;

	snprintf(name, sizeof(name), "%u", level);
	r = get_tile(f, name, index, width, LEDGER_BUNDLE * LEDGER_HASH, &data, &n, e);
	if (r)
		return r;
	if (n != width * LEDGER_HASH && n != LEDGER_BUNDLE * LEDGER_HASH)
		return err_set(e, EBADMSG, "%.80s: tile %" PRIu64 " of level %u has %zu bytes, not %" PRIu64, f->origin,
			index, level, n, width * LEDGER_HASH);
	memcpy(out, data, width * LEDGER_HASH);
	return 0;
}

static unsigned width_at(uint64_t size, unsigned level)
{
	return (unsigned)(size >> (8 * level) & (LEDGER_BUNDLE - 1));
}

/* Levels that a checkpoint may have hashes on; beyond, no ledger goes (layout.h). */
static bool too_large(uint64_t size)
{
	return size > (uint64_t)LAYOUT_SEGMENTS * LEDGER_SEGMENT;
}

/* The partial tiles, which make the root. */
static int load_partial(struct far *f, struct err *e)
{
	struct tree t = {.size = f->checkpoint.size};
	struct hash root;
	int r = 0;

	for (unsigned level = 0; level < LAYOUT_LEVELS && !r; level++) {
		struct far_tile *p = &f->partial[level];
		unsigned width = width_at(t.size, level), at = 0;

		p->valid = width;
		p->index = t.size >> (8 * level) >> 8;
		if (!width)
			continue;
		r = get_hashes(f, level, p->index, width, p->h, e);
		/* Hashes of complete subtrees, the largest first: so many as the bits of the width say. */
		for (unsigned bit = 8; !r && bit-- > 0;) {
			if (!(width >> bit & 1))
				continue;
			tree_fold(&p->h[at], (size_t)1 << bit, &t.sub[8 * level + bit]);
			at += 1u << bit;
		}
	}
	if (r)
		return r;
	tree_root(&t, &root);
	return memcmp(&root, &f->checkpoint.root, sizeof(root)) ?
		err_set(e, EBADMSG, "%.80s: the hashes that are served do not lead to the signed root of %" PRIu64
			" records", f->origin, t.size) : 0;
}

/* The log's key: the one asked for, or the one served. */
static int load_key(struct far *f, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r;

	if (f->trust.log) {
		f->key = *f->trust.log;
		return 0;
	}
	r = get(f, "vkey", 1024, &text, &n, e);
	if (!r)
		r = vkey_read(text, n, &f->key, e);
	if (r)
		err_prefix(e, "the log's key");
	return r == -EINVAL ? -EBADMSG : r;
}

static int load_checkpoint(struct far *f, struct err *e)
{
	int r = get(f, "checkpoint", NOTE_MAX, &f->note, &f->note_len, e);

	if (r)
		return r;
	r = checkpoint_parse(f->note, f->note_len, &f->checkpoint, e);
	if (!r && !span_is(f->checkpoint.origin, f->origin))
		r = err_set(e, EBADMSG, "its origin is '%.*s'", (int)(f->checkpoint.origin.n > 200 ? 200 :
			f->checkpoint.origin.n), f->checkpoint.origin.p);
	if (!r)
		r = checkpoint_verify(&f->checkpoint, &f->key, e);
	if (!r && f->trust.cosigner)
		r = cosign_verify(&f->checkpoint, f->trust.cosigner, &f->cosigned_at, e);
	if (!r && too_large(f->checkpoint.size))
		r = err_set(e, EFBIG, "it claims %" PRIu64 " records, more than a ledger can have", f->checkpoint.size);
	if (r)
		err_prefix(e, "%.80s: the checkpoint that is served", f->origin);
	return r ? -EBADMSG : 0;
}

int far_open(struct far *f, const struct far_server *server, const char *origin, const struct far_trust *trust,
	struct err *e)
{
	struct hash h;
	int r;

	memset(f, 0, sizeof(*f));
	f->server = server;
	if (trust)
		f->trust = *trust;
	if (!note_name_ok(origin))
		return err_set(e, EINVAL, "'%.80s' cannot be a log's origin", origin);
	snprintf(f->origin, sizeof(f->origin), "%s", origin);
	/* tlog-mirror: <monitoring prefix>/<SHA-256 of the origin, in lower-case hexadecimal digits>. */
	tree_sha256(origin, strlen(origin), &h);
	for (unsigned i = 0; i < LEDGER_HASH; i++)
		snprintf(f->prefix + 2 * i, 3, "%02x", h.b[i]);
	strcat(f->prefix, "/");
	r = load_key(f, e);
	if (!r)
		r = load_checkpoint(f, e);
	if (r == -ENOENT)
		return err_set(e, ENOENT, "no log '%.80s' is there, or none that we may read", origin);
	return r ? r : load_partial(f, e);
}

void far_close(struct far *f)
{
	free(f->note);
	f->note = NULL;
}

int far_refresh(struct far *f, struct err *e)
{
	struct far *next = calloc(1, sizeof(*next));
	int r;

	if (!next)
		return err_set(e, ENOMEM, "out of memory");
	r = far_open(next, f->server, f->origin, &f->trust, e);
	if (!r && (next->checkpoint.size < f->checkpoint.size || (next->checkpoint.size == f->checkpoint.size &&
		memcmp(&next->checkpoint.root, &f->checkpoint.root, sizeof(struct hash)))))
		r = err_set(e, EBADMSG, "%.80s: a checkpoint of %" PRIu64 " records was served, and now another history's, of "
			"%" PRIu64, f->origin, f->checkpoint.size, next->checkpoint.size);
	if (!r && next->checkpoint.size > f->checkpoint.size) {
		free(f->note);
		*f = *next;
		r = 1;
	} else {
		far_close(next);
	}
	free(next);
	return r;
}

/* Have full tile @index of @level: proven by the hash that it makes on the level above. */
static int full_tile(struct far *f, unsigned level, uint64_t index, struct err *e)
{
	struct far_tile *t = &f->full[level];
	struct hash above, folded;
	int r;

	if (t->valid && t->index == index)
		return 0;
	r = far_hash(f, level + 1, index, &above, e);
	if (r)
		return r;
	t->valid = false;
	r = get_hashes(f, level, index, LEDGER_BUNDLE, t->h, e);
	if (r)
		return r;
	tree_fold(t->h, LEDGER_BUNDLE, &folded);
	if (memcmp(&folded, &above, sizeof(folded)))
		return err_set(e, EBADMSG, "%.80s: tile %" PRIu64 " of level %u is not the one that was signed",
			f->origin, index, level);
	t->valid = true;
	t->index = index;
	return 0;
}

int far_hash(struct far *f, unsigned level, uint64_t index, struct hash *out, struct err *e)
{
	uint64_t tile = index / LEDGER_BUNDLE;
	const struct far_tile *t;
	int r = 0;

	if (level >= LAYOUT_LEVELS || index >= f->checkpoint.size >> (8 * level))
		return err_set(e, ERANGE, "%.80s: no hash %" PRIu64 " of level %u", f->origin, index, level);
	if (f->partial[level].valid && tile == f->partial[level].index) {
		t = &f->partial[level];
	} else {
		t = &f->full[level];
		r = full_tile(f, level, tile, e);
	}
	if (!r)
		*out = t->h[index % LEDGER_BUNDLE];
	return r;
}

int far_root(struct far *f, uint64_t size, struct hash *out, struct err *e)
{
	struct tree t = {.size = size};
	struct hash part[LEDGER_BUNDLE / 2];
	uint64_t start = 0;
	int r = 0;

	for (unsigned bit = 64; bit-- > 0 && !r;) {
		size_t n = (size_t)1 << bit % 8;

		if (!(size >> bit & 1))
			continue;
		for (size_t i = 0; i < n && !r; i++)
			r = far_hash(f, bit / 8, (start >> (bit / 8 * 8)) + i, &part[i], e);
		if (!r)
			tree_fold(part, n, &t.sub[bit]);
		start += (uint64_t)1 << bit;
	}
	if (!r)
		tree_root(&t, out);
	return r;
}

int far_bundle_parse(struct far_bundle *b)
{
	const uint8_t *p = (const uint8_t *)b->data;
	size_t at = 0;

	for (uint64_t k = 0; k < b->n; k++) {
		size_t len = b->size - at >= LAYOUT_PREFIX ? (size_t)p[at] << 8 | p[at + 1] : 0;

		if (!len || len > b->size - at - LAYOUT_PREFIX)
			return -EBADMSG;
		b->off[k] = (uint32_t)at;
		at += LAYOUT_PREFIX + len;
		b->off[k + 1] = (uint32_t)at;
	}
	return 0;
}

struct span far_leaf(const struct far_bundle *b, uint64_t k)
{
	return (struct span){b->data + b->off[k] + LAYOUT_PREFIX, b->off[k + 1] - b->off[k] - LAYOUT_PREFIX};
}

/* Are its leaves those that were signed? */
static int prove_bundle(struct far *f, uint64_t index, const struct far_bundle *b, struct err *e)
{
	struct hash folded, above;
	int r;

	if (b->n < LEDGER_BUNDLE)
		return memcmp(b->leaf, f->partial[0].h, b->n * sizeof(b->leaf[0])) ? -EBADMSG : 0;
	r = far_hash(f, 1, index, &above, e);
	if (r)
		return r;
	tree_fold(b->leaf, LEDGER_BUNDLE, &folded);
	return memcmp(&folded, &above, sizeof(above)) ? -EBADMSG : 0;
}

int far_bundle(struct far *f, uint64_t index, struct far_bundle *b, struct err *e)
{
	struct err why = {""};
	int r;

	memset(b, 0, sizeof(*b));
	b->at = index * LEDGER_BUNDLE;
	if (index > UINT64_MAX / LEDGER_BUNDLE || b->at >= f->checkpoint.size)
		return err_set(e, ERANGE, "%.80s: no record %" PRIu64, f->origin, b->at);
	b->n = f->checkpoint.size - b->at < LEDGER_BUNDLE ? f->checkpoint.size - b->at : LEDGER_BUNDLE;
	r = get_tile(f, "entries", index, b->n, FAR_BUNDLE_MAX, &b->data, &b->size, e);
	if (r) {
		err_prefix(e, "%.80s: records %" PRIu64 " to %" PRIu64, f->origin, b->at, b->at + b->n - 1);
		return r;
	}
	r = far_bundle_parse(b);
	for (uint64_t k = 0; k < b->n && !r; k++) {
		struct span leaf = far_leaf(b, k);

		tree_leaf_hash(leaf.p, leaf.n, &b->leaf[k]);
	}
	if (!r)
		r = prove_bundle(f, index, b, &why);
	if (r == -EBADMSG && !why.text[0])
		return err_set(e, EBADMSG, "%.80s: records %" PRIu64 " to %" PRIu64 " that are served are not those that "
			"were signed", f->origin, b->at, b->at + b->n - 1);
	b->size = b->off[b->n];
	return r ? err_set(e, -r, "%s", why.text) : 0;
}

void far_bundle_free(struct far_bundle *b)
{
	free(b->data);
	b->data = NULL;
}
