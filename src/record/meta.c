/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/meta.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define FACILITY_AUTHPRIV 10 /* RFC 5424 table 1: security/authorization messages */

static const struct {
	const char *name;
	uint8_t severity;
} kinds[META_KINDS] = {
	[META_ATTACH] = {"attach", 6},
	[META_DETACH] = {"detach", 6},
	[META_BOOT] = {"boot", 6},
	[META_GAP] = {"gap", 3},
	[META_HEARTBEAT] = {"heartbeat", 6},
	[META_RECOVERY] = {"recovery", 4},
	[META_ALERT] = {"alert", 1},
	[META_CLOCK] = {"clock", 4},
	[META_END] = {"end", 6},
	[META_PRUNE] = {"prune", 5},
	[META_REKEY] = {"rekey", 4},
};

const char *meta_kind_name(enum meta_kind k)
{
	return (unsigned int)k < META_KINDS ? kinds[k].name : "?";
}

bool meta_is(const struct record *r, enum meta_kind *kind)
{
	if (!span_is(r->app, "logvisor"))
		return false;
	for (unsigned int i = 0; i < META_KINDS; i++) {
		/* A gap stands in the channel it is of; all others in "meta". */
		if (r->channel != RECORD_META && i != META_GAP)
			continue;
		if (span_is(r->msgid, kinds[i].name)) {
			if (kind)
				*kind = (enum meta_kind)i;
			return true;
		}
	}
	return false;
}

/* Keep a copy of @n bytes, or as many as there is room for. */
static struct span keep(struct meta *m, const char *s, size_t n)
{
	struct span out = {m->text + m->used, n};

	if (out.n > sizeof(m->text) - m->used)
		out.n = sizeof(m->text) - m->used;
	if (out.n)
		memcpy(m->text + m->used, s, out.n);
	m->used += out.n;
	return out;
}

void meta_begin(struct meta *m, const char *vm, enum meta_kind kind, int64_t time_us,
	const char *boot)
{
	struct record *r = &m->r;

	memset(r, 0, sizeof(*r));
	m->used = 0;
	r->time_us = time_us;
	r->facility = FACILITY_AUTHPRIV;
	r->severity = kinds[kind].severity;
	r->host = keep(m, vm, strlen(vm));
	r->app = span_of("logvisor");
	r->msgid = span_of(kinds[kind].name);
	r->channel = RECORD_META;
	r->fidelity = RECORD_LIVE;
	if (boot)
		r->boot = keep(m, boot, strlen(boot));
}

static void add(struct meta *m, const char *name, const char *s, size_t n)
{
	struct record *r = &m->r;

	if (r->n_observed == RECORD_PARAMS_MAX || strlen(name) > sizeof(m->text) - m->used)
		return;
	r->observed[r->n_observed].name = keep(m, name, strlen(name));
	r->observed[r->n_observed++].value = keep(m, s, n < META_VALUE_MAX ? n : META_VALUE_MAX);
}

void meta_u64(struct meta *m, const char *name, uint64_t value)
{
	char s[24];

	add(m, name, s, (size_t)snprintf(s, sizeof(s), "%" PRIu64, value));
}

void meta_i64(struct meta *m, const char *name, int64_t value)
{
	char s[24];

	add(m, name, s, (size_t)snprintf(s, sizeof(s), "%" PRId64, value));
}

void meta_str(struct meta *m, const char *name, const char *value)
{
	add(m, name, value, strlen(value));
}

