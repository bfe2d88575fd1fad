/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * drain.c - the driver: what is next comes from the copies that wait (window.c), from the ring (walk.c), or
 * from the course the guest was put back to (rewind.c). These do their part and return; who is asked next is
 * decided here and nowhere else.
 */
#include <errno.h>
#include <inttypes.h>

#include "source/printk/impl.h"

#define DRAIN_MAX 4096 /* records per call, so that a flood does not starve the caller */

/*
 * Deal with record p->want: from its copy if that waits and it is its turn, else from the ring if it is before
 * @limit or the window asks for it. 1, 0 if it is not there yet, or -errno.
 */
static int next(struct printk *p, enum printk_why why, bool idle, uint64_t limit, int64_t now_us,
	struct err *e)
{
	int r = printk_window_next(p, idle, now_us, e);

	if (r == PRINTK_ASK_RING)
		r = printk_walk(p, PRINTK_AT_POLL, now_us, e);
	if (!r && p->want < limit)
		r = printk_walk(p, why, now_us, e);
	return r;
}

/* The numbers of this boot are used a second time, or another boot began. */
static int went_back(struct printk *p, int64_t now_us, struct err *e)
{
	int r = printk_rewind(p, now_us, e);

	if (r != PRINTK_ANEW)
		return r;
	r = printk_end_blind(p, now_us, e);
	return r ? r : err_set(e, ESTALE, "the guest rebooted: its log began anew");
}

/* What to do when all that is final was taken: 0, 1 to begin again, or -errno. */
static int look_about(struct printk *p, bool idle, bool moved, int64_t now_us, struct err *e)
{
	int r = printk_fill_skipped(p, now_us, e);

	if (!r && idle)
		r = printk_check_bypass(p, now_us, e);
	if (!r)
		r = printk_flush_gap(p, now_us, e);
	if (!r && idle && p->code && !p->first_drain)
		r = printk_reconcile(p, now_us, e);
	if (r == PRINTK_REWOUND)
		return went_back(p, now_us, e);
	if (!r && idle)
		r = printk_same_ring(p, now_us, e);
	if (!r && (idle || !moved))
		r = printk_backwards(p, now_us, e);
	return r == PRINTK_REWOUND ? went_back(p, now_us, e) : r;
}

static int drain(struct printk *p, enum printk_why why, int64_t now_us, struct err *e)
{
	bool idle = why == PRINTK_AT_POLL;
	const uint64_t late = p->counters.late, records = p->counters.records;
	uint64_t limit = idle ? printk_poll_limit(p) : UINT64_MAX;
	int r = 0;

	if (p->rewound || (idle && printk_overtaken(p))) {
		r = went_back(p, now_us, e);
		if (r != PRINTK_DONE)
			return r;
	}
	/* Without a copy, although none was lost, and no vCPU ran: then a VMM put it there, and may be about it still. */
	if (limit != UINT64_MAX && p->code && p->want < limit && !p->whole && !p->copies_lost)
		return SOURCE_DOUBT;
	p->urgent = !idle && printk_flood_reached(p);
	for (unsigned n = 0; n < DRAIN_MAX; n++) {
		r = next(p, why, idle, limit, now_us, e);
		if (r <= 0)
			break;
	}
	if (r)
		return r;
	/* Found by a poll although a doorbell is armed: it does not ring for all. */
	if (idle && p->armed && !p->flood.on && p->counters.late > late)
		p->missed = true;
	r = look_about(p, idle, p->counters.records != records, now_us, e);
	if (r)
		return r;
	if (p->first_drain)
		p->reconciled = p->confirmed = p->want;
	p->first_drain = false;
	if (idle)
		printk_flood_polled(p, now_us);
	else
		printk_flood_held(p, now_us);
	return 0;
}

int printk_drain(struct printk *p, enum printk_why why, int64_t now_us, struct err *e)
{
	const uint64_t polled = p->polled;
	int r = drain(p, why, now_us, e);

	if (r == SOURCE_DOUBT)
		p->polled = polled; /* what is under way is so still when this is called again */
	return r;
}

int printk_copy(struct printk *p, bool final, const void *data, size_t len, int64_t time_us,
	struct err *e)
{
	int r = printk_window_put(p, final, data, len, time_us, e);

	for (int n = 0; r == PRINTK_ASK_RING && n < 2 * PRINTK_WINDOW; n++) {
		p->pressed = true;
		r = next(p, PRINTK_AT_POLL, true, UINT64_MAX, time_us, e);
		p->pressed = false;
		if (r <= 0)
			return r; /* too far ahead of a record not finished: the ring keeps it */
		r = printk_window_put(p, final, data, len, time_us, e);
	}
	if (r == PRINTK_REWOUND)
		r = went_back(p, time_us, e);
	else if (!r)
		do
			r = next(p, PRINTK_AT_POLL, false, 0, time_us, e);
		while (r > 0);
	return r == PRINTK_DONE ? 0 : r;
}

int printk_end_blind(struct printk *p, int64_t now_us, struct err *e)
{
	int r = 0;

	if (p->has_part && p->part.seq == p->want) {
		r = printk_emit(p, &p->part, RECORD_PARTIAL, now_us, e);
		p->want += !r;
	}
	return r ? r : printk_flush_gap(p, now_us, e);
}

int printk_end(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head, tail;
	const char *why;
	int r = 0;

	for (unsigned n = 0; n <= p->l.g.desc_mask && r >= 0; n++) {
		r = next(p, PRINTK_AT_POLL, true, UINT64_MAX, now_us, e);
		if (r == -EFAULT || r == 0)
			break;
	}
	if (r < 0 && r != -EFAULT)
		return r;
	if (r == -EFAULT || printk_bounds(&p->l, &p->m, p->want, &head, &tail))
		return printk_end_blind(p, now_us, e); /* the memory went with the VM */
	for (; p->want <= head && head + 1 - p->want <= p->l.g.desc_mask + 1; p->want++) {
		enum printk_found f = printk_read(&p->l, &p->m, p->want, true, &p->entry, &why);

		if (f == PRINTK_WHOLE)
			r = printk_emit(p, &p->entry, RECORD_LATE, now_us, e);
		else if (f == PRINTK_COMMITTED)
			r = printk_emit(p, &p->entry, RECORD_PARTIAL, now_us, e);
		else
			r = printk_gap(p, p->want, 1, printk_unfinished, false, now_us, e);
		if (r)
			return r;
	}
	return printk_flush_gap(p, now_us, e);
}
