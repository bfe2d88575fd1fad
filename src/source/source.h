/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - where records come from: a source knows one kind of log of a guest, says which sites the
 * backend shall plant for it, and turns what the traps deliver, and what it finds in guest memory
 * itself, into records. It emits each record exactly once and never hides a loss.
 */
#ifndef LOGVISOR_SOURCE_SOURCE_H
#define LOGVISOR_SOURCE_SOURCE_H

#include <stdint.h>

#include "guest/guest.h"
#include "record/record.h"
#include "trap/trap.h"
#include "util/err.h"

/* One record that is stored: the name of its boot, its number, the guest's time, a hash of its text. */
typedef int (*source_known)(void *ctx, const char *boot, uint64_t seq, uint64_t guest_ns,
	uint64_t text_hash);

/*
 * Takes each record the source produces; the source has filled all but `host`. Returns 0, or a negative
 * errno that stops the source until it is called again (the record is then offered again).
 */
struct source_sink {
	int (*emit)(void *ctx, struct record *r, struct err *e);
	void *ctx;
	/*
	 * Call @known for each record of the kernel's log that is stored, newest first, until it returns
	 * non-zero. 0 or -errno with @e. NULL: the sink cannot tell.
	 */
	int (*recall)(void *ctx, source_known known, void *known_ctx, struct err *e);
};

#define SOURCE_OPEN_MAX 16

/* What is already in the ledger of this channel, so that nothing is emitted twice. */
struct source_resume {
	bool known;
	char boot[17];
	uint64_t seq;       /* the last one stored */
	uint64_t guest_ns;  /* its guest time ... */
	uint64_t text_hash; /* ... and a hash of its text, to recognise the same boot by content */
	uint64_t next;      /* the first not accounted for: seq + 1, or after the gaps that follow */
	/* Below that, but a gap names them, of the last ones: their writers may have finished them since. */
	uint64_t open[SOURCE_OPEN_MAX];
	unsigned n_open;
};

struct source_counters {
	uint64_t records, live, backfill, late, partial, lost, gaps, truncated;
	uint64_t lag_us; /* oldest record not yet copied, 0 if none */
};

#endif
