/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bypass.c - did every record pass the trap? Where copies are made in a trap at the functions
 * that store a record, one that turns up in the ring without its copy, and without a reason for
 * that, was stored by other means, or the trap was out of order for a moment. It is taken from the
 * ring like any that is late, and an alert says so.
 *
 * A reason is what the host did: it had no room for copies, or had taken the traps out. What the guest can
 * bring about, coming to a trap with nothing behind it, is none; that has an alert of its own.
 */
#include <inttypes.h>

#include "source/printk/impl.h"

#define LOST_VALID_US 1000000 /* a copy that was lost explains a late record for so long */

void printk_trapped(struct printk *p, uint64_t seq)
{
	p->trapped[seq & (PRINTK_TRAPPED - 1)] = seq + 1;
}

void printk_untrapped(struct printk *p, uint64_t seq)
{
	if (!p->code || !p->armed || p->first_drain || seq < p->backfill_end || seq < p->excused_end ||
		p->trapped[seq & (PRINTK_TRAPPED - 1)] == seq + 1)
		return;
	if (!p->untrapped++)
		p->untrapped_first = seq;
}

void printk_trapped_late(struct printk *p, uint64_t seq)
{
	if (p->untrapped && seq >= p->untrapped_first)
		p->untrapped--;
}

void printk_traps_failed(struct printk *p, uint64_t n)
{
	p->traps_failed += n;
}

/* What the ring holds by now may have been stored while the trap was not in order. */
static void excuse(struct printk *p)
{
	uint64_t head, tail;

	if (!printk_bounds(&p->l, &p->m, p->want, &head, &tail) && head + 1 > p->excused_end)
		p->excused_end = head + 1;
}

/*
 * Where a vCPU that nobody took a copy of was let go, its record has its place in the ring by now. Where copies were
 * made and found no room, others may have come since, and they are counted.
 */
void printk_copies_lost(struct printk *p, uint64_t n, int64_t now_us)
{
	p->copies_lost += n;
	p->copies_lost_us = now_us;
	if (n && p->pace.only)
		excuse(p);
}

void printk_disarmed(struct printk *p)
{
	p->armed = false;
}

void printk_rearmed(struct printk *p)
{
	excuse(p);
	p->polled = 0;
	p->armed = true;
}

int printk_check_bypass(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t n = p->untrapped, known = p->copies_lost;
	int r = 0;

	if (now_us - p->copies_lost_us > LOST_VALID_US || now_us < p->copies_lost_us)
		known = 0;
	if (n > known)
		r = printk_alert(p, now_us, e, "trap-bypassed",
			"records reached the guest's log without passing the trap, %" PRIu64 " from record %"
			PRIu64 " on; they were taken from its ring", n - known, p->untrapped_first);
	if (!r && p->traps_failed > p->traps_failed_told) {
		r = printk_alert(p, now_us, e, "trap-astray",
			"%" PRIu64 " times the guest came to a trap with no record that could be followed; what it "
			"logged meanwhile was taken from its ring", p->traps_failed - p->traps_failed_told);
		p->traps_failed_told = p->traps_failed;
	}
	if (r)
		return r;
	p->copies_lost = known > n ? known - n : 0;
	p->untrapped = 0;
	return 0;
}
