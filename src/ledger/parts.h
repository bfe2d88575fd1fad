/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parts.h - many segments gone through at once, and joined in order. A thread that is done with a segment
 * before its turn puts it aside and takes the next one.
 */
#ifndef LOGVISOR_LEDGER_PARTS_H
#define LOGVISOR_LEDGER_PARTS_H

#include <stdint.h>

#include "ledger/part.h"

#define PARTS_THREADS_MAX 16

struct parts {
	const struct view *view; /* of the ledger, borrowed */
	uint64_t from, to;  /* segments: from, and before to */
	const char *host;   /* as in struct part */
	unsigned threads;   /* 1 to PARTS_THREADS_MAX; the caller's is one of them */

	/* How many leaves of @segment are under the checkpoint. Called by any thread, at any time. */
	uint32_t (*covered)(const void *ctx, uint64_t segment);
	/* Take a part, in the order of the segments, never two at a time. 0, or -errno: no more of them. */
	int (*join)(void *ctx, struct part *p);
	void *ctx;
};

/* 0; -ENOMEM; or what join() returned. */
int parts_run(const struct parts *o);

#endif
