/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * continuity.h - are the guests' own sequence numbers complete? Within one channel and boot each number
 * must be stored exactly once, in order unless marked late, or be covered by a gap record.
 *
 * Numbers are kept as runs: a ledger without breaks is one run for each boot, whatever its length. Parts
 * of a ledger are gone through on their own and joined in order afterwards.
 */
#ifndef LOGVISOR_LEDGER_CONTINUITY_H
#define LOGVISOR_LEDGER_CONTINUITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

#define CONTINUITY_BOOT 32 /* bytes of a boot id that are told apart */

/* Consecutive numbers stored in consecutive order: first..last, in the records first_at..last_at. */
struct run {
	uint64_t first, last, first_at, last_at;
	uint64_t expected; /* the number that would have followed what came before, 0: none did */
	bool late, partial; /* partial: it does not keep others from having its number */
};

struct lost {
	uint64_t first, count, at;
};

struct stream {
	enum record_channel channel;
	char boot[CONTINUITY_BOOT];
	size_t boot_len;
	struct run *runs;
	size_t n_runs, cap_runs;
	struct lost *lost;
	size_t n_lost, cap_lost;
};

struct continuity {
	struct stream *streams;
	size_t n, cap, last; /* last: the one used last */
	uint64_t lost;       /* sum of all gap records */
	uint64_t blind;      /* gap records that know no number */
	bool has_total;      /* a record carries the ledger's total of lost records: */
	uint64_t total, before; /* the first of them, and the sum of the gap records before it */
	uint64_t total_blind, before_blind; /* the same of those that know no number */
	bool failed;         /* out of memory: say so, do not guess */
};

void continuity_free(struct continuity *c);

/* Take note of record @index. */
void continuity_add(struct continuity *c, const struct record *r, uint64_t index);

/* Append what @part saw after what @c saw. */
void continuity_join(struct continuity *c, const struct continuity *part);

enum continuity_kind {
	CONTINUITY_MISSING,   /* numbers a..b are in no record and no gap; between records i and j */
	CONTINUITY_TWICE,     /* numbers a..b are in two places, i and j */
	CONTINUITY_ORDER,     /* record i has number a out of order; b was expected */
	CONTINUITY_EXCHANGED, /* records i and j have each other's numbers (a stands at i) */
};

struct continuity_break {
	enum continuity_kind kind;
	const struct stream *stream;
	uint64_t a, b, i, j;
};

struct continuity_sum {
	uint64_t boots, gaps, lost, blind;
	uint64_t earlier, earlier_blind; /* lost before the first record here, by what the records say */
};

/*
 * Tell each break through @tell, once everything is joined; the runs are sorted by this. *sum counts
 * boots, gap records and the records these say were lost, but for those that followed late after all, and
 * the gap records that do not know how many.
 * 0 or -ENOMEM.
 */
int continuity_end(struct continuity *c, struct continuity_sum *sum,
	void (*tell)(void *ctx, const struct continuity_break *b), void *ctx);

#endif
