/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "record/meta.h"
#include "record/record.h"
#include "util/cleanup.h"

int part_init(struct part *p, const struct view *view)
{
	memset(p, 0, sizeof(*p));
	p->view = view;
	p->computed = malloc(LEDGER_SEGMENT * sizeof(struct hash));
	p->stored = malloc(LEDGER_SEGMENT * sizeof(struct hash));
	p->off = malloc((LEDGER_SEGMENT + 1) * sizeof(uint64_t));
	p->scratch = malloc(RECORD_LEAF_MAX);
	return p->computed && p->stored && p->off && p->scratch ? 0 : -ENOMEM;
}

void part_free(struct part *p)
{
	continuity_free(&p->continuity);
	free(p->computed);
	free(p->stored);
	free(p->off);
	free(p->scratch);
}

static void load_stored(struct part *p)
{
	_cleanup_fd_ int fd = view_open(p->view, p->segment, VIEW_HASHES);
	long got = fd < 0 ? 0 : file_pread(fd, p->stored, LEDGER_SEGMENT * LEDGER_HASH, 0);

	p->n_stored = got > 0 ? (uint32_t)(got / LEDGER_HASH) : 0;
}

static uint32_t load_rows(struct part *p, struct index_row *rows)
{
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];
	_cleanup_fd_ int fd = view_open(p->view, p->segment, VIEW_INDEX);
	long got = fd < 0 ? 0 : file_pread(fd, raw, sizeof(raw), 0);
	uint32_t n = got > 0 ? (uint32_t)(got / LAYOUT_ROW) : 0;

	p->no_index = fd < 0 ? fd : 0;
	for (uint32_t i = 0; i < n; i++)
		index_row_get(raw + (size_t)i * LAYOUT_ROW, &rows[i]);
	return n;
}

/* A change of the key that the record tells of. */
static void look_at_rekey(struct part *p, const struct record *r, uint32_t k)
{
	struct span old = meta_get(r, "old");

	if (p->n_rekeys < PART_REKEYS && !vkey_parse(old.p, old.n, &p->rekey[p->n_rekeys].old, NULL))
		p->rekey[p->n_rekeys++].at = part_index(p, k);
}

/* What the leaf says of itself. */
static void look_at(struct part *p, struct span leaf, uint32_t k, struct index_row *row)
{
	enum meta_kind kind;
	struct record r;
	struct err e;

	e.text[0] = '\0';
	if (record_decode(leaf.p, leaf.n, &r, p->scratch, RECORD_LEAF_MAX, &e)) {
		if (p->n_bad < PART_BAD) {
			p->bad[p->n_bad].at = k;
			snprintf(p->bad[p->n_bad].text, sizeof(p->bad[0].text), "%.150s", e.text);
		}
		p->n_bad++;
		return;
	}
	if (r.time_us < row->min_us)
		row->min_us = r.time_us;
	if (r.time_us > row->max_us)
		row->max_us = r.time_us;
	if (p->host && !span_is(r.host, p->host) && !p->other.n++) {
		p->other.first = part_index(p, k);
		snprintf(p->other.host, sizeof(p->other.host), "%.*s", (int)r.host.n, r.host.p);
	}
	continuity_add(&p->continuity, &r, part_index(p, k));
	if (meta_is(&r, &kind) && kind == META_REKEY)
		look_at_rekey(p, &r, k);
}

/* Forget what an earlier walk over the same segment found out. */
static void forget(struct part *p)
{
	p->off[0] = 0;
	continuity_free(&p->continuity);
	p->n = 0;
	p->n_bad = 0;
	p->n_rekeys = 0;
	p->other.n = 0;
	p->has_time = false;
	p->min_us = INT64_MAX;
	p->max_us = INT64_MIN;
}

static void close_bundle(struct part *p, uint32_t b, struct index_row *row, struct index_row *rows)
{
	row->end = p->off[p->n];
	rows[b] = *row;
	if (row->min_us <= row->max_us) {
		p->has_time = true;
		if (row->min_us < p->min_us)
			p->min_us = row->min_us;
		if (row->max_us > p->max_us)
			p->max_us = row->max_us;
	}
	*row = (struct index_row){0, INT64_MAX, INT64_MIN};
}

