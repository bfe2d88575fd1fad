/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record_encode_fuzz.c - a record of any content: what is encoded is RFC 5424 and decodes to the same.
 */
#include <stdlib.h>

#include "../unit/record/rfc5424.h"
#include "record/record.h"

struct bytes {
	const uint8_t *p;
	size_t n;
};

static uint8_t byte(struct bytes *b)
{
	if (b->n == 0)
		return 0;
	b->n--;
	return *b->p++;
}

static uint64_t number(struct bytes *b)
{
	uint64_t v = 0;

	for (int k = byte(b) & 15; k > 0; k--)
		v = v << 8 | byte(b);
	return v;
}

static struct span span(struct bytes *b, size_t max)
{
	struct span s = {(const char *)b->p, byte(b)};

	s.p = (const char *)b->p;
	if (s.n > max)
		s.n = max;
	if (s.n > b->n)
		s.n = b->n;
	b->p += s.n;
	b->n -= s.n;
	return s;
}

static void same(struct span a, struct span b)
{
	if (!span_eq(a, b))
		abort();
}

static void fill(struct record *r, struct bytes *b)
{
	memset(r, 0, sizeof(*r));
	r->time_us = (int64_t)number(b);
	r->facility = byte(b);
	r->severity = byte(b) & 7;
	r->host = span_of("web01");
	r->channel = byte(b) % RECORD_CHANNELS;
	r->fidelity = byte(b) % RECORD_FIDELITIES;
	r->has_seq = byte(b) & 1;
	r->seq = r->has_seq ? number(b) : 0;
	r->has_guest_ns = byte(b) & 1;
	r->guest_ns = r->has_guest_ns ? number(b) : 0;
	r->cont = byte(b) & 1;
	r->boot = span_of(byte(b) & 1 ? "0123456789abcdef" : "");
	r->app = span(b, 60);
	r->procid = span(b, 200);
	r->msgid = span(b, 60);
	r->subsystem = span(b, 200);
	r->device = span(b, 200);
	r->n_observed = byte(b) % 4;
	for (size_t i = 0; i < r->n_observed; i++)
		r->observed[i] = (struct record_param){span(b, 40), span(b, 200)};
	r->n_claimed = byte(b) % 4;
	for (size_t i = 0; i < r->n_claimed; i++)
		r->claimed[i] = (struct record_param){span(b, 40), span(b, 200)};
	r->msg = (struct span){(const char *)b->p, b->n};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char leaf[RECORD_LEAF_MAX], scratch[RECORD_LEAF_MAX];
	struct bytes b = {data, n};
	struct record r, d;
	size_t where;
	long len;

	fill(&r, &b);
	len = record_encode(&r, leaf, sizeof(leaf));
	if (len < 0)
		return 0;
	if (!rfc5424_valid(leaf, (size_t)len, &where) ||
	    record_decode(leaf, (size_t)len, &d, scratch, (size_t)len, NULL))
		abort();
	same(r.app, d.app);
	same(r.procid, d.procid);
	same(r.msgid, d.msgid);
	same(r.subsystem, d.subsystem);
	same(r.device, d.device);
	if (d.n_observed != r.n_observed || d.n_claimed != r.n_claimed || d.seq != r.seq ||
	    d.guest_ns != r.guest_ns || d.time_us != r.time_us || d.facility != r.facility)
		abort();
	for (size_t i = 0; i < r.n_observed; i++)
		same(r.observed[i].value, d.observed[i].value);
	for (size_t i = 0; i < r.n_claimed; i++)
		same(r.claimed[i].value, d.claimed[i].value);
	if (d.truncated)
		r.msg.n = d.msg.n < r.msg.n ? d.msg.n : 0;
	same(r.msg, d.msg);
	return 0;
}
