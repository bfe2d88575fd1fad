/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * toy_source.h - a second source, as small as one can be: a made-up ring of eight lines in the guest's data,
 *
 *	u64 head      how many lines were ever written
 *	u64 lost      how many the guest itself could not write
 *	slot[8]       { u64 number; u64 length; char text[48] }
 *
 * written slot first, head last. A backend that stops the VM watches head; one that makes copies is asked for
 * the slot at the entry of toy_commit(slot). Its tags are the same numbers as printk's.
 */
#ifndef LOGVISOR_TESTS_TOY_SOURCE_H
#define LOGVISOR_TESTS_TOY_SOURCE_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/fetch.h"
#include "source/printk/printk.h"
#include "source/source.h"

#define TOY_SLOTS 8
#define TOY_TEXT 48
#define TOY_CHANNEL RECORD_AUDIT

struct toy_slot {
	uint64_t number, length;
	char text[TOY_TEXT];
};

struct toy_ring {
	uint64_t head, lost;
	struct toy_slot slot[TOY_SLOTS];
};

enum { TOY_TAG_HEAD = PRINTK_TAG_LAST, TOY_TAG_COMMIT = PRINTK_TAG_FINAL };

struct toy {
	struct source s;
	const struct guest *g;
	const struct source_sink *sink;
	uint64_t ring, commit; /* GVAs */
	uint64_t want, backfill_end;
	int64_t next_ms;
	bool code;
	struct source_counters counters;
};

static inline int toy_run(const struct fetch_mem *mem, const struct fetch_regs *regs, const void *arg,
	void *out, size_t cap)
{
	(void)arg;
	if (cap < sizeof(struct toy_slot) || FETCH_READ(mem, out, sizeof(struct toy_slot), regs->rdi))
		return -EFAULT;
	return (int)sizeof(struct toy_slot);
}

static const struct fetch toy_fetch = {.id = FETCH_END, .arg_len = 0, .out_max = sizeof(struct toy_slot),
	.run = toy_run};

static inline int toy_emit(struct toy *t, const struct toy_slot *slot, enum record_fidelity fid, int64_t us,
	struct err *e)
{
	struct record r = {.time_us = us, .severity = 6, .app = span_of("toy"), .channel = TOY_CHANNEL,
		.fidelity = fid, .has_seq = true, .seq = slot->number,
		.msg = {slot->text, slot->length < TOY_TEXT ? slot->length : TOY_TEXT}};
	int ret;

	r.msgid = span_of(record_channel_name(TOY_CHANNEL));
	ret = t->sink->emit(t->sink->ctx, &r, e);
	if (ret)
		return ret;
	t->counters.records++;
	t->counters.live += fid == RECORD_LIVE;
	t->counters.late += fid == RECORD_LATE;
	t->counters.backfill += fid == RECORD_BACKFILL;
	t->want = slot->number + 1;
	return 0;
}

static inline int toy_gap(struct toy *t, uint64_t end, int64_t us, struct err *e)
{
	struct meta m;
	int r;

	meta_begin(&m, "", META_GAP, us, "");
	meta_gap(&m, TOY_CHANNEL, t->want, end - t->want, "overwritten");
	r = t->sink->emit(t->sink->ctx, &m.r, e);
	if (r)
		return r;
	t->counters.gaps++;
	t->counters.lost += end - t->want;
	t->want = end;
	return 0;
}

/* Everything up to the head, which a lying guest may have put anywhere. */
static inline int toy_walk(struct toy *t, enum record_fidelity fid, int64_t us, struct err *e)
{
	struct toy_ring ring;
	int r = guest_read(t->g, t->ring, &ring, sizeof(ring));

	if (r)
		return err_set(e, EFAULT, "the toy's ring is not readable");
	if (ring.head > t->want + TOY_SLOTS && (r = toy_gap(t, ring.head - TOY_SLOTS, us, e)) != 0)
		return r;
	while (t->want < ring.head) {
		const struct toy_slot *slot = &ring.slot[t->want % TOY_SLOTS];

		r = slot->number != t->want ? toy_gap(t, t->want + 1, us, e) :
			toy_emit(t, slot, t->want < t->backfill_end ? RECORD_BACKFILL : fid, us, e);
		if (r)
			return r;
	}
	return 0;
}

