/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sequence.c - are the guests' own numbers complete, and what do the gap records say was lost?
 */
#include <errno.h>
#include <inttypes.h>

#include "ledger/lost.h"
#include "ledger/verify/impl.h"

/* Does a segment that could not be read lie between records @i and @j? */
static bool unreadable_between(const struct verify *v, uint64_t i, uint64_t j)
{
	for (size_t k = 0; k < v->n_unreadable && k < UNREADABLE; k++)
		if (v->unreadable[k] >= i / LEDGER_SEGMENT && v->unreadable[k] <= j / LEDGER_SEGMENT)
			return true;
	return v->n_unreadable > UNREADABLE;
}

static void tell_break(void *ctx, const struct continuity_break *b)
{
	const char *ch = record_channel_name(b->stream->channel);
	int n = (int)b->stream->boot_len;
	const char *boot = b->stream->boot;
	struct verify *v = ctx;

	switch (b->kind) {
	case CONTINUITY_MISSING:
		if (unreadable_between(v, b->i, b->j))
			break;
		verify_tell(v, FINDING_SEQUENCE, b->i, b->j, "%s %" PRIu64 " to %" PRIu64 " (%" PRIu64
			") of boot %.*s are missing between records %" PRIu64 " and %" PRIu64
			", and no gap record says so", ch, b->a, b->b, b->b - b->a + 1, n, boot, b->i,
			b->j);
		break;
	case CONTINUITY_TWICE:
		verify_tell(v, FINDING_SEQUENCE, b->i, b->j, "%s %" PRIu64 " to %" PRIu64
			" of boot %.*s are stored twice, at records %" PRIu64 " and %" PRIu64, ch, b->a,
			b->b, n, boot, b->i, b->j);
		break;
	case CONTINUITY_ORDER:
		verify_tell(v, FINDING_SEQUENCE, b->i, b->j, "record %" PRIu64 " has number %" PRIu64 " of %s"
			", boot %.*s, where %" PRIu64 " or more was due", b->i, b->a, ch, n, boot, b->b);
		break;
	case CONTINUITY_EXCHANGED:
		verify_tell(v, FINDING_SEQUENCE, b->i, b->j, "records %" PRIu64 " and %" PRIu64
			" have each other's numbers (%s %" PRIu64 " and %" PRIu64 " of boot %.*s)", b->i,
			b->j, ch, b->a, b->b, n, boot);
		break;
	}
}

int verify_sequence(struct verify *v, struct err *e)
{
	struct continuity_sum c;

	if (continuity_end(&v->continuity, &c, tell_break, v))
		return err_set(e, ENOMEM, "out of memory");
	v->sum->boots = c.boots;
	v->sum->gaps = c.gaps;
	v->sum->blind = v->sum->first ? lost_add(c.blind, c.earlier_blind) : c.blind;
	/* The gap records of what was pruned are gone; the total carried on is not. */
	v->sum->lost = v->sum->first ? lost_add(c.lost, c.earlier) : c.lost;
	return 0;
}
