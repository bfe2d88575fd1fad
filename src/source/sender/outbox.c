/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/sender/outbox_item.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/sender/backlog.h"

#define HEAD_SIZE sizeof(struct outbox_item)

void outbox_init(struct outbox *o, const struct source_sink *sink)
{
	*o = (struct outbox){.sink = sink, .last = &o->first};
}

void outbox_drop(struct outbox *o, struct outbox_item **at)
{
	struct outbox_item *i = *at;

	*at = i->next;
	if (!*at)
		o->last = at;
	o->bytes -= i->m.text.n + HEAD_SIZE;
	free(i);
}

void outbox_free(struct outbox *o)
{
	while (o->first)
		outbox_drop(o, &o->first);
}

void outbox_lost(struct outbox *o, enum record_channel channel, uint64_t n, const char *why)
{
	if (!n)
		return;
	o->dropped[channel] += n;
	o->dropped_why = why;
}

static void keep(char **at, struct span *s)
{
	if (s->n)
		memcpy(*at, s->p, s->n);
	s->p = *at;
	*at += s->n;
}

static size_t params_len(const struct record_param *p, unsigned n)
{
	size_t len = 0;

	while (n)
		len += p[--n].value.n;
	return len;
}

static void keep_params(char **at, struct record_param *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		keep(at, &p[i].value);
}

void outbox_put(struct outbox *o, const struct outbox_message *m)
{
	size_t more = m->text.n + m->paths.exe.n + m->paths.cgroup.n + m->paths.sock.n + m->paths.file.n +
		params_len(m->observed, m->n_observed) + params_len(m->claimed, m->n_claimed);
	struct outbox_item *i = NULL;
	char *at;

	if (o->bytes + m->text.n + HEAD_SIZE <= OUTBOX_BYTES_MAX)
		i = malloc(HEAD_SIZE + more);
	if (!i) {
		outbox_lost(o, m->channel, 1, "the store took nothing, and no more could be kept in memory");
		return;
	}
	i->next = NULL;
	i->part = 0;
	i->settled = m->fidelity != RECORD_BACKFILL;
	o->unsettled |= !i->settled;
	i->m = *m;
	memcpy(&i->copy, m->copy, offsetof(struct app_copy, data));
	i->m.copy = &i->copy;
	at = i->bytes;
	keep(&at, &i->m.text);
	keep(&at, &i->m.paths.exe);
	keep(&at, &i->m.paths.cgroup);
	keep(&at, &i->m.paths.sock);
	keep(&at, &i->m.paths.file);
	keep_params(&at, i->m.observed, m->n_observed);
	keep_params(&at, i->m.claimed, m->n_claimed);
	o->bytes += m->text.n + HEAD_SIZE;
	*o->last = i;
	o->last = &i->next;
}

/* ---- out ---- */

static void count(struct source_counters *c, const struct record *r)
{
	c->records++;
	c->live += r->fidelity == RECORD_LIVE;
	c->backfill += r->fidelity == RECORD_BACKFILL;
	c->late += r->fidelity == RECORD_LATE;
	c->partial += r->fidelity == RECORD_PARTIAL;
	c->truncated += r->truncated;
}

static void add_number(struct record *r, const char *name, uint64_t v, char digits[21])
{
	int n = snprintf(digits, 21, "%" PRIu64, v);

	r->observed[r->n_observed++] = (struct record_param){span_of(name), {digits, (size_t)n}};
}

/* The first message, or the next part of it; it goes once all is out. */
static int emit_first(struct outbox *o, struct err *e)
{
	struct outbox_message *m = &o->first->m;
	uint64_t parts = (m->text.n + OUTBOX_PART - 1) / OUTBOX_PART;
	static _Thread_local struct sender_text text;
	char digits[4][21];
	struct record r;
	int ret;

	sender_record(m->copy, &m->paths, &text, &r);
	r.time_us = m->time_us;
	r.facility = m->facility;
	r.severity = m->severity;
	r.channel = m->channel;
	r.msgid = record_channel_names[m->channel];
	r.fidelity = m->fidelity;
	r.truncated = m->truncated;
	if (m->has_offset)
		add_number(&r, "off", m->offset, digits[3]);
	for (unsigned i = 0; i < m->n_observed; i++)
		r.observed[r.n_observed++] = m->observed[i];
	for (unsigned i = 0; i < m->n_claimed; i++)
		r.claimed[r.n_claimed++] = m->claimed[i];
	r.msg = m->text;
	if (o->first->part || parts > 1) {
		if (!o->first->part) {
			o->id = (uint64_t)m->time_us > o->id ? (uint64_t)m->time_us : o->id + 1;
			o->first->part = 1;
			o->first->parts = parts;
		}
		add_number(&r, "part", o->first->part, digits[0]);
		add_number(&r, "parts", o->first->parts, digits[1]);
		add_number(&r, "id", o->id, digits[2]);
		r.msg.n = r.msg.n < OUTBOX_PART ? r.msg.n : OUTBOX_PART;
	}
	ret = o->sink->emit(o->sink->ctx, &r, e);
	if (ret)
		return ret;
	count(&o->counters, &r);
	if (o->first->part && o->first->part < o->first->parts) {
		o->first->part++;
		m->text.p += r.msg.n;
		m->text.n -= r.msg.n;
		o->bytes -= r.msg.n;
		return 0;
	}
	outbox_drop(o, &o->first);
	return 0;
}

/* What was lost, channel by channel. */
static int emit_gaps(struct outbox *o, int64_t now_us, struct err *e)
{
	for (unsigned ch = 0; ch < RECORD_CHANNELS; ch++) {
		struct meta m;
		int r;

		if (!o->dropped[ch])
			continue;
		meta_begin(&m, "", META_GAP, now_us, "");
		meta_gap(&m, ch, 0, o->dropped[ch], o->dropped_why);
		r = o->sink->emit(o->sink->ctx, &m.r, e);
		if (r)
			return r;
		o->counters.gaps++;
		if (__builtin_add_overflow(o->counters.lost, o->dropped[ch], &o->counters.lost))
			o->counters.lost = UINT64_MAX;
		o->dropped[ch] = 0;
	}
	o->dropped_why = NULL;
	return 0;
}

int outbox_flush(struct outbox *o, unsigned max, int64_t now_us, struct err *e)
{
	int r = 0;

	if (o->unsettled)
		backlog_settle(o);
	while (o->first && max-- && !r)
		r = emit_first(o, e);
	if (!r && !o->first && o->dropped_why)
		r = emit_gaps(o, now_us, e);
	return r ? r : o->first ? SOURCE_MORE : 0;
}

int outbox_alert(struct outbox *o, int64_t now_us, const char *what, const char *text, struct err *e)
{
	struct meta m;

	meta_begin(&m, "", META_ALERT, now_us, "");
	meta_alert(&m, what, text);
	return o->sink->emit(o->sink->ctx, &m.r, e);
}
