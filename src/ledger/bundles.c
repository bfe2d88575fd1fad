/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/bundles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/layout.h"
#include "util/cleanup.h"

static int gather(struct bundle *b, struct span leaf)
{
	size_t need = b->used + LAYOUT_PREFIX + leaf.n;

	if (need > b->cap) {
		uint8_t *buf = realloc(b->buf, 2 * need);

		if (!buf)
			return -ENOMEM;
		b->buf = buf;
		b->cap = 2 * need;
	}
	memcpy(b->buf + b->used, leaf.p - LAYOUT_PREFIX, LAYOUT_PREFIX + leaf.n);
	b->used = need;
	tree_leaf_hash(leaf.p, leaf.n, &b->leaf[b->n++]);
	return 0;
}

/* A segment's entries, and where the index says that its bundles end. */
struct segment {
	int fd;
	struct entries s;
	uint8_t rows[LAYOUT_ROWS * LAYOUT_ROW];
	uint64_t n_rows;
};

/* 0 or the -errno of what cannot be read. */
static int open_segment(const struct view *v, uint64_t segment, struct segment *g)
{
	_cleanup_fd_ int index = view_open(v, segment, VIEW_INDEX);
	long got = index < 0 ? 0 : file_pread(index, g->rows, sizeof(g->rows), 0);

	g->n_rows = got > 0 ? (uint64_t)got / LAYOUT_ROW : 0;
	g->s.buf = NULL;
	g->fd = view_open(v, segment, VIEW_ENTRIES);
	return g->fd < 0 ? g->fd : entries_open(&g->s, g->fd, 0, UINT64_MAX);
}

static void close_segment(struct segment *g)
{
	entries_close(&g->s);
	if (g->fd >= 0)
		close(g->fd);
}

/* Where bundle @b ends, by the index; UINT64_MAX if it does not tell. */
static uint64_t bundle_end(const struct segment *g, uint64_t b)
{
	struct index_row row = {.end = UINT64_MAX};

	if (b < g->n_rows)
		index_row_get(g->rows + b * LAYOUT_ROW, &row);
	return row.end;
}

/* Go on at @off, and read no further than @limit. False: no memory, or @off is not known. */
static bool go_to(struct segment *g, uint64_t off, uint64_t limit)
{
	entries_close(&g->s);
	return off != UINT64_MAX && !entries_open(&g->s, g->fd, off, limit);
}

/* @n leaves from @at on. 1; 0 with @e: they cannot be read; -ENOMEM. */
static int next_bundle(struct segment *g, struct bundle *b, uint64_t at, uint64_t n, struct err *e)
{
	struct span leaf;
	int r;

	b->at = at;
	for (b->used = b->n = 0; b->n < n;) {
		r = entries_next(&g->s, &leaf);
		if (r < 0)
			err_set(e, -r, "record %" PRIu64 ": segment %" PRIu64 ": %s", at + b->n, at / LEDGER_SEGMENT,
				strerror(-r));
		if (r == 0)
			err_set(e, EBADMSG, "record %" PRIu64 " is damaged: the entries of segment %" PRIu64
				" end before it", at + b->n, at / LEDGER_SEGMENT);
		if (r <= 0)
			return 0;
		if (gather(b, leaf))
			return -ENOMEM;
	}
	return 1;
}

/* Leaves @at to @end - 1, of one segment. */
static int run_segment(struct bundles *o, struct bundle *b, uint64_t at, uint64_t end, struct err *e)
{
	struct segment g;
	int r = open_segment(o->view, at / LEDGER_SEGMENT, &g), x = r;

	if (r && r != -ENOMEM) {
		err_set(o->unreadable ? NULL : &o->why, EBADMSG, "records %" PRIu64 " to %" PRIu64 ": segment %" PRIu64
			": %s", at, end - 1, at / LEDGER_SEGMENT, file_strerror(r));
		o->unreadable += end - at;
		at = end;
		r = x = 0;
	}
	while (!r && at < end) {
		uint64_t from = g.s.off, to = bundle_end(&g, at % LEDGER_SEGMENT / LEDGER_BUNDLE);
		uint64_t n = end - at < LEDGER_BUNDLE ? end - at : LEDGER_BUNDLE;
		struct err *why = o->unreadable ? NULL : &o->why;

		/* No byte behind it, which the disk may not give; unless the index is wrong. */
		g.s.limit = to;
		x = next_bundle(&g, b, at, n, why);
		if (x == 0 && go_to(&g, from, UINT64_MAX))
			x = next_bundle(&g, b, at, n, why);
		if (x == 1) {
			r = o->take(o->ctx, b, e);
		} else if (x == 0) {
			if (to <= from || !go_to(&g, to, UINT64_MAX))
				n = end - at;
			o->unreadable += n;
		} else {
			r = x;
		}
		at += n;
	}
	close_segment(&g);
	return x < 0 ? err_set(e, ENOMEM, "out of memory") : r;
}

int bundles_run(struct bundles *o, struct err *e)
{
	struct bundle b = {.buf = NULL};
	int r = 0;

	for (uint64_t at = o->first; at < o->size && !r; at += LEDGER_SEGMENT)
		r = run_segment(o, &b, at, at + LEDGER_SEGMENT < o->size ? at + LEDGER_SEGMENT : o->size, e);
	free(b.buf);
	return r;
}
