/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * walk.c - the ring by sequence number, one record at a time: what it holds is emitted, what it lost is a
 * gap, what is in the writing is waited for, and what contradicts itself is told and passed over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "source/printk/impl.h"

#define STALL_US 2000000      /* a record being written for so long while later ones are whole */
#define PRESSED_US 100000     /* the same while copies of later ones find no room to wait for it */
#define AHEAD_MAX 1024        /* later records looked at in one go */
#define JUMP_MAX (1ULL << 40) /* more records than that in one jump are not believed */

static const char LOST_BEFORE[] = "overwritten before capture began";
static const char LOST_OFF[] = "overwritten while capture was off";
static const char LOST_NOW[] = "overwritten before it could be copied";
static const char LOST_NOROOM[] = "no room for the text in the guest's ring";
const char printk_unfinished[] = "its writer did not finish it";
static const char LOST_PENDING[] = "not finished yet while later ones could not wait; follows if it is";

static enum record_fidelity fidelity(const struct printk *p, uint64_t seq, enum printk_why why)
{
	if (seq < p->backfill_end)
		return RECORD_BACKFILL;
	return why == PRINTK_AT_TRAP && !p->flood.on ? RECORD_LIVE : RECORD_LATE;
}

static const char *lost_reason(const struct printk *p)
{
	if (!p->first_drain)
		return LOST_NOW;
	return p->resumed ? LOST_OFF : LOST_BEFORE;
}

/* Record p->want was overwritten: go on with the oldest there is. */
static int jump(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head = 0, tail = 0, to;
	bool lost = p->resumed || !p->first_drain;
	int r = printk_bounds(&p->l, &p->m, p->want, &head, &tail);

	if (r == -EFAULT)
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	to = r ? p->want : tail;
	if (!r && head + 1 - to > p->l.g.desc_mask + 1)
		to = head - p->l.g.desc_mask;
	if (to <= p->want || to - p->want > JUMP_MAX) {
		r = printk_alert(p, now_us, e, "ring-contradiction",
			"the guest's printk ring contradicts itself: record %" PRIu64
			" is overwritten, the oldest is said to be %" PRIu64, p->want, tail);
		if (r)
			return r;
		lost = to <= p->want;
		to = lost ? p->want + 1 : to;
	}
	/* After a restored snapshot: what the ledger has is not lost, although the ring has it no more. */
	while (p->want < to && p->want < p->replay_end && p->history[p->want & p->history_mask])
		p->want++;
	r = printk_gap(p, p->want, to - p->want, lost_reason(p), lost, now_us, e);
	if (!r)
		p->want = to;
	return r;
}

int printk_backwards(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head, tail;
	const char *why;
	int r = printk_bounds(&p->l, &p->m, p->want, &head, &tail);

	if (r == -EFAULT)
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	if (r)
		return printk_alert(p, now_us, e, "ring-contradiction",
			"the ends of the guest's printk ring contradict each other");
	/* Copies may be forged: only what the ring was seen to hold can be missing from it. */
	if (head + 1 >= (p->code && p->confirmed < p->want ? p->confirmed : p->want))
		return 0;
	/* Of a ring that went back the newest record is not there any more. */
	if (p->want && printk_read(&p->l, &p->m, p->want - 1, false, &p->entry, &why) == PRINTK_WHOLE &&
		printk_known(p, &p->entry))
		return printk_alert(p, now_us, e, "head-lies",
			"the guest's printk ring says that its newest record is %" PRIu64
			", and holds record %" PRIu64, head, p->want - 1);
	return PRINTK_REWOUND;
}

bool printk_head_past(const struct printk *p, uint64_t seq)
{
	uint64_t head, tail;

	return printk_bounds(&p->l, &p->m, p->want, &head, &tail) || head >= seq;
}

bool printk_overtaken(struct printk *p)
{
	const char *why;

	return p->want && p->emitted_end == p->want &&
		printk_read(&p->l, &p->m, p->want - 1, false, &p->entry, &why) == PRINTK_WHOLE &&
		p->entry.ts_nsec != p->emitted_ns;
}

void printk_keep_part(struct printk *p, const struct printk_entry *e)
{
	char *text = p->part.text;

	if (p->has_part && p->part.seq == e->seq && p->part.text_len == e->text_len)
		return;
	if (e->text_len > p->part_cap) {
		text = realloc(text, e->text_len);
		if (!text)
			return;
		p->part_cap = e->text_len;
	}
	p->part = *e;
	p->part.text = text;
	if (e->text_len)
		memcpy(text, e->text, e->text_len);
	p->has_part = true;
}

/*
 * Is a record after p->want whole? Then p->want is waited for, and p->ahead is that record. Otherwise the next
 * look goes on where this one ended, so that a head far off does not make one look long.
 */