static inline int toy_open(struct source **out, const struct source_start *start, struct err *e)
{
	const struct source_resume *at = &start->resume[TOY_CHANNEL];
	struct toy *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(e, ENOMEM, "out of memory");
	*out = &t->s;
	t->g = start->guest;
	t->sink = start->sink;
	if (guest_symbol(t->g, "toy_ring", &t->ring) || guest_symbol(t->g, "toy_commit", &t->commit)) {
		free(t);
		return err_set(e, ENOENT, "the guest has no toy");
	}
	t->s.resumed = at->known && !strcmp(at->boot, guest_info(t->g)->boot);
	t->want = t->s.resumed ? at->next : 0;
	snprintf(t->s.desc, sizeof(t->s.desc), "a toy");
	return 0;
}

static inline unsigned toy_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max)
{
	struct toy *t = (struct toy *)s;

	if (!max)
		return 0;
	t->code = caps & TRAP_CODE;
	sites[0] = t->code ?
		(struct trap_site){.kind = SITE_CODE, .gva = t->commit, .tag = TOY_TAG_COMMIT, .fetch = &toy_fetch} :
		(struct trap_site){.kind = SITE_WATCH, .gva = t->ring, .len = 8, .tag = TOY_TAG_HEAD};
	return 1;
}

static inline void toy_planted(struct source *s, bool all, const struct moment *m)
{
	struct toy *t = (struct toy *)s;

	(void)all;
	(void)m;
	if (!t->backfill_end)
		guest_read(t->g, t->ring, &t->backfill_end, 8);
}

static inline int toy_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e)
{
	struct toy *t = (struct toy *)s;
	struct toy_slot slot;

	(void)m;
	if (ev->type != TRAP_COPY)
		return 0;
	if (ev->len != sizeof(slot))
		return err_set(e, EBADMSG, "a trap delivered %zu bytes that are no toy's", ev->len);
	memcpy(&slot, ev->data, sizeof(slot));
	return slot.number == t->want ? toy_emit(t, &slot, RECORD_LIVE, ev->time_us, e) : 0;
}

static inline bool toy_quiet(struct source *s, const struct moment *m)
{
	struct toy *t = (struct toy *)s;
	uint64_t head;

	if (t->code && !m->emptied)
		return true;
	if (guest_read(t->g, t->ring, &head, 8) || head != t->want)
		return false;
	t->next_ms = m->now_ms + 250;
	return true;
}

static inline int toy_drain(struct source *s, const struct moment *m, struct err *e)
{
	struct toy *t = (struct toy *)s;

	if (t->code && !m->held && !m->emptied)
		return 0;
	t->next_ms = m->now_ms + 250;
	return toy_walk(t, m->rung ? RECORD_LIVE : RECORD_LATE, m->now_us, e);
}

static inline int64_t toy_due(const struct source *s)
{
	return ((const struct toy *)s)->next_ms;
}

static inline const struct source_counters *toy_counters(const struct source *s)
{
	return &((const struct toy *)s)->counters;
}

static inline int toy_end(struct source *s, const struct moment *m, bool readable, struct err *e)
{
	return readable ? toy_walk((struct toy *)s, RECORD_LATE, m->now_us, e) : 0;
}

static inline void toy_close(struct source *s)
{
	free(s);
}

static const struct source_ops source_toy;

static inline int toy_open_as(struct source **out, const struct source_start *start, struct err *e)
{
	int r = toy_open(out, start, e);

	if (!r)
		(*out)->ops = &source_toy;
	return r;
}

static const struct source_ops source_toy = {
	.name = "toy", .channels = 1 << TOY_CHANNEL, .numbered = 1 << TOY_CHANNEL, .open = toy_open_as, .sites = toy_sites,
	.planted = toy_planted, .event = toy_event, .quiet = toy_quiet, .drain = toy_drain, .due = toy_due,
	.counters = toy_counters, .end = toy_end, .close = toy_close,
};

#endif
