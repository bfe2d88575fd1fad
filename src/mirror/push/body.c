/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/push/body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ledger/file.h"
#include "ledger/layout.h"

#define GZIP_LEVEL 1 /* of a log it leaves a fifth; the levels above cost more time than the network */

/* Room for @n bytes more; NULL: no memory. */
static uint8_t *more(struct body *b, size_t n)
{
	if (b->n + n > b->cap) {
		size_t cap = 2 * (b->n + n);
		uint8_t *buf = realloc(b->buf, cap);

		if (!buf)
			return NULL;
		b->buf = buf;
		b->cap = cap;
	}
	return b->buf + b->n;
}

static int put_head(struct body *b, const struct wire_head *head)
{
	uint8_t *p = more(b, 20 + head->origin.n + head->ticket.n);

	if (!p)
		return -ENOMEM;
	b->n += wire_head_put(head, p);
	return 0;
}

/* Bytes of @count entries at @p, which has @n; -1: they are not all there. */
static long entries_bytes(const char *p, size_t n, uint64_t count)
{
	size_t at = 0;

	for (; count; count--) {
		size_t len;

		if (n - at < LAYOUT_PREFIX)
			return -1;
		len = (size_t)(uint8_t)p[at] << 8 | (uint8_t)p[at + 1];
		if (n - at - LAYOUT_PREFIX < len)
			return -1;
		at += LAYOUT_PREFIX + len;
	}
	return (long)at;
}

static int put_entries(struct body *b, struct ledger_reader *r, const struct wire_interval *at, struct err *e)
{
	uint64_t base, count;
	struct span bytes;
	long skip, n = -1;
	uint8_t *p;
	int x;

	if (at->start < ledger_reader_first(r))
		return err_set(e, ERANGE, "records from %" PRIu64 " on are wanted, and those below %" PRIu64
			" were pruned", at->start, ledger_reader_first(r));
	x = ledger_reader_bundle(r, at->start, &bytes, &base, &count, e);
	if (x)
		return x;
	skip = base == at->base ? entries_bytes(bytes.p, bytes.n, at->start - base) : -1;
	if (skip >= 0)
		n = entries_bytes(bytes.p + skip, bytes.n - (size_t)skip, at->end - at->start);
	if (n < 0)
		return err_set(e, EBADMSG, "records %" PRIu64 " to %" PRIu64 " are signed and not whole ('logvisor verify' "
			"tells more)", at->start, at->end - 1);
	p = more(b, (size_t)n);
	if (!p)
		return err_set(e, ENOMEM, "out of memory");
	memcpy(p, bytes.p + skip, (size_t)n);
	b->n += (size_t)n;
	return 0;
}

static int put_proof(struct body *b, struct hashes *h, const struct wire_interval *at, uint64_t size, struct err *e)
{
	struct hash proof[CONSISTENCY_MAX];
	uint8_t *p = more(b, WIRE_PROOF_MAX);
	size_t n;
	int r = p ? consistency_make(h, at->base, at->end, size, proof, &n) : -ENOMEM;

	if (r)
		return err_set(e, -r, "cannot prove records %" PRIu64 " to %" PRIu64 ": %s", at->start, at->end - 1,
			r == -ENODATA ? "their hashes are missing" : file_strerror(r));
	b->n += wire_proof_put(proof, n, p);
	return 0;
}

int body_build(struct body *b, struct ledger_reader *r, struct hashes *h, const struct wire_head *head, struct err *e)
{
	uint64_t packages = wire_packages(head->start, head->end);
	int x;

	b->n = 0;
	b->gzip = false;
	b->from = b->to = head->start;
	b->end = head->end;
	if (put_head(b, head))
		return err_set(e, ENOMEM, "out of memory");
	for (uint64_t i = 0; i < packages && i < WIRE_PACKAGES && b->n < BODY_ENOUGH; i++) {
		struct wire_interval at = wire_package(head->start, head->end, i);

		x = put_entries(b, r, &at, e);
		if (!x)
			x = put_proof(b, h, &at, head->end, e);
		if (x)
			return x;
		b->to = at.end;
	}
	return 0;
}

int body_gzip(struct body *b)
{
	struct body out = {.gzip = true, .from = b->from, .to = b->to, .end = b->end};
	z_stream z = {.next_in = b->buf, .avail_in = (uInt)b->n};
	uint8_t *p;
	int x;

	/* 15 bits of window, and 16: with a gzip header (zlib.h, deflateInit2). */
	if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	out.cap = deflateBound(&z, b->n);
	p = out.buf = malloc(out.cap);
	z.next_out = p;
	z.avail_out = (uInt)out.cap;
	x = p ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	out.n = z.total_out;
	deflateEnd(&z);
	if (x != Z_STREAM_END) {
		free(p);
		return -ENOMEM;
	}
	free(b->buf);
	*b = out;
	return 0;
}

void body_free(struct body *b)
{
	free(b->buf);
	memset(b, 0, sizeof(*b));
}
