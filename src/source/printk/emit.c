/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * emit.c - what leaves the source: records, gaps, alerts.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "record/meta.h"
#include "source/printk/impl.h"
#include "util/hash.h"

#define ALERT_AGAIN_US 10000000 /* the same alert at most once in so long */

uint64_t printk_fingerprint(uint64_t seq, uint64_t guest_ns, uint64_t text_hash)
{
	return (text_hash ^ guest_ns * 0x9e3779b97f4a7c15ULL ^ seq) | 1;
}

static uint64_t fingerprint(const struct printk_entry *e)
{
	return printk_fingerprint(e->seq, e->ts_nsec, hash64(e->text, e->text_len));
}

bool printk_known(const struct printk *p, const struct printk_entry *e)
{
	return p->history[e->seq & p->history_mask] == fingerprint(e);
}

int printk_emit(struct printk *p, const struct printk_entry *e, enum record_fidelity fid,
	int64_t time_us, struct err *err)
{
	struct source_counters *c = &p->counters;
	struct record r;
	int ret = printk_flush_gap(p, time_us, err);

	if (ret)
		return ret;
	printk_to_record(&p->l, e, &r);
	r.time_us = time_us;
	r.fidelity = fid;
	r.boot = span_of(p->boot);
	ret = p->sink->emit(p->sink->ctx, &r, err);
	if (ret)
		return ret;
	p->history[e->seq & p->history_mask] = fingerprint(e);
	p->emitted_end = e->seq + 1;
	p->emitted_ns = e->ts_nsec;
	c->records++;
	c->live += fid == RECORD_LIVE;
	c->backfill += fid == RECORD_BACKFILL;
	c->late += fid == RECORD_LATE;
	c->partial += fid == RECORD_PARTIAL;
	c->truncated += r.truncated;
	return 0;
}

int printk_flush_gap(struct printk *p, int64_t now_us, struct err *e)
{
	struct meta m;
	int r;

	if (!p->gap_count)
		return 0;
	meta_begin(&m, "", META_GAP, now_us, p->boot);
	meta_gap(&m, RECORD_KMSG, p->gap_first, p->gap_count, p->gap_reason);
	r = p->sink->emit(p->sink->ctx, &m.r, e);
	if (r)
		return r;
	p->counters.gaps++;
	if (p->gap_lost &&
		__builtin_add_overflow(p->counters.lost, p->gap_count, &p->counters.lost))
		p->counters.lost = UINT64_MAX;
	p->gap_count = 0;
	return 0;
}

int printk_gap(struct printk *p, uint64_t first, uint64_t count, const char *reason, bool lost,
	int64_t now_us, struct err *e)
{
	int r;

	if (!count)
		return 0;
	if (p->gap_count && p->gap_first + p->gap_count == first && p->gap_reason == reason) {
		p->gap_count += count;
		return 0;
	}
	r = printk_flush_gap(p, now_us, e);
	if (r)
		return r;
	p->gap_first = first;
	p->gap_count = count;
	p->gap_reason = reason;
	p->gap_lost = lost;
	return 0;
}

int printk_alert(struct printk *p, int64_t now_us, struct err *e, const char *what, const char *fmt,
	...)
{
	char text[256];
	struct meta m;
	unsigned i = 0;
	va_list ap;
	int r;

	while (i < PRINTK_ALERTS - 1 && p->alerts[i].what && strcmp(p->alerts[i].what, what) != 0)
		i++;
	if (p->alerts[i].what && !strcmp(p->alerts[i].what, what) && now_us >= p->alerts[i].last_us &&
		now_us - p->alerts[i].last_us < ALERT_AGAIN_US)
		return 0;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	meta_begin(&m, "", META_ALERT, now_us, p->boot);
	meta_alert(&m, what, text);
	r = p->sink->emit(p->sink->ctx, &m.r, e);
	if (r)
		return r;
	p->alerts[i].what = what;
	p->alerts[i].last_us = now_us;
	return 0;
}
