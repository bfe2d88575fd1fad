/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/scan.h"

/* Take the bundle's bytes apart: each entry is its length as a big-endian uint16, then the leaf. */
static void split(struct scan *s, uint64_t count)
{
	struct scan_bundle *b = &s->bundle;
	const unsigned char *p = (const unsigned char *)b->bytes.p, *end = p + b->bytes.n;

	b->n = 0;
	if (count > LEDGER_BUNDLE)
		count = LEDGER_BUNDLE;
	while (b->n < count) {
		size_t len = end - p >= 2 ? (size_t)p[0] << 8 | p[1] : 0;

		if (len == 0 || (size_t)(end - p) - 2 < len) {
			s->damaged(s->ctx, b->base + b->n, b->base + count,
				"an entry's length does not fit");
			return;
		}
		b->leaf[b->n] = (struct span){(const char *)p + 2, len};
		b->skip[b->n++] = false;
		p += 2 + len;
	}
}

static uint64_t bundle_begin(uint64_t index)
{
	return index / LEDGER_BUNDLE * LEDGER_BUNDLE;
}

/* Read the bundle of @index. *begin and *end say what it should hold; false if it is to be skipped. */
static bool load(struct scan *s, uint64_t index, uint64_t *begin, uint64_t *end)
{
	struct err e = {"cannot be read"};
	uint64_t count;

	*begin = bundle_begin(index);
	*end = *begin + LEDGER_BUNDLE;
	if (ledger_reader_bundle(s->reader, index, &s->bundle.bytes, &s->bundle.base, &count, &e)) {
		s->damaged(s->ctx, *begin, *end, e.text);
		return false;
	}
	if (count == 0 || s->bundle.base > index || s->bundle.base + count <= index) {
		s->damaged(s->ctx, index, *end, "its bundle does not hold it");
		return false;
	}
	split(s, count);
	*begin = s->bundle.base;
	*end = s->bundle.base + count;
	return !s->select || s->select(s->ctx, &s->bundle);
}

int scan_forward(struct scan *s, uint64_t from, uint64_t to)
{
	const struct scan_bundle *b = &s->bundle;
	uint64_t begin, end;
	int r;

	for (; from < to; from = end) {
		if (!load(s, from, &begin, &end))
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
		if (!load(s, to - 1, &begin, &end))
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
