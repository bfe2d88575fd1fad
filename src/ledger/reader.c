/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reader.c - read leaves by index, a bundle (256 leaves) at a time, beside a live writer.
 *
 * The index file is believed only as far as the entries agree with it; where they do not, the segment's
 * length prefixes are walked instead. Files are read, not mapped: one cut short under us is an error, not
 * a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "ledger/pruned.h"
#include "ledger/seal.h"
#include "ledger/survey.h"

#define BUNDLE_MAX (LEDGER_BUNDLE * (LAYOUT_PREFIX + LAYOUT_LEAF_MAX)) /* bytes of the largest bundle */

struct ledger_reader {
	int dir, watch;
	uint64_t first;
	struct survey survey; /* of when it was opened; later segments follow one on another */

	/* The end: whole entries of the last segment, and the offset after them. */
	uint64_t tail_segment, tail_n, tail_off;
	uint64_t sealed;  /* what the checkpoint claimed when it was opened */
	uint64_t claimed; /* the end, where the last segment cannot be read: what was signed */

	/* The open segment and where its bundles end. */
	bool have_segment, walked;
	uint64_t segment;
	int fd;
	uint64_t n_rows;
	struct index_row rows[LAYOUT_ROWS];

	/* The bundle in memory: entry k begins at at[k]. */
	uint8_t *buf;
	size_t cap;
	uint64_t base;
	uint32_t count, at[LEDGER_BUNDLE + 1];

	uint64_t pos;
};

static int open_kind(const struct ledger_reader *r, uint64_t segment, const char *kind)
{
	char name[LAYOUT_NAME];

	layout_segment(name, segment, kind);
	return file_open(r->dir, name);
}

/* The rows of a segment's index that can be true for @size bytes of entries. Returns how many. */
static uint64_t load_rows(const struct ledger_reader *r, uint64_t segment, uint64_t size,
	struct index_row *rows)
{
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];
	int fd = open_kind(r, segment, "index");
	uint64_t n, before = 0;
	long got;

	if (fd < 0)
		return 0;
	got = file_pread(fd, raw, sizeof(raw), 0);
	close(fd);
	for (n = 0; got > 0 && n < (uint64_t)got / LAYOUT_ROW; n++) {
		index_row_get(raw + n * LAYOUT_ROW, &rows[n]);
		/* A bundle has at least 256 entries of 3 bytes. */
		if (rows[n].end > size || rows[n].end < before + 3 * LEDGER_BUNDLE)
			break;
		before = rows[n].end;
	}
	return n;
}

/* Walk whole entries from the known end on. 1 if there were any. */
static int walk_tail(struct ledger_reader *r, int fd)
{
	struct entries s;
	struct span leaf;
	int x, grew = 0;

	x = entries_open(&s, fd, r->tail_off, UINT64_MAX);
	while (!x && r->tail_n < LEDGER_SEGMENT && (x = entries_next(&s, &leaf)) == 1) {
		r->tail_n++;
		r->tail_off = s.off;
		grew = 1;
		x = 0;
	}
	entries_close(&s);
	return x < 0 ? x : grew;
}

/* Start at the last index row instead of the first entry. */
static void start_tail(struct ledger_reader *r, uint64_t segment, uint64_t size)
{
	struct index_row rows[LAYOUT_ROWS];
	uint64_t n = load_rows(r, segment, size, rows);

	r->tail_segment = segment;
	r->tail_n = n * LEDGER_BUNDLE;
	r->tail_off = n ? rows[n - 1].end : 0;
}

/* The last segment cannot be read to its end. What of it was signed is there for all that. */
static int unreadable(struct ledger_reader *r, int error, struct err *e)
{
	if (error != -ENOENT && r->sealed > ledger_reader_end(r) &&
		(r->sealed - 1) / LEDGER_SEGMENT == r->tail_segment) {
		r->claimed = r->sealed;
		return 0;
	}
	return err_set(e, -error, "ledger: cannot read segment %" PRIu64 ": %s", r->tail_segment,
		file_strerror(error));
}

