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
 * Is @index in a segment whose file is not there? Then so are all of *begin to *end - 1, however many: told
 * at once, as far as they are wanted, unless a pruning has removed them meanwhile.
 */
static bool in_hole(struct scan *s, uint64_t index, uint64_t from, uint64_t to, uint64_t *begin, uint64_t *end)
{
	if (!ledger_reader_hole(s->reader, index, begin, end))
		return false;
	if (ledger_reader_refresh(s->reader, NULL) >= 0 && ledger_reader_first(s->reader) > index)
		return true;
	s->damaged(s->ctx, *begin < from ? from : *begin, *end > to ? to : *end,
		"the files of their segments are missing, or no regular files");
	return true;
}

/*
 * Read the bundle of @index: entries *begin to *end - 1, as far as from <= entry < to is concerned.
 * What of them cannot be read is told. False if nothing of it is to be visited.
 */
static bool load(struct scan *s, uint64_t index, uint64_t from, uint64_t to, uint64_t *begin,
	uint64_t *end)
{
	uint64_t first = ledger_reader_first(s->reader), last = ledger_reader_end(s->reader);
	struct err e = {"its bundle cannot be read"};
	uint64_t count = 0;

	if (in_hole(s, index, from, to, begin, end))
		return false;
	*begin = index / LEDGER_BUNDLE * LEDGER_BUNDLE;
	*end = *begin + LEDGER_BUNDLE;
	if (*begin < first)
		*begin = first;
	if (*end > last)
		*end = last;
	s->bundle.n = 0;
	s->bundle.base = *begin;
	if (out_of_time(s, index))
		return false;
	if (ledger_reader_bundle(s->reader, *begin, &s->bundle.bytes, &s->bundle.base, &count, &e) == 0) {
		if (s->bundle.base <= *begin)
			split(s, count);
	} else if (ledger_reader_refresh(s->reader, NULL) >= 0 &&
		   ledger_reader_first(s->reader) > *begin) {
		return false; /* removed meanwhile, as --keep says */
	}
	*begin = s->bundle.base;
	first = *begin + s->bundle.n;
	if (first < from)
		first = from;
	if (to > *end)
		to = *end;
	if (first < to)
		s->damaged(s->ctx, first, to, count ? "an entry's length does not fit" : e.text);
	return s->bundle.n && (!s->select || s->select(s->ctx, &s->bundle));
}

int scan_forward(struct scan *s, uint64_t from, uint64_t to)
{
	const struct scan_bundle *b = &s->bundle;
	uint64_t begin, end;
	int r;

	for (; from < to; from = end) {
		if (!load(s, from, from, to, &begin, &end))
			continue;
		for (uint64_t i = from; i < end && i < to && i - begin < b->n; i++) {
			if (b->skip[i - begin])
				continue;
			r = s->visit(s->ctx, b->leaf[i - begin], i);
			if (r)
				return r;
		}
	}
	return 0;
}

int scan_backward(struct scan *s, uint64_t from, uint64_t to)
{
	const struct scan_bundle *b = &s->bundle;
	uint64_t begin, end;
	int r;

	for (; from < to; to = begin) {
		if (!load(s, to - 1, from, to, &begin, &end))
			continue;
		for (uint64_t i = to; i-- > begin && i >= from;) {
			if (i - begin >= b->n || b->skip[i - begin])
				continue;
			r = s->visit(s->ctx, b->leaf[i - begin], i);
			if (r)
				return r;
		}
	}
	return 0;
}