/* Entry after entry from offset @start on, by their lengths alone. */
static int walk(struct part *p, int fd, uint64_t start, struct index_row *rows)
{
	struct index_row row = {0, INT64_MAX, INT64_MIN};
	struct entries s;
	struct span leaf;
	int r;

	r = entries_open(&s, fd, start, UINT64_MAX);
	while (!r && p->n < LEDGER_SEGMENT && (r = entries_next(&s, &leaf)) == 1) {
		r = 0;
		p->off[p->n] = s.off - leaf.n - LAYOUT_PREFIX;
		tree_leaf_hash(leaf.p, leaf.n, &p->computed[p->n]);
		look_at(p, leaf, p->n, &row);
		p->off[++p->n] = s.off;
		if (p->n % LEDGER_BUNDLE == 0)
			close_bundle(p, p->n / LEDGER_BUNDLE - 1, &row, rows);
	}
	if (p->n % LEDGER_BUNDLE)
		close_bundle(p, p->n / LEDGER_BUNDLE, &row, rows);
	entries_close(&s);
	return r < 0 ? r : 0;
}

static int walk_plain(struct part *p, int fd, struct index_row *rows)
{
	forget(p);
	return walk(p, fd, 0, rows);
}

/*
 * In a bundle whose lengths do not add up: where, after entry @k at @at, do the entries go on? There,
 * where they reach the bundle's end exactly and the next one has its stored hash. 0 if nowhere.
 */
static size_t resume(const struct part *p, const uint8_t *buf, size_t at, size_t end, uint32_t k)
{
	uint32_t in = k % LEDGER_BUNDLE;
	struct hash h;

	for (size_t next = at + LAYOUT_PREFIX + 1; next <= end; next++) {
		size_t o = next;
		uint32_t left = LEDGER_BUNDLE - 1 - in;

		for (; left && end - o > LAYOUT_PREFIX; left--) {
			size_t n = (size_t)buf[o] << 8 | buf[o + 1];

			if (n == 0 || n > end - o - LAYOUT_PREFIX)
				break;
			o += LAYOUT_PREFIX + n;
		}
		if (left || o != end)
			continue;
		if (next == end)
			return next;
		tree_leaf_hash(buf + next + LAYOUT_PREFIX,
			(size_t)buf[next] << 8 | buf[next + 1], &h);
		if (k + 1 < p->n_stored && !memcmp(&h, &p->stored[k + 1], sizeof(h)))
			return next;
	}
	return 0;
}

/* One bundle, whose place the index tells. Entries that cannot be found get the offset PART_NOWHERE. */
static void guided_bundle(struct part *p, const uint8_t *buf, size_t size, uint64_t start,
	struct index_row *row)
{
	uint32_t first = p->n;
	size_t at = 0;
	bool resumed = false;

	for (uint32_t k = first; k < first + LEDGER_BUNDLE; k++) {
		size_t n = size - at > LAYOUT_PREFIX ? (size_t)buf[at] << 8 | buf[at + 1] : 0;
		bool length = false;
		struct hash h = {{0}};

		if (n && n <= size - at - LAYOUT_PREFIX)
			tree_leaf_hash(buf + at + LAYOUT_PREFIX, n, &h);
		else
			n = 0;
		if (n == 0 || (k < p->n_stored && memcmp(&h, &p->stored[k], sizeof(h)))) {
			size_t next = resumed || at >= size ? 0 : resume(p, buf, at, size, k);

			resumed = true;
			length = next && next - at - LAYOUT_PREFIX != n;
			if (next)
				n = next - at - LAYOUT_PREFIX;
		}
		if (n == 0) {
			memset(&p->computed[k], 0, sizeof(h));
			p->off[k] = PART_NOWHERE;
			at = size;
			continue;
		}
		if (n <= LAYOUT_LEAF_MAX)
			look_at(p, (struct span){(const char *)buf + at + LAYOUT_PREFIX, n}, k, row);
		tree_leaf_hash(buf + at + LAYOUT_PREFIX, n, &p->computed[k]);
		p->off[k] = start + at;
		if (length) {
			memset(&p->computed[k], 0, sizeof(h));
			p->off[k] = PART_LENGTH;
		}
		at += LAYOUT_PREFIX + n;
	}
	p->n = first + LEDGER_BUNDLE;
	p->off[p->n] = start + size;
}

