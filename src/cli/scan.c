/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/scan.h"

/* Take the bundle's bytes apart: each entry is its length as a big-endian uint16, then the leaf. */
static void split(struct scan *s, uint64_t count)
{
	struct scan_bundle *b = &s->bundle;
	const unsigned char *p = (const unsigned char *)b->bytes.p, *end = p + b->bytes.n;

	if (count > LEDGER_BUNDLE)
		count = LEDGER_BUNDLE;
	while (b->n < count) {
		size_t len = end - p >= 2 ? (size_t)p[0] << 8 | p[1] : 0;

		if (len == 0 || (size_t)(end - p) - 2 < len)
			return;
		b->leaf[b->n] = (struct span){(const char *)p + 2, len};
		b->skip[b->n++] = false;
		p += 2 + len;
	}
}

/* Is all of the bundle of @index too old or too new? */
static bool out_of_time(const struct scan *s, uint64_t index)
{
	int64_t min, max;

	return (s->since_us > INT64_MIN || s->until_us < INT64_MAX) &&
		ledger_reader_times(s->reader, index, &min, &max) &&
		(max < s->since_us || min > s->until_us);
}

/*
 * Is @index in a segment whose file is not there? Then so are all of s->begin to s->end - 1, however many:
 * told at once, as far as they are wanted, unless a pruning has removed them meanwhile.
 */
static bool in_hole(struct scan *s, uint64_t index)
{
	if (!ledger_reader_hole(s->reader, index, &s->begin, &s->end))
		return false;
	if (ledger_reader_refresh(s->reader, NULL) >= 0 && ledger_reader_first(s->reader) > index)
		return true;
	s->damaged(s->ctx, s->begin < s->from ? s->from : s->begin, s->end > s->to ? s->to : s->end,
		"the files of their segments are missing, or no regular files");
	return true;
}

/*
 * Read the bundle of @index: entries s->begin to s->end - 1. What of them cannot be read, as far as what is
 * left is concerned, is told. False if nothing of it is to be visited.
 */
static bool load(struct scan *s, uint64_t index)
{
	uint64_t first = ledger_reader_first(s->reader), last = ledger_reader_end(s->reader), to = s->to;
	struct err e = {"its bundle cannot be read"};
	uint64_t count = 0;

	if (in_hole(s, index))
		return false;
	s->begin = index / LEDGER_BUNDLE * LEDGER_BUNDLE;
	s->end = s->begin + LEDGER_BUNDLE;
	if (s->begin < first)
		s->begin = first;
	if (s->end > last)
		s->end = last;
	s->bundle.n = 0;
	s->bundle.base = s->begin;
	if (out_of_time(s, index))
		return false;
	if (ledger_reader_bundle(s->reader, s->begin, &s->bundle.bytes, &s->bundle.base, &count, &e) == 0) {
		if (s->bundle.base <= s->begin)
			split(s, count);
	} else if (ledger_reader_refresh(s->reader, NULL) >= 0 &&
		   ledger_reader_first(s->reader) > s->begin) {
		return false; /* removed meanwhile, as --keep says */
	}
	s->begin = s->bundle.base;
	first = s->begin + s->bundle.n;
	if (first < s->from)
		first = s->from;
	if (to > s->end)
		to = s->end;
	if (first < to)
		s->damaged(s->ctx, first, to, count ? "an entry's length does not fit" : e.text);
	return s->bundle.n && (!s->select || s->select(s->ctx, &s->bundle));
}

void scan_begin(struct scan *s, uint64_t from, uint64_t to, bool backward)
{
	s->from = from;
	s->to = to;
	s->backward = backward;
	s->loaded = false;
}

/* Leave the bundle in hand behind. */
static void leave(struct scan *s)
{
	if (s->backward)
		s->to = s->begin < s->to ? s->begin : s->to - 1;
	else
		s->from = s->end > s->from ? s->end : s->from + 1;
	s->loaded = false;
}

bool scan_next(struct scan *s, struct span *leaf, uint64_t *index)
{
	const struct scan_bundle *b = &s->bundle;

	while (s->from < s->to) {
		uint64_t i = s->backward ? s->to - 1 : s->from;

		if (s->loaded && (i < s->begin || i >= s->end))
			s->loaded = false;
		if ((!s->loaded && !load(s, i)) || (!s->backward && i - s->begin >= b->n)) {
			leave(s);
			continue;
		}
		s->loaded = true;
		if (s->backward)
			s->to--;
		else
			s->from++;
		if (i - s->begin >= b->n || b->skip[i - s->begin])
			continue;
		*leaf = b->leaf[i - s->begin];
		*index = i;
		return true;
	}
	return false;
}
