/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bounded.h - what the fuzz targets of sources have in common: an arena in which reading ends at last, and a sink that
 * demands of each record that it can be stored.
 */
#ifndef LOGVISOR_TESTS_FUZZ_BOUNDED_H
#define LOGVISOR_TESTS_FUZZ_BOUNDED_H
#include <stdlib.h>

#include "record/record.h"
#include "source/source.h"
#include "unit/guest/arena.h"

#define READS_MAX 8000000 /* of one input: more is a loop */

/* fetch_mem.read of the arena @ctx; aborts at more than READS_MAX. */
static inline int bounded_read(void *ctx, uint64_t gva, void *buf, size_t len)
{
	const struct arena *a = ctx;

	if (a->reads > READS_MAX)
		abort();
	return arena_read(ctx, gva, buf, len);
}

/* source_sink.emit; aborts if @r has no form as a leaf. */
static inline int bounded_emit(void *ctx, struct record *r, struct err *e)
{
	static char leaf[RECORD_LEAF_MAX];

	(void)ctx;
	(void)e;
	r->host = span_of("vm");
	if (record_encode(r, leaf, sizeof(leaf)) <= 0)
		abort();
	return 0;
}

#endif
