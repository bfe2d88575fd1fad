/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lost.h - how many records a ledger says were lost, in all its time, and how many of each channel it was given,
 * without reading all of it: some of Logvisor's own records carry the totals up to their place (META_TOTAL_LOST,
 * META_TOTAL_RECORDS), so that only what comes after the last of them is to be added.
 */
#ifndef LOGVISOR_LEDGER_LOST_H
#define LOGVISOR_LEDGER_LOST_H

#include <stdint.h>

#include "ledger/ledger.h"
#include "record/record.h"

/* @a + @b, or the most there is. */
uint64_t lost_add(uint64_t a, uint64_t b);

/* What the gap records say in all. */
struct lost_sum {
	uint64_t lost;
	uint64_t blind; /* gaps of which nobody knows the size */
	/* The guest's records of each channel, those that were pruned too. */
	bool counted; /* else that is not known: a version before wrote no such totals, and it was not looked further */
	uint64_t records[RECORD_CHANNELS];
};

/*
 * Look back from the end of @r's ledger, over at most @most records. 1 with the total in *sum; 0: no record
 * that carries one is among them, nor is the ledger's first; -errno (-ENOMEM). The reader's position moves.
 */
int lost_total(struct ledger_reader *r, uint64_t most, struct lost_sum *sum, struct err *e);

#endif
