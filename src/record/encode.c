/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * encode.c - struct record to leaf. Runs once per captured record, so it formats by hand.
 */
#include <errno.h>

#include "record/leaf.h"
#include "record/record.h"

struct out {
	char *p, *end;
	bool full;
};

/* Inlined, so that the many literals become a few stores each. */
static inline __attribute__((always_inline)) void put(struct out *o, const char *s, size_t n)
{
	if ((size_t)(o->end - o->p) < n) {
		o->full = true;
		return;
	}
	memcpy(o->p, s, n);
	o->p += n;
}

#define put_literal(o, s) put(o, s, sizeof(s) - 1)

static void put_u64(struct out *o, uint64_t v)
{
	char digits[20], *p = leaf_decimal(digits + sizeof(digits), v);

	put(o, p, (size_t)(digits + sizeof(digits) - p));
}

static void put_value(struct out *o, struct span v)
{
	const char *s = v.p, *end = s + v.n;
	char piece[4], *p = o->p;
	size_t outn;

	if ((size_t)(o->end - p) < v.n) {
		o->full = true;
		return;
	}
	while (s < end && leaf_plain[(unsigned char)*s])
		*p++ = *s++;
	o->p = p;
	while (s < end) {
		s += leaf_value_step(s, (size_t)(end - s), piece, &outn);
		put(o, piece, outn);
	}
}

static void put_param(struct out *o, struct span name, struct span value)
{
	put_literal(o, " ");
	put(o, name.p, name.n);
	put_literal(o, "=\"");
	put_value(o, value);
	put_literal(o, "\"");
}

/* A parameter of leaf_param_name, by its name as a literal. */
#define put_known(o, name, put_it)                                                                 \
	do {                                                                                       \
		put_literal(o, " " name "=\"");                                                    \
		put_it;                                                                            \
		put_literal(o, "\"");                                                              \
	} while (0)
#define put_text(o, name, value) put_known(o, name, put_value(o, value))
#define put_number(o, name, value) put_known(o, name, put_u64(o, value))

/* A header field with the space after it; true if SD has to carry the exact value. */
static bool put_header(struct out *o, struct span s, size_t max)
{
	char shown[LEAF_PROCID_MAX];
	bool exact = leaf_header_exact(s, max);

	if (exact)
		put(o, s.p, s.n);
	else
		put(o, shown, leaf_header_shown(s, max, shown));
	put_literal(o, " ");
	return !exact && s.n > 0;
}

static bool params_ok(const struct record_param *p, size_t n, bool observed)
{
	if (n > RECORD_PARAMS_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!leaf_name_ok(p[i].name) || (observed && leaf_name_reserved(p[i].name)))
			return false;
	return true;
}

static bool record_ok(const struct record *r)
{
	return r->time_us >= 0 && r->time_us <= LEAF_TIME_MAX && r->severity <= 7 &&
		record_name_span_ok(r->host) && (unsigned int)r->channel < RECORD_CHANNELS &&
		(unsigned int)r->fidelity < RECORD_FIDELITIES &&
		(r->boot.n == 0 || leaf_boot_ok(r->boot)) &&
		params_ok(r->observed, r->n_observed, true) &&
		params_ok(r->claimed, r->n_claimed, false);
}

static bool has_bom(struct span msg)
{
	return msg.n >= 3 && !memcmp(msg.p, LEAF_BOM, 3);
}

static void put_head(struct out *o, const struct record *r, bool truncated, bool bom)
{
	unsigned int fac = r->facility > LEAF_FACILITY_MAX ? LEAF_FACILITY_OTHER : r->facility;
	bool app, procid, msgid;

	put_literal(o, "<");
	put_u64(o, fac * 8 + r->severity);
	put_literal(o, ">1 ");
	if (o->end - o->p < LEAF_TIME_LEN) {
		o->full = true;
		return;
	}
	leaf_time_put(o->p, r->time_us);
	o->p += LEAF_TIME_LEN;
	put_literal(o, " ");
	put(o, r->host.p, r->host.n);
	put_literal(o, " ");
	app = put_header(o, r->app, LEAF_APP_MAX);
	procid = put_header(o, r->procid, LEAF_PROCID_MAX);
	msgid = put_header(o, r->msgid, LEAF_MSGID_MAX);

	put_literal(o, "[" RECORD_SD_OBSERVED);
	put_text(o, "ch", span_of(record_channel_name(r->channel)));
	put_text(o, "fid", span_of(record_fidelity_name(r->fidelity)));
	if (r->has_seq)
		put_number(o, "seq", r->seq);
	if (r->has_guest_ns)
		put_number(o, "gt", r->guest_ns);
	if (r->has_caller)
		put_number(o, "caller", r->caller);
	if (r->cont)
		put_number(o, "cont", 1);
	if (truncated)
		put_number(o, "trunc", 1);
	if (r->boot.n)
		put_text(o, "boot", r->boot);
	if (r->subsystem.n)
		put_text(o, "sub", r->subsystem);
	if (r->device.n)
		put_text(o, "dev", r->device);
	if (r->facility > LEAF_FACILITY_MAX)
		put_number(o, "fac", r->facility);
	if (app)
		put_text(o, "app", r->app);
	if (procid)
		put_text(o, "procid", r->procid);
	if (msgid)
		put_text(o, "msgid", r->msgid);
	if (bom)
		put_number(o, "bom", 1);
	for (size_t i = 0; i < r->n_observed; i++)
		put_param(o, r->observed[i].name, r->observed[i].value);
	put_literal(o, "]");
	if (r->n_claimed) {
		put_literal(o, "[" RECORD_SD_CLAIMED);
		for (size_t i = 0; i < r->n_claimed; i++)
			put_param(o, r->claimed[i].name, r->claimed[i].value);
		put_literal(o, "]");
	}
	put_literal(o, " ");
	if (bom)
		put_literal(o, " ");
}

long record_encode(const struct record *r, char *buf, size_t cap)
{
	struct span msg = r->msg;
	bool truncated = r->truncated;
	size_t room;

	if (!record_ok(r))
		return -EINVAL;
	if (cap > RECORD_LEAF_MAX)
		cap = RECORD_LEAF_MAX;
	/* Once, but when MSG has to be cut: then again to say so, and again with what fits. */
	for (;;) {
		struct out o = {buf, buf + cap, false};

		put_head(&o, r, truncated, has_bom(msg));
		if (o.full)
			return -ENOSPC;
		room = (size_t)(o.end - o.p);
		if (msg.n <= room) {
			if (msg.n)
				memcpy(o.p, msg.p, msg.n);
			return o.p - buf + (long)msg.n;
		}
		if (truncated)
			msg.n = room;
		truncated = true;
	}
}
