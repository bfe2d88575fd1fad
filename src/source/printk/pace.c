/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pace.c - when the ring is looked at without being rung for, and how far. Polls are what is left when traps
 * fail; where traps work they must not take what a trap is about to bring, nor cost an idle guest anything.
 */
#include "source/printk/impl.h"

#define POLL_MS 100
#define FLOOD_POLL_MS 1
/* Where nothing is trapped: a guest writes a ring full in some ten milliseconds. */
#define POLLED_MS 4
#define POLLED_BUSY_MS 1
#define BUSY_MS 100 /* so long after the last record found */
#define ANYWAY_MS 1000   /* doorbells do not put off a poll for longer: they ring as often as the guest likes */
#define LOOK_AGAIN_MS 20 /* after a poll that found records whose traps may be under way */
#define LOOK_MS 5000     /* a whole look, while one word tells that nothing was logged */
#define AHEAD 4096       /* records */

/*
 * The first record from p->want on whose trap may still be under way, if it is not far. (One that was so
 * at the last poll already is stepped on at the next, to be told of if it stays so.)
 */
static uint64_t whole_end(struct printk *p)
{
	uint64_t seq = p->want, end = p->want + AHEAD;
	const char *why;

	for (; seq < end; seq++)
		switch (printk_read(&p->l, &p->m, seq, false, &p->entry, &why)) {
		case PRINTK_RESERVED:
		case PRINTK_COMMITTED:
			return seq == p->want && p->polled >= seq ? seq + 1 : seq;
		case PRINTK_FUTURE:
			return seq == p->want && p->polled >= seq && printk_head_past(p, seq) ? seq + 1 : seq;
		case PRINTK_UNREADABLE:
			return seq;
		default:
			break;
		}
	return seq;
}

uint64_t printk_poll_limit(struct printk *p)
{
	uint64_t limit = p->polled, head, tail;

	if (!p->armed || p->first_drain || p->flood.on)
		return UINT64_MAX;
	if (p->code)
		p->polled = whole_end(p);
	else if (!printk_bounds(&p->l, &p->m, p->want, &head, &tail))
		p->polled = head + 1;
	return limit;
}

/*
 * Would a drain find nothing at all? It does not notice another ring that has the same head, so is never true
 * where a boot has no name of its own.
 */
static bool nothing_new(struct printk *p)
{
	uint64_t head;

	if (!p->marked || p->first_drain || p->rewound || p->n_window || p->n_skipped || p->gap_count || p->has_part ||
		p->stalled_since || p->m.read(p->m.ctx, p->l.head_id, &head, sizeof(head)) ||
		head != prb_seq_to_id(&p->l.g, p->want - 1))
		return false;
	p->polled = p->want;
	return true;
}

/* Nothing is trapped: polls are all there is. */
static bool polled(const struct printk *p)
{
	return p->pace.only && !(p->code && p->armed);
}

static int64_t next(const struct printk *p, int64_t now_ms)
{
	if (polled(p))
		return now_ms + (now_ms < p->pace.busy_ms ? POLLED_BUSY_MS : POLLED_MS);
	if (p->flood.on)
		return now_ms + FLOOD_POLL_MS;
	/* Records that the next poll will take unless their copies come before. */
	return now_ms + (p->code && p->armed && p->polled > p->want ? LOOK_AGAIN_MS : POLL_MS);
}

bool printk_pace_quiet(struct printk *p, const struct moment *m)
{
	struct printk_pace *c = &p->pace;

	if (p->flood.on || m->now_ms >= c->look_ms || p->rewound)
		return false;
	if (!nothing_new(p)) /* while copies come, there is no need to look at the guest either */
		return p->code && !m->emptied;
	c->next_ms = polled(p) ? next(p, m->now_ms) : m->now_ms + POLL_MS;
	return true;
}

/*
 * Where each stop drains the ring, not while doorbells ring, for a while. Where copies come, only when all that were
 * made before the last poll have been taken: what is in the ring and has none then has none.
 */
bool printk_pace_poll(struct printk *p, const struct moment *m)
{
	struct printk_pace *c = &p->pace;

	c->look_ms = m->now_ms + LOOK_MS;
	if (p->code)
		return m->emptied;
	c->next_ms = next(p, m->now_ms);
	if (!p->flood.on && m->now_ms - c->event_ms < POLL_MS && m->now_ms - c->polled_ms < ANYWAY_MS)
		return false;
	c->polled_ms = m->now_ms;
	return true;
}

void printk_pace_only(struct printk *p)
{
	p->pace.only = true;
}

void printk_pace_polled(struct printk *p, const struct moment *m)
{
	if (p->want != p->pace.want)
		p->pace.busy_ms = m->now_ms + BUSY_MS;
	p->pace.want = p->want;
	p->pace.next_ms = next(p, m->now_ms);
}

void printk_pace_rung(struct printk *p, const struct moment *m)
{
	p->pace.event_ms = m->now_ms;
}

void printk_pace_now(struct printk *p)
{
	p->pace = (struct printk_pace){.only = p->pace.only};
}