int ledger_reader_refresh(struct ledger_reader *r, struct err *e)
{
	struct pruned pruned;
	char events[4096];
	int grew = 0, x;

	if (r->count < LEDGER_BUNDLE)
		r->count = 0; /* the bundle in memory may have grown */
	while (r->watch >= 0 && read(r->watch, events, sizeof(events)) > 0)
		continue;
	x = pruned_load(r->dir, &pruned);
	if (x)
		return err_set(e, -x, "ledger: its file 'first' is damaged%s%s", x == -EBADMSG ? "" : ": ",
			x == -EBADMSG ? "" : file_strerror(x));
	r->first = pruned.first;
	for (;;) {
		int fd = open_kind(r, r->tail_segment, "entries");
		int64_t size;

		if (fd == -ENOENT && r->tail_n == 0)
			return grew;
		size = fd < 0 ? fd : file_size(fd);
		if (size < 0) {
			if (fd >= 0)
				close(fd);
			x = unreadable(r, (int)size, e);
			return x ? x : grew;
		}
		if ((uint64_t)size < r->tail_off || r->tail_off == 0) {
			/* Cut by a recovery, or not looked at yet. */
			uint64_t before = r->tail_n;

			start_tail(r, r->tail_segment, (uint64_t)size);
			r->have_segment = false;
			r->count = 0;
			grew = grew || r->tail_n > before;
		}
		x = walk_tail(r, fd);
		close(fd);
		if (x < 0) {
			x = unreadable(r, x, e);
			return x ? x : grew;
		}
		r->claimed = 0;
		grew |= x;
		if (r->tail_n < LEDGER_SEGMENT)
			return grew;
		fd = open_kind(r, r->tail_segment + 1, "entries");
		if (fd < 0)
			return grew;
		close(fd);
		if (survey_add(&r->survey, r->tail_segment))
			return err_set(e, ENOMEM, "out of memory");
		r->tail_segment++;
		r->tail_n = r->tail_off = 0;
	}
}

int ledger_reader_open(struct ledger_reader **out, const char *dir, struct err *e)
{
	struct ledger_reader *r = calloc(1, sizeof(*r));
	struct pruned pruned;
	int x;

	if (!r)
		return err_set(e, ENOMEM, "out of memory");
	r->fd = r->watch = -1;
	r->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0) {
		x = err_set(e, errno, "ledger %.200s: %s", dir, strerror(errno));
		goto fail;
	}
	/* Before the segments: what it covers is then in them. Without one, all that follows on is read. */
	seal_size_at(r->dir, &r->sealed);
	x = survey_load(r->dir, &r->survey);
	if (x) {
		x = err_set(e, -x, "ledger %.200s: not a ledger (no directory 'log': %s)", dir,
			strerror(-x));
		goto fail;
	}
	if (!pruned_load(r->dir, &pruned))
		r->tail_segment = survey_start(&r->survey, pruned.first, r->sealed);
	x = ledger_reader_refresh(r, e);
	if (x < 0)
		goto fail;
	r->pos = r->first;
	*out = r;
	return 0;
fail:
	ledger_reader_close(r);
	return x;
}