/* Bundle by bundle, each where the index says it is. 0 if the index is no guide. */
static int walk_guided(struct part *p, int fd, const struct index_row *guide, uint32_t n,
	struct index_row *rows)
{
	struct index_row row = {0, INT64_MAX, INT64_MIN};
	uint64_t start = 0;
	int r;

	forget(p);
	for (uint32_t b = 0; b < n; b++) {
		uint64_t size = guide[b].end - start;
		_cleanup_free_ uint8_t *buf = NULL;

		if (guide[b].end < start ||
			size > (uint64_t)LEDGER_BUNDLE * (LAYOUT_PREFIX + LAYOUT_LEAF_MAX))
			return 0;
		buf = malloc(size + 1);
		if (!buf)
			return -ENOMEM;
		if (file_pread(fd, buf, size, start) != (long)size)
			return 0;
		guided_bundle(p, buf, size, start, &row);
		close_bundle(p, b, &row, rows);
		start = guide[b].end;
	}
	r = walk(p, fd, start, rows);
	return r ? r : 1;
}

static uint32_t agreeing(const struct part *p)
{
	uint32_t n = 0, max = p->n < p->n_stored ? p->n : p->n_stored;

	for (uint32_t i = 0; i < max; i++)
		n += !memcmp(&p->computed[i], &p->stored[i], sizeof(struct hash));
	return n;
}

static void check_rows(struct part *p, const struct index_row *is, const struct index_row *rows,
	uint32_t n)
{
	p->bad_rows = 0;
	for (uint32_t b = 0; b < p->n / LEDGER_BUNDLE; b++) {
		/* Beside a writer, rows of what is not signed yet may be missing, or half written. */
		if ((b + 1) * LEDGER_BUNDLE > p->covered || (b >= n && p->covered < LEDGER_SEGMENT))
			break;
		if (b < n && rows[b].end == is[b].end && rows[b].min_us <= is[b].min_us &&
			rows[b].max_us >= is[b].max_us)
			continue;
		if (!p->bad_rows++)
			p->bad_row = b;
	}
}

void part_run(struct part *p, uint64_t segment, uint32_t covered)
{
	struct index_row rows[LAYOUT_ROWS], is[LAYOUT_ROWS];
	_cleanup_fd_ int fd = -1;
	uint32_t n_rows;
	int64_t size;

	p->segment = segment;
	p->covered = covered;
	p->same = p->missing = false;
	p->no_entries = p->no_index = 0;
	p->bad_rows = p->n_stored = 0;
	p->torn = 0;
	p->error = 0;
	forget(p);
	fd = view_open(p->view, p->segment, VIEW_ENTRIES);
	if (fd < 0) {
		p->no_entries = fd;
		p->missing = file_absent(fd);
		p->error = p->missing ? 0 : fd;
		return;
	}
	n_rows = load_rows(p, rows);
	p->error = walk_plain(p, fd, is);
	if (p->error)
		return;
	load_stored(p);
	size = file_size(fd);
	p->torn = size > (int64_t)p->off[p->n] ? (uint64_t)size - p->off[p->n] : 0;
	p->same = p->n >= covered && p->n_stored >= covered &&
		!memcmp(p->computed, p->stored, covered * sizeof(struct hash));
	if (!p->same && n_rows) {
		/* One wrong length derails all that follows; the index knows where to go on. */
		uint32_t plain = agreeing(p);
		int r = walk_guided(p, fd, rows, n_rows, is);

		if (r <= 0 || agreeing(p) <= plain)
			r = walk_plain(p, fd, is);
		p->torn = size > (int64_t)p->off[p->n] ? (uint64_t)size - p->off[p->n] : 0;
		p->error = r < 0 ? r : 0;
	}
	check_rows(p, is, rows, n_rows);
	for (uint32_t b = 0; b < p->n / LEDGER_BUNDLE; b++)
		tree_fold(p->computed + (size_t)b * LEDGER_BUNDLE, LEDGER_BUNDLE, &p->up[b]);
}
