/* SPDX-License-Identifier: BSD-3-Clause */
/* wire_reader.c - add-entries read as it comes in. What lies in the buffer is looked at once. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/layout.h"
#include "mirror/wire.h"

#define WIRE_CHUNK 65536

static uint64_t get_be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

void wire_reader_init(struct wire_reader *r)
{
	memset(r, 0, sizeof(*r));
}

void wire_reader_free(struct wire_reader *r)
{
	free(r->buf);
	free(r->kept);
	r->buf = r->kept = NULL;
}

int wire_feed(struct wire_reader *r, const void *data, size_t n)
{
	if (r->last == WIRE_END || n == 0)
		return 0;
	if (r->used) {
		memmove(r->buf, r->buf + r->used, r->len - r->used);
		r->len -= r->used;
		r->used = 0;
	}
	if (r->len + n > r->cap) {
		size_t cap = r->cap ? r->cap : WIRE_CHUNK;
		uint8_t *buf;

		while (cap < r->len + n)
			cap += cap / 2;
		buf = realloc(r->buf, cap);
		if (!buf)
			return -ENOMEM;
		r->buf = buf;
		r->cap = cap;
	}
	memcpy(r->buf + r->len, data, n);
	r->len += n;
	return 0;
}

/* The head, if it is whole; its bytes are kept aside, for the buffer moves. */
static int next_head(struct wire_reader *r, struct err *e)
{
	const uint8_t *p = r->buf;
	size_t origin, ticket, n;

	if (r->len < 2)
		return WIRE_MORE;
	origin = get_be(p, 2);
	n = 2 + origin + 8 + 8 + 2;
	if (r->len < n)
		return WIRE_MORE;
	ticket = get_be(p + n - 2, 2);
	n += ticket;
	if (r->len < n)
		return WIRE_MORE;
	r->kept = malloc(n);
	if (!r->kept)
		return err_set(e, ENOMEM, "out of memory");
	memcpy(r->kept, p, n);
	r->head = (struct wire_head){
		.origin = {(const char *)r->kept + 2, origin},
		.start = get_be(p + 2 + origin, 8),
		.end = get_be(p + 2 + origin + 8, 8),
		.ticket = {(const char *)r->kept + n - ticket, ticket},
	};
	if (r->head.start > r->head.end)
		return err_set(e, EBADMSG, "an upload of entries %" PRIu64 " to %" PRIu64 ", which is before it",
			r->head.start, r->head.end);
	r->used = n;
	return WIRE_HEAD;
}

/* Step over the entries that are whole. 0 when the package has all of its; else WIRE_MORE, or -EBADMSG. */
static int scan_entries(struct wire_reader *r, uint64_t want, struct err *e)
{
	const uint8_t *p = r->buf + r->used;
	size_t left = r->len - r->used;

	while (r->have < want) {
		size_t n, at = r->scanned;

		if (left - at < LAYOUT_PREFIX)
			return -EAGAIN;
		n = get_be(p + at, LAYOUT_PREFIX);
		if (n == 0)
			return err_set(e, EBADMSG, "entry %" PRIu64 " has no bytes",
				r->package.at.start + r->have);
		if (left - at < LAYOUT_PREFIX + n)
			return -EAGAIN;
		tree_leaf_hash(p + at + LAYOUT_PREFIX, n, &r->package.leaf[r->have]);
		r->scanned += LAYOUT_PREFIX + n;
		r->have++;
	}
	return 0;
}

static int next_package(struct wire_reader *r, struct err *e)
{
	struct wire_package *k = &r->package;
	const uint8_t *p;
	size_t left;
	int x;

	k->at = wire_package(r->head.start, r->head.end, r->next);
	x = scan_entries(r, k->at.end - k->at.start, e);
	if (x)
		return x == -EAGAIN ? WIRE_MORE : x;
	p = r->buf + r->used + r->scanned;
	left = r->len - r->used - r->scanned;
	if (left < 1)
		return WIRE_MORE;
	if (p[0] > CONSISTENCY_MAX)
		return err_set(e, EBADMSG, "a proof of %d hashes; %d are the most", p[0], CONSISTENCY_MAX);
	if (left < 1 + (size_t)p[0] * LEDGER_HASH)
		return WIRE_MORE;
	k->entries = (struct span){(const char *)r->buf + r->used, r->scanned};
	k->n_proof = p[0];
	memcpy(k->proof, p + 1, k->n_proof * LEDGER_HASH);
	r->used += r->scanned + 1 + k->n_proof * LEDGER_HASH;
	r->scanned = 0;
	r->have = 0;
	r->next++;
	return WIRE_PACKAGE;
}

int wire_next(struct wire_reader *r, struct err *e)
{
	int x;

	if (!r->kept)
		x = next_head(r, e);
	else if (r->next == wire_packages(r->head.start, r->head.end))
		x = WIRE_END;
	else
		x = next_package(r, e);
	if (x >= 0)
		r->last = (enum wire_item)x;
	return x;
}