void ledger_reader_close(struct ledger_reader *r)
{
	int *fds[3];

	if (!r)
		return;
	fds[0] = &r->dir;
	fds[1] = &r->watch;
	fds[2] = &r->fd;
	for (unsigned i = 0; i < 3; i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
	survey_free(&r->survey);
	free(r->buf);
	free(r);
}

uint64_t ledger_reader_first(const struct ledger_reader *r)
{
	uint64_t end = ledger_reader_end(r);

	return r->first < end ? r->first : end;
}

uint64_t ledger_reader_end(const struct ledger_reader *r)
{
	uint64_t end = r->tail_segment * LEDGER_SEGMENT + r->tail_n;

	return end > r->claimed ? end : r->claimed;
}

bool ledger_reader_hole(const struct ledger_reader *r, uint64_t index, uint64_t *from, uint64_t *to)
{
	uint64_t segment = index / LEDGER_SEGMENT, next = r->tail_segment, before;

	if (segment >= r->tail_segment || survey_has(&r->survey, segment))
		return false;
	if (survey_next(&r->survey, segment, &before) && before < next)
		next = before;
	*from = survey_before(&r->survey, segment, &before) ? (before + 1) * LEDGER_SEGMENT : 0;
	if (*from < r->first)
		*from = r->first;
	*to = next * LEDGER_SEGMENT;
	return true;
}

uint64_t ledger_reader_count(const struct ledger_reader *r)
{
	uint64_t tail = r->tail_segment * LEDGER_SEGMENT, first = ledger_reader_first(r), end = ledger_reader_end(r);

	if (first >= tail)
		return end - first;
	return survey_count(&r->survey, first / LEDGER_SEGMENT, r->tail_segment) * LEDGER_SEGMENT + end - tail;
}

/*
 * The offsets of the open segment's bundles, from its length prefixes, instead of the index's: if these
 * lead to every entry there should be, or the index does not reach bundle @b. Otherwise it is the
 * entries that are damaged, and the index still leads to the bundles behind.
 */
static int walk_segment(struct ledger_reader *r, uint64_t b)
{
	struct index_row rows[LAYOUT_ROWS];
	uint64_t want = r->segment == r->tail_segment ? r->tail_n : LEDGER_SEGMENT, n = 0;
	struct entries s;
	struct span leaf;
	int x;

	x = entries_open(&s, r->fd, 0, UINT64_MAX);
	while (!x && n < LEDGER_SEGMENT && (x = entries_next(&s, &leaf)) == 1) {
		x = 0;
		if (++n % LEDGER_BUNDLE == 0)
			rows[n / LEDGER_BUNDLE - 1].end = s.off;
	}
	entries_close(&s);
	r->walked = true;
	if (n >= want || b > r->n_rows) {
		r->n_rows = n / LEDGER_BUNDLE;
		memcpy(r->rows, rows, r->n_rows * sizeof(rows[0]));
	}
	return x < 0 ? x : 0;
}

static int open_segment(struct ledger_reader *r, uint64_t segment, struct err *e)
{
	int64_t size;

	if (r->have_segment && r->segment == segment)
		return 0;
	if (r->fd >= 0)
		close(r->fd);
	r->have_segment = r->walked = false;
	r->fd = open_kind(r, segment, "entries");
	size = r->fd < 0 ? r->fd : file_size(r->fd);
	if (size < 0)
		return err_set(e, size == -ENOENT ? EBADMSG : (int)-size, "ledger: records %" PRIu64
			" to %" PRIu64 " cannot be read: segment %" PRIu64 ": %s",
			segment * LEDGER_SEGMENT, (segment + 1) * LEDGER_SEGMENT - 1, segment,
			file_strerror((int)size));
	r->segment = segment;
	r->n_rows = load_rows(r, segment, (uint64_t)size, r->rows);
	r->have_segment = true;
	return 0;
}

static int room(struct ledger_reader *r, size_t n)
{
	uint8_t *p;

	if (n <= r->cap)
		return 0;
	p = realloc(r->buf, n);
	if (!p)
		return -ENOMEM;
	r->buf = p;
	r->cap = n;
	return 0;
}

/* Entries in the first @n bytes of the buffer, at most @max. Returns how many are whole. */
static uint32_t parse(struct ledger_reader *r, size_t n, uint32_t max)
{
	uint32_t k = 0;
	size_t at = 0;

	r->at[0] = 0;
	while (k < max && n - at >= LAYOUT_PREFIX) {
		size_t len = (size_t)r->buf[at] << 8 | r->buf[at + 1];

		if (len == 0 || len > n - at - LAYOUT_PREFIX)
			break;
		at += LAYOUT_PREFIX + len;
		r->at[++k] = (uint32_t)at;
	}
	return k;
}

/* Do the first @n bytes of the buffer hold a length of zero, which no more bytes make an entry? */
static bool stuck(const struct ledger_reader *r, size_t n)
{
	size_t at = r->at[r->count];

	return n - at >= LAYOUT_PREFIX && !r->buf[at] && !r->buf[at + 1];
}

/* Bundle @b of the open segment, as far as rows tell. 1 loaded, 0 the rows are not right, -errno. */
static int load_bundle(struct ledger_reader *r, uint64_t b)
{
	uint64_t start = b ? r->rows[b - 1].end : 0, end;
	size_t chunk = 128 * 1024;
	uint32_t want = LEDGER_BUNDLE;
	int x;
	long got;

	if (b > r->n_rows)
		return 0;
	if (r->segment == r->tail_segment && r->tail_n - b * LEDGER_BUNDLE < want)
		want = (uint32_t)(r->tail_n - b * LEDGER_BUNDLE);
	end = b < r->n_rows ? r->rows[b].end : UINT64_MAX;
	if (b < r->n_rows && end - start > BUNDLE_MAX)
		return 0;
	for (;;) {
		if (b < r->n_rows)
			chunk = (size_t)(end - start);
		x = room(r, chunk);
		if (x)
			return x;
		got = file_pread(r->fd, r->buf, chunk, start);
		if (got < 0)
			return (int)got;
		r->count = parse(r, (size_t)got, want);
		if (r->count == want || (size_t)got < chunk || b < r->n_rows || chunk >= BUNDLE_MAX ||
			stuck(r, (size_t)got))
			break;
		chunk *= 2;
	}
	r->base = r->segment * LEDGER_SEGMENT + b * LEDGER_BUNDLE;
	return r->count == want && (b >= r->n_rows || want < LEDGER_BUNDLE ||
		r->at[want] == end - start);
}

/* Have the bundle of @index in memory. */
static int bundle(struct ledger_reader *r, uint64_t index, struct err *e)
{
	uint64_t b = index % LEDGER_SEGMENT / LEDGER_BUNDLE;
	int x;

	if (r->count && index >= r->base && index - r->base < r->count)
		return 0;
	r->count = 0;
	x = open_segment(r, index / LEDGER_SEGMENT, e);
	if (x)
		return x;
	x = load_bundle(r, b);
	if (x == 0 && !r->walked) {
		/* Grown since the index was read? */
		r->n_rows = load_rows(r, r->segment, UINT64_MAX, r->rows);
		x = load_bundle(r, b);
	}
	if (x == 0) {
		/* Damaged: the prefixes tell. */
		x = walk_segment(r, b);
		if (!x)
			x = load_bundle(r, b);
	}
	/* What is whole before a damage can still be read. */
	if (x >= 0 && r->count && index - r->base < r->count)
		return 0;
	r->count = 0;
	if (x < 0)
		return err_set(e, -x, "ledger: record %" PRIu64 ", in segment %" PRIu64 ": %s", index, r->segment,
			strerror(-x));
	return err_set(e, EBADMSG, "ledger: record %" PRIu64 " is damaged: the entries of its "
		"bundle in segment %" PRIu64 " end before it", index, r->segment);
}

int ledger_reader_seek(struct ledger_reader *r, uint64_t index, struct err *e)
{
	if (index < r->first || index > ledger_reader_end(r))
		return err_set(e, ERANGE, "ledger: no record %" PRIu64 " (it has %" PRIu64 " to %" PRIu64
			")", index, r->first, ledger_reader_end(r));
	r->pos = index;
	return 0;
}

static struct span leaf_at(const struct ledger_reader *r, uint64_t index)
{
	uint64_t k = index - r->base;

	return (struct span){(const char *)r->buf + r->at[k] + LAYOUT_PREFIX,
		r->at[k + 1] - r->at[k] - LAYOUT_PREFIX};
}

int ledger_reader_next(struct ledger_reader *r, struct span *leaf, uint64_t *index, struct err *e)
{
	int x;

	if (r->pos >= ledger_reader_end(r))
		return 0;
	x = bundle(r, r->pos, e);
	if (x)
		return x;
	*leaf = leaf_at(r, r->pos);
	*index = r->pos++;
	return 1;
}

int ledger_reader_prev(struct ledger_reader *r, struct span *leaf, uint64_t *index, struct err *e)
{
	int x;

	if (r->pos <= r->first)
		return 0;
	x = bundle(r, r->pos - 1, e);
	if (x)
		return x;
	*index = --r->pos;
	*leaf = leaf_at(r, r->pos);
	return 1;
}

int ledger_reader_bundle(struct ledger_reader *r, uint64_t index, struct span *bytes,
	uint64_t *base, uint64_t *count, struct err *e)
{
	int x;

	if (index < r->first || index >= ledger_reader_end(r))
		return err_set(e, ERANGE, "ledger: no record %" PRIu64, index);
	x = bundle(r, index, e);
	if (x)
		return x;
	*bytes = (struct span){(const char *)r->buf, r->at[r->count]};
	*base = r->base;
	*count = r->count;
	return 0;
}

/* The rows of @segment for a search by time; a bundle without a row is not ruled out. */
static uint64_t time_rows(const struct ledger_reader *r, uint64_t segment, struct index_row *rows)
{
	return load_rows(r, segment, UINT64_MAX, rows);
}

uint64_t ledger_reader_since(struct ledger_reader *r, int64_t time_us)
{
	uint64_t first = ledger_reader_first(r), end = ledger_reader_end(r);
	struct index_row rows[LAYOUT_ROWS];

	for (uint64_t s = first / LEDGER_SEGMENT; s <= r->tail_segment; s++) {
		uint64_t n = time_rows(r, s, rows), b = 0, at;

		while (b < n && rows[b].max_us < time_us)
			b++;
		if (b == LAYOUT_ROWS)
			continue;
		at = s * LEDGER_SEGMENT + b * LEDGER_BUNDLE;
		return at < first ? first : at < end ? at : end;
	}
	return end;
}

uint64_t ledger_reader_until(struct ledger_reader *r, int64_t time_us)
{
	uint64_t first = ledger_reader_first(r), end = ledger_reader_end(r);
	struct index_row rows[LAYOUT_ROWS];

	for (uint64_t s = r->tail_segment + 1; s-- > first / LEDGER_SEGMENT;) {
		uint64_t in = s == r->tail_segment ? r->tail_n : LEDGER_SEGMENT;
		uint64_t b = time_rows(r, s, rows);

		if (b * LEDGER_BUNDLE < in)
			return end < (s + 1) * LEDGER_SEGMENT ? end : (s + 1) * LEDGER_SEGMENT;
		while (b > 0 && rows[b - 1].min_us > time_us)
			b--;
		if (b) {
			uint64_t at = s * LEDGER_SEGMENT + b * LEDGER_BUNDLE;

			return at < end ? at : end;
		}
	}
	return first;
}

bool ledger_reader_times(struct ledger_reader *r, uint64_t index, int64_t *min_us, int64_t *max_us)
{
	uint64_t b = index % LEDGER_SEGMENT / LEDGER_BUNDLE;

	if (open_segment(r, index / LEDGER_SEGMENT, NULL) || r->walked || b >= r->n_rows)
		return false;
	*min_us = r->rows[b].min_us;
	*max_us = r->rows[b].max_us;
	return true;
}

int ledger_reader_watch(struct ledger_reader *r, struct err *e)
{
	char path[64];
	int log, x;

	if (r->watch >= 0)
		return r->watch;
	log = openat(r->dir, "log", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", log);
	x = r->watch < 0 || log < 0 || inotify_add_watch(r->watch, path,
		IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 ? errno : 0;
	if (log >= 0)
		close(log);
	if (!x)
		return r->watch;
	if (r->watch >= 0)
		close(r->watch);
	r->watch = -1;
	return err_set(e, x, "ledger: cannot watch for new records: %s", strerror(x));
}
