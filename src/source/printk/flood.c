/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flood.c - no record is overwritten before it was copied, however fast the guest writes and
 * however slowly it is read; and a flood does not cost a stop for each record.
 *
 * Before the kernel reuses the space of a record it marks the record's descriptor reusable
 * (desc_make_reusable(), kernel/printk/printk_ringbuffer.c, 5.10 to 7.2), oldest record first; until
 * then all later ones are whole. So the descriptors of a few records in the newer half of the ring,
 * all of them stored, are watched besides the doorbell: the guest stops before anything is
 * overwritten that was not copied. There are several, one for each vCPU that might run on for a
 * moment while the first to hit one brings the VM to a halt.
 *
 * The doorbell alone is not enough: it rings for records in order. While a vCPU is between reserving
 * a record and finishing it (its host thread may have to wait for milliseconds there), others can
 * write a whole ring of later ones that nobody is told of.
 *
 * In a flood these watchpoints are the only ones: one stop for each half of the ring instead of one
 * for each record. In between the ring is read while the guest runs, so what is found is late.
 */
#include "source/printk/impl.h"

#define WINDOW_US 2000000    /* so long a flood has to last ... */
#define ENTER_RECORDS 256    /* ... with so many records, to count as one */
#define LEAVE_US 250000
#define LEAVE_RECORDS 64     /* fewer in LEAVE_US: it is over */
#define LEAST 16             /* records the ring must hold for points to be chosen in it */
#define NEAR 16              /* so far from where a point should be it is looked for */

/* Is record @seq final, with text, and not yet given up by the ring? *@none: it has no text. */
static bool in_ring(const struct printk *p, uint64_t seq, bool *none)
{
	struct prb_desc_copy d;

	*none = false;
	if (p->m.read(p->m.ctx, prb_desc_gva(&p->l.g, seq), &d, sizeof(d)))
		return false;
	*none = d.begin & 1; /* its descriptor is given up later than its neighbours' */
	return prb_id(d.state_var) == prb_seq_to_id(&p->l.g, seq) &&
		prb_state(d.state_var) == PRB_FINALIZED;
}

/* The first such record at or after @seq, at most NEAR further; UINT64_MAX if there is none. */
static uint64_t near(const struct printk *p, uint64_t seq, uint64_t end)
{
	for (unsigned i = 0; i < NEAR && seq < end; i++, seq++) {
		bool none;

		if (in_ring(p, seq, &none) && !none)
			return seq;
	}
	return UINT64_MAX;
}

/* Choose what to watch; the guest is held and everything final is stored. false: impossible. */
static bool choose(struct printk *p)
{
	uint64_t head, tail, low, high = p->want;

	if (printk_bounds(&p->l, &p->m, p->want, &head, &tail) || tail >= p->want)
		return false;
	/* Between tail and the oldest record still whole the descriptors are reusable already. */
	for (low = tail; low < high;) {
		uint64_t mid = low + (high - low) / 2;

		if (near(p, mid, p->want) == UINT64_MAX)
			low = mid + 1;
		else
			high = mid;
	}
	if (p->want - low < LEAST)
		return false;
	for (unsigned i = 0; i < PRINTK_POINTS; i++) {
		uint64_t seq = near(p, low + (p->want - low) * (PRINTK_POINTS + i) / (2 * PRINTK_POINTS),
			p->want);

		if (seq == UINT64_MAX)
			return false;
		p->flood.point[i] = seq;
	}
	return true;
}

static void window(struct printk_flood *f, uint64_t want, int64_t now_us)
{
	f->since_us = now_us;
	f->since_seq = want;
}

/* Does the guest flood its log? Asked after each stop. */
static bool floods(struct printk *p, int64_t now_us)
{
	struct printk_flood *f = &p->flood;
	int64_t passed = now_us - f->since_us;
	bool on;

	if (f->since_us && passed >= 0 && passed < WINDOW_US)
		return false;
	/* Not at the first look, nor after a window long over, nor when the clock was set back. */
	on = f->since_us && passed >= 0 && passed < 2 * WINDOW_US &&
		p->want - f->since_seq >= ENTER_RECORDS;
	window(f, p->want, now_us);
	return on;
}

bool printk_flood_reached(const struct printk *p)
{
	bool none;

	return p->flood.points && !in_ring(p, p->flood.point[0], &none);
}

void printk_flood_held(struct printk *p, int64_t now_us)
{
	struct printk_flood *f = &p->flood;

	if (f->no_room || !f->watched || !p->armed || p->n_window)
		return;
	if (!f->points || printk_flood_reached(p))
		f->points = choose(p);
	if (!f->points)
		f->on = false;
	else if (!f->on && !f->strict)
		f->on = floods(p, now_us);
}

void printk_flood_polled(struct printk *p, int64_t now_us)
{
	struct printk_flood *f = &p->flood;

	if (!f->on || (now_us >= f->since_us && now_us - f->since_us < LEAVE_US))
		return;
	f->on = p->want - f->since_seq >= LEAVE_RECORDS;
	window(f, p->want, now_us);
}

static struct trap_site site(const struct printk *p, uint64_t seq, uint32_t tag)
{
	return (struct trap_site){.kind = SITE_WATCH, .len = 8, .tag = tag,
		.gva = prb_desc_gva(&p->l.g, seq)};
}

/*
 * A KVM guest takes 4 in all, doorbells included. A record passed over may be overwritten as soon as it is
 * finished, so stop right then.
 */
unsigned printk_flood_sites(const struct printk *p, struct trap_site *sites, unsigned max)
{
	const unsigned pending = p->n_skipped < PRINTK_PENDING ? p->n_skipped : PRINTK_PENDING;
	const unsigned step = p->flood.on && !pending ? 1 : 2;
	unsigned n = 0;

	if (!p->flood.points)
		return 0;
	for (unsigned i = 0; i < PRINTK_POINTS && n < max; i += step)
		sites[n++] = site(p, p->flood.point[i], PRINTK_TAG_REUSE + i);
	for (unsigned i = 0; i < pending && n < max; i++)
		sites[n++] = site(p, p->skipped[i], PRINTK_TAG_PENDING + i);
	return n;
}

bool printk_flooded(const struct printk *p)
{
	return p->flood.on;
}

void printk_strict(struct printk *p)
{
	p->flood.strict = true;
	p->flood.on = false;
}

bool printk_doorbell_only(struct printk *p)
{
	bool was = p->flood.points;

	p->flood.no_room = true;
	p->flood.points = p->flood.on = false;
	return was;
}
