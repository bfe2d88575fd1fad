/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * read.c - the monitoring interface: a path of tlog-tiles becomes a slice of a ledger's file (doc/format.md,
 * "Tiles"). Served is what is durable.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/layout.h"
#include "mirror/store/impl.h"
#include "util/cleanup.h"

#define TEXT "text/plain; charset=utf-8"
#define BYTES "application/octet-stream"

struct tile {
	bool entries;
	uint64_t level, n, width; /* width: 256, or of a partial one */
};

/* "x001/x234/067" up to the end or ".p". False if it is not written as it has to be. */
static bool parse_index(const char **path, uint64_t *out)
{
	const char *p = *path;
	bool more = true;
	uint64_t n = 0;

	for (unsigned i = 0; more; i++) {
		more = *p == 'x';
		p += more;
		for (unsigned d = 0; d < 3; d++, p++) {
			if (*p < '0' || *p > '9')
				return false;
			n = 10 * n + (uint64_t)(*p - '0');
		}
		/* No more elements than needed, and none that overflow. */
		if (i > 4 || (more && n == 0) || (more && *p++ != '/'))
			return false;
	}
	*path = p;
	*out = n;
	return true;
}

static bool parse_tile(const char *path, struct tile *t)
{
	size_t n = strcspn(path, "/");

	t->entries = n == 7 && !memcmp(path, "entries", n);
	t->level = 0;
	if (!t->entries && (!span_decimal((struct span){path, n}, &t->level) || t->level > 63))
		return false;
	path += n;
	if (*path++ != '/' || !parse_index(&path, &t->n))
		return false;
	t->width = LEDGER_BUNDLE;
	if (!*path)
		return true;
	return !strncmp(path, ".p/", 3) && span_decimal(span_of(path + 3), &t->width) && t->width > 0 &&
		t->width < LEDGER_BUNDLE;
}

static int open_kind(const struct origin *o, uint64_t segment, const char *kind)
{
	char name[LAYOUT_NAME];

	layout_segment(name, segment, kind);
	return file_open(o->dir, name);
}

/* Where the bundle's bytes are: by the index, then by the entries' lengths. @out->fd is open. */
static int find_bundle(const struct origin *o, const struct tile *t, struct resource *out)
{
	uint64_t segment = t->n / LAYOUT_ROWS, row = t->n % LAYOUT_ROWS, got_end = 0;
	_cleanup_fd_ int index = open_kind(o, segment, "index");
	uint8_t raw[LAYOUT_ROW];
	struct index_row before = {0}, is = {0};
	struct entries s;
	struct span leaf;
	int r = 1;

	if (index < 0)
		return index;
	if (row && file_pread(index, raw, sizeof(raw), (row - 1) * LAYOUT_ROW) != sizeof(raw))
		return -ENOENT;
	if (row)
		index_row_get(raw, &before);
	out->off = before.end;
	if (t->width == LEDGER_BUNDLE) {
		if (file_pread(index, raw, sizeof(raw), row * LAYOUT_ROW) != sizeof(raw))
			return -ENOENT;
		index_row_get(raw, &is);
		got_end = is.end;
	} else {
		r = entries_open(&s, out->fd, out->off, UINT64_MAX);
		if (r)
			return r;
		for (uint64_t i = 0; i < t->width && (r = entries_next(&s, &leaf)) == 1;)
			i++;
		got_end = s.off;
		entries_close(&s);
	}
	if (r < 0 || got_end < out->off)
		return r < 0 ? r : -EBADMSG;
	out->n = got_end - out->off;
	return r == 1 ? 0 : -ENOENT;
}

/* Does the tree of @size leaves have the tile? */
static bool has(const struct tile *t, uint64_t size)
{
	uint64_t n = t->level < LAYOUT_LEVELS ? size >> (8 * t->level) : 0;

	return n / LEDGER_BUNDLE > t->n || (n / LEDGER_BUNDLE == t->n && n % LEDGER_BUNDLE >= t->width);
}

static int find_tile(struct origin *o, const struct tile *t, struct resource *out)
{
	char name[LAYOUT_NAME];
	uint64_t size;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	size = ledger_committed(o->ledger);
	pthread_mutex_unlock(&o->lock);
	if (!has(t, size))
		return -ENOENT;
	out->type = BYTES;
	out->fixed = true;
	if (t->level) {
		layout_level(name, (unsigned)t->level);
		out->fd = file_open(o->dir, name);
	} else {
		out->fd = open_kind(o, t->n / LAYOUT_ROWS, t->entries ? "entries" : "hashes");
	}
	if (out->fd < 0)
		return out->fd;
	out->off = (t->level ? t->n : t->n % LAYOUT_ROWS) * LEDGER_BUNDLE * LEDGER_HASH;
	out->n = t->width * LEDGER_HASH;
	if (t->entries)
		r = find_bundle(o, t, out);
	if (!r && (uint64_t)file_size(out->fd) < out->off + out->n)
		r = -EBADMSG;
	if (r)
		close(out->fd);
	return r;
}

int origin_read(struct origin *o, const char *path, struct resource *out)
{
	struct tile t;
	int64_t n;

	if (!strncmp(path, "tile/", 5))
		return parse_tile(path + 5, &t) ? find_tile(o, &t, out) : -ENOENT;
	if (strcmp(path, "checkpoint") != 0 && strcmp(path, "vkey") != 0 && strcmp(path, "pending") != 0)
		return -ENOENT;
	*out = (struct resource){.fd = file_open(o->dir, path), .type = TEXT};
	n = out->fd < 0 ? out->fd : file_size(out->fd);
	if (n < 0)
		return (int)n;
	out->n = (uint64_t)n;
	return 0;
}