static bool later(struct printk *p)
{
	uint64_t head, tail;
	const char *why;

	if (printk_bounds(&p->l, &p->m, p->want, &head, &tail) || head - p->want > p->l.g.desc_mask)
		head = p->want + p->l.g.desc_mask;
	if (p->ahead <= p->want || p->ahead > head)
		p->ahead = p->want + 1;
	for (unsigned n = 0; n < AHEAD_MAX && p->ahead <= head; n++, p->ahead++)
		if (printk_read(&p->l, &p->m, p->ahead, false, &p->entry, &why) == PRINTK_WHOLE)
			return true;
	return false;
}

/* Pass over record p->want, in writing, and keep an eye on it. */
static int pass_over(struct printk *p, const char *reason, int64_t now_us, struct err *e)
{
	int r = printk_gap(p, p->want, 1, reason, false, now_us, e);

	if (r)
		return r;
	if (p->n_skipped == PRINTK_SKIPPED) /* the oldest stays the gap it is */
		memmove(p->skipped, p->skipped + 1, --p->n_skipped * sizeof(p->skipped[0]));
	p->skipped[p->n_skipped++] = p->want++;
	p->stalled_since = 0;
	return 1;
}

/*
 * Record p->want is being written and later ones are whole. That ends by itself, unless a vCPU died
 * in between or the guest's kernel was told to lie; so after a while go on.
 */
static int stalled(struct printk *p, int64_t now_us, struct err *e)
{
	bool pressed;
	int r;

	if (!later(p)) {
		p->stalled_since = 0;
		return 0;
	}
	if (p->urgent)
		return pass_over(p, LOST_PENDING, now_us, e);
	if (p->want < p->stalled_end)
		return pass_over(p, p->stalled_why, now_us, e);
	if (!p->stalled_since || p->stalled_seq != p->want || now_us < p->stalled_since) {
		p->stalled_seq = p->want;
		p->stalled_since = now_us;
		return 0;
	}
	pressed = p->pressed && now_us - p->stalled_since >= PRESSED_US;
	if (!pressed && now_us - p->stalled_since < STALL_US)
		return 0;
	r = pressed ? 0 : printk_alert(p, now_us, e, "record-stalled",
		"record %" PRIu64 " has been in the writing for %d s while later ones are whole",
		p->want, STALL_US / 1000000);
	if (r)
		return r;
	/* What else is unfinished before the whole one was no later. */
	p->stalled_end = p->ahead;
	p->stalled_why = pressed ? LOST_PENDING : printk_unfinished;
	return pass_over(p, p->stalled_why, now_us, e);
}

int printk_fill_skipped(struct printk *p, int64_t now_us, struct err *e)
{
	const char *why;

	for (unsigned i = 0; i < p->n_skipped;) {
		enum printk_found f =
			printk_read(&p->l, &p->m, p->skipped[i], false, &p->entry, &why);
		int r = 0;

		if (f == PRINTK_RESERVED || f == PRINTK_COMMITTED || f == PRINTK_FUTURE ||
			f == PRINTK_UNREADABLE) {
			i++;
			continue;
		}
		if (f == PRINTK_WHOLE)
			r = printk_emit(p, &p->entry, RECORD_LATE, now_us, e);
		if (r)
			return r;
		p->skipped[i] = p->skipped[--p->n_skipped];
	}
	return 0;
}

int printk_walk(struct printk *p, enum printk_why why, int64_t now_us, struct err *e)
{
	const char *lie = NULL;
	int r;

	switch (printk_read(&p->l, &p->m, p->want, why == PRINTK_AT_TRAP, &p->entry, &lie)) {
	case PRINTK_WHOLE:
		if (p->want < p->replay_end && printk_known(p, &p->entry)) {
			r = 0;
			break;
		}
		r = printk_emit(p, &p->entry, fidelity(p, p->want, why), now_us, e);
		if (r)
			break;
		p->replay_end = 0; /* from here on the course differs: all of it is told */
		if (why == PRINTK_AT_POLL)
			printk_untrapped(p, p->want);
		break;
	case PRINTK_COMMITTED:
		printk_keep_part(p, &p->entry);
		return stalled(p, now_us, e);
	case PRINTK_RESERVED:
		return stalled(p, now_us, e);
	case PRINTK_FUTURE: /* its number may be given away, and then somebody has to write it */
		return printk_head_past(p, p->want) ? stalled(p, now_us, e) : 0;
	case PRINTK_PAST:
		r = jump(p, now_us, e);
		return r ? r : 1;
	case PRINTK_NOTEXT:
		r = printk_gap(p, p->want, 1, LOST_NOROOM, false, now_us, e);
		break;
	case PRINTK_TEXTGONE:
		r = printk_gap(p, p->want, 1, lost_reason(p), p->resumed || !p->first_drain, now_us,
			e);
		break;
	case PRINTK_LIE:
		r = printk_alert(p, now_us, e, "ring-lies",
			"record %" PRIu64 " of the guest's printk "
			"ring contradicts itself: %s",
			p->want, lie);
		if (!r)
			r = printk_gap(p, p->want, 1, lie, true, now_us, e);
		break;
	default:
		return err_set(e, EFAULT,
			"record %" PRIu64 " of the guest's printk ring is not readable", p->want);
	}
	if (r)
		return r;
	p->want++;
	p->stalled_since = 0;
	return 1;
}
