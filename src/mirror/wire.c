/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.c - the bodies that are text, and those parts of add-entries that are put together. */
#include "mirror/wire.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"

static size_t put_bytes(char *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return n;
}

int wire_checkpoint_put(const struct wire_checkpoint *c, char **body, size_t *n)
{
	char *p = malloc(32 + c->n_proof * (BASE64_LEN(LEDGER_HASH) + 1) + 1 + c->note.n);

	*body = p;
	if (!p)
		return -ENOMEM;
	p += sprintf(p, "old %" PRIu64 "\n", c->old);
	for (size_t i = 0; i < c->n_proof; i++) {
		base64_encode(c->proof[i].b, LEDGER_HASH, p);
		p += BASE64_LEN(LEDGER_HASH);
		*p++ = '\n';
	}
	*p++ = '\n';
	p += put_bytes(p, c->note.p, c->note.n);
	*n = (size_t)(p - *body);
	return 0;
}

int wire_checkpoint_get(const char *body, size_t n, struct wire_checkpoint *out, struct err *e)
{
	struct span line;

	out->note = (struct span){body, n};
	out->n_proof = 0;
	if (n > WIRE_CHECKPOINT_MAX)
		return err_set(e, EBADMSG, "longer than any add-checkpoint (%zu bytes)", n);
	if (!span_line(&out->note, &line) || line.n < 4 || memcmp(line.p, "old ", 4) ||
		!span_decimal((struct span){line.p + 4, line.n - 4}, &out->old))
		return err_set(e, EBADMSG, "line 1 is not 'old' and a tree size");
	for (;;) {
		if (!span_line(&out->note, &line))
			return err_set(e, EBADMSG, "it ends before its checkpoint");
		if (line.n == 0)
			break;
		if (out->n_proof == CONSISTENCY_MAX)
			return err_set(e, EBADMSG, "more than %d hashes", CONSISTENCY_MAX);
		if (base64_decode(line.p, line.n, out->proof[out->n_proof].b, LEDGER_HASH) != LEDGER_HASH)
			return err_set(e, EBADMSG, "line %zu is not a hash in base64", out->n_proof + 2);
		out->n_proof++;
	}
	return checkpoint_parse(out->note.p, out->note.n, &out->checkpoint, e);
}

int wire_size_put(uint64_t size, char out[WIRE_SIZE_TEXT])
{
	return snprintf(out, WIRE_SIZE_TEXT, "%" PRIu64 "\n", size);
}

int wire_size_get(const char *body, size_t n, uint64_t *size, struct err *e)
{
	struct span rest = {body, n}, line;

	if (span_line(&rest, &line) && rest.n == 0 && span_decimal(line, size))
		return 0;
	return err_set(e, EBADMSG, "not a tree size on a line of its own");
}

static size_t put_u16(char *to, size_t v)
{
	const uint16_t be = htobe16((uint16_t)v);

	return put_bytes(to, &be, sizeof(be));
}

static size_t put_u64(char *to, uint64_t v)
{
	v = htobe64(v);
	return put_bytes(to, &v, sizeof(v));
}

size_t wire_head_put(const struct wire_head *h, void *out)
{
	char *p = out;

	p += put_u16(p, h->origin.n);
	p += put_bytes(p, h->origin.p, h->origin.n);
	p += put_u64(p, h->start);
	p += put_u64(p, h->end);
	p += put_u16(p, h->ticket.n);
	p += put_bytes(p, h->ticket.p, h->ticket.n);
	return (size_t)(p - (char *)out);
}

size_t wire_proof_put(const struct hash *proof, size_t n, void *out)
{
	char *p = out;

	*p++ = (char)n;
	return 1 + put_bytes(p, proof, n * LEDGER_HASH);
}

uint64_t wire_packages(uint64_t start, uint64_t end)
{
	/* Of the last leaf's bundle and the first one's; `end` rounded up may be 2^64. */
	return start >= end ? 0 : (end - 1) / LEDGER_BUNDLE - start / LEDGER_BUNDLE + 1;
}

struct wire_interval wire_package(uint64_t start, uint64_t end, uint64_t i)
{
	uint64_t base = (start / LEDGER_BUNDLE + i) * LEDGER_BUNDLE;

	return (struct wire_interval){
		.base = base,
		.start = base < start ? start : base,
		.end = end - base < LEDGER_BUNDLE ? end : base + LEDGER_BUNDLE,
	};
}

int wire_info_put(const struct wire_info *i, char **body, size_t *n)
{
	char *p = malloc(64 + BASE64_LEN(i->ticket.n) + 2);

	*body = p;
	if (!p)
		return -ENOMEM;
	p += sprintf(p, "%" PRIu64 "\n%" PRIu64 "\n", i->size, i->next);
	base64_encode(i->ticket.p, i->ticket.n, p);
	p += BASE64_LEN(i->ticket.n);
	*p++ = '\n';
	*n = (size_t)(p - *body);
	return 0;
}

int wire_info_get(const char *body, size_t n, struct wire_info *out, struct err *e)
{
	struct span rest = {body, n}, size, next, ticket;
	long got;

	memset(out, 0, sizeof(*out));
	if (!span_line(&rest, &size) || !span_line(&rest, &next) || !span_line(&rest, &ticket) || rest.n ||
		!span_decimal(size, &out->size) || !span_decimal(next, &out->next))
		return err_set(e, EBADMSG, "not a mirror's three lines: two numbers and a ticket");
	out->bytes = malloc(ticket.n + 1);
	if (!out->bytes)
		return err_set(e, ENOMEM, "out of memory");
	got = base64_decode(ticket.p, ticket.n, out->bytes, ticket.n);
	if (got < 0 || got > WIRE_TICKET_MAX)
		return err_set(e, EBADMSG, "line 3 is not a ticket in base64");
	out->ticket = (struct span){(const char *)out->bytes, (size_t)got};
	return 0;
}

void wire_info_free(struct wire_info *i)
{
	free(i->bytes);
	i->bytes = NULL;
}