void meta_text(struct meta *m, const char *fmt, ...)
{
	char s[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	m->r.msg = keep(m, s, (size_t)n < sizeof(s) ? (size_t)n : sizeof(s) - 1);
}

void meta_counters(struct meta *m, const struct meta_counters *c)
{
	meta_u64(m, "records", c->records);
	meta_u64(m, "live", c->live);
	meta_u64(m, "backfill", c->backfill);
	meta_u64(m, "late", c->late);
	meta_u64(m, "partial", c->partial);
	meta_u64(m, "lost", c->lost);
	meta_u64(m, "gaps", c->gaps);
	meta_u64(m, "truncated", c->truncated);
	meta_u64(m, "lag_us", c->lag_us);
}

static void str_if(struct meta *m, const char *name, const char *value)
{
	if (value && *value)
		meta_str(m, name, value);
}

static const char *or(const char *s, const char *otherwise)
{
	return s && *s ? s : otherwise;
}

void meta_attach(struct meta *m, const char *target, const char *backend, const char *release)
{
	str_if(m, "target", target);
	str_if(m, "backend", backend);
	str_if(m, "release", release);
	meta_text(m, "capture begins: %s", or(release, "guest not identified yet"));
}

void meta_detach(struct meta *m, const char *reason, const struct meta_counters *c)
{
	str_if(m, "reason", reason);
	meta_counters(m, c);
	meta_text(m, "capture ends (%s): %" PRIu64 " records, %" PRIu64 " lost",
		or(reason, "detached"), c->records, c->lost);
}

void meta_boot(struct meta *m, const char *release, const char *build_id)
{
	str_if(m, "release", release);
	str_if(m, "build", build_id);
	meta_text(m, "guest booted: %s", or(release, "unknown release"));
}

/* Where, for people: nowhere, in a channel without numbers. */
static const char *from(uint64_t first, char text[48])
{
	*text = 0;
	if (first)
		snprintf(text, 48, " from sequence number %" PRIu64 " on", first);
	return text;
}

void meta_gap(struct meta *m, enum record_channel ch, uint64_t first, uint64_t count,
	const char *reason)
{
	char where[48];

	m->r.channel = ch;
	meta_u64(m, "first", first);
	meta_u64(m, "count", count);
	str_if(m, "reason", reason);
	meta_text(m, "%" PRIu64 " records of %s lost%s: %s", count, record_channel_name(ch), from(first, where),
		or(reason, "unknown reason"));
}

void meta_blind(struct meta *m, enum record_channel ch, uint64_t first, const char *reason)
{
	char where[48];

	m->r.channel = ch;
	meta_u64(m, "first", first);
	meta_str(m, "count", "unknown");
	str_if(m, "reason", reason);
	meta_text(m, "an unknown number of records of %s may be lost%s: %s", record_channel_name(ch),
		from(first, where), or(reason, "unknown reason"));
}

void meta_heartbeat(struct meta *m, const struct meta_counters *c)
{
	meta_counters(m, c);
	meta_text(m, "%" PRIu64 " records, %" PRIu64 " lost", c->records, c->lost);
}

void meta_recovery(struct meta *m, uint64_t torn_bytes, uint64_t unsigned_kept,
	uint64_t hashes_rebuilt)
{
	meta_u64(m, "torn_bytes", torn_bytes);
	meta_u64(m, "unsigned_kept", unsigned_kept);
	meta_u64(m, "hashes_rebuilt", hashes_rebuilt);
	meta_text(m, "ledger recovered after a crash: %" PRIu64 " bytes of an incomplete record cut, "
		"%" PRIu64 " records not yet signed kept", torn_bytes, unsigned_kept);
}

void meta_alert(struct meta *m, const char *what, const char *text)
{
	str_if(m, "what", what);
	meta_text(m, "%s", or(text, or(what, "alert")));
}

void meta_clock(struct meta *m, int64_t step_us)
{
	meta_i64(m, "step_us", step_us);
	meta_text(m, "the host's clock was set %s by %" PRIu64 " us", step_us < 0 ? "back" : "forward",
		step_us < 0 ? -(uint64_t)step_us : (uint64_t)step_us);
}

void meta_end(struct meta *m, const char *reason, const struct meta_counters *c)
{
	str_if(m, "reason", reason);
	meta_counters(m, c);
	meta_text(m, "the VM ended (%s): %" PRIu64 " records, %" PRIu64 " lost",
		or(reason, "shut down"), c->records, c->lost);
}

void meta_prune(struct meta *m, uint64_t from, uint64_t first, const char *root, uint64_t unproven)
{
	meta_u64(m, "from", from);
	meta_u64(m, "first", first);
	meta_str(m, "root", root);
	if (unproven)
		meta_u64(m, "unproven", unproven);
	meta_text(m, "records %" PRIu64 " to %" PRIu64 " are removed (retention)", from, first - 1);
}

void meta_rekey(struct meta *m, const char *old, const char *now, uint64_t size, const char *root, const char *from)
{
	meta_str(m, "old", old);
	meta_str(m, "new", now);
	meta_u64(m, "size", size);
	meta_str(m, "root", root);
	meta_str(m, "from", from);
	meta_text(m, "brought back from a mirror (%.200s) with %" PRIu64 " records; from here on the ledger has another key",
		from, size);
}

struct span meta_get(const struct record *r, const char *name)
{
	for (size_t i = 0; i < r->n_observed; i++)
		if (span_is(r->observed[i].name, name))
			return r->observed[i].value;
	return (struct span){NULL, 0};
}

bool meta_get_gap(const struct record *r, uint64_t *first, uint64_t *count)
{
	enum meta_kind kind;
	uint64_t last;

	return meta_is(r, &kind) && kind == META_GAP && span_decimal(meta_get(r, "first"), first) &&
		span_decimal(meta_get(r, "count"), count) && *count &&
		!__builtin_add_overflow(*first, *count - 1, &last);
}

bool meta_is_blind(const struct record *r)
{
	enum meta_kind kind;

	return meta_is(r, &kind) && kind == META_GAP && span_is(meta_get(r, "count"), "unknown");
}

bool meta_get_u64(const struct record *r, const char *name, uint64_t *value)
{
	return span_digits(meta_get(r, name), value);
}
