/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bundles.h - the leaves of a view (verify/view.h) bundle by bundle, as far as its disk gives them: the body of
 * tlog-tiles' entry bundles, and the leaf hashes.
 */
#ifndef LOGVISOR_LEDGER_BUNDLES_H
#define LOGVISOR_LEDGER_BUNDLES_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/verify/view.h"
#include "util/err.h"

struct bundle {
	uint64_t at, n;  /* leaves at..at+n-1: 256, or fewer at the end */
	uint8_t *buf;    /* each with its length before it */
	size_t used, cap;
	struct hash leaf[LEDGER_BUNDLE];
};

struct bundles {
	const struct view *view;
	uint64_t first, size; /* leaves first..size-1; first is the start of a segment */
	/* Take a bundle, in order. 0, or -errno with @e: no more of them. */
	int (*take)(void *ctx, const struct bundle *b, struct err *e);
	void *ctx;
	uint64_t unreadable;  /* counted: leaves of bundles that cannot be read; */
	struct err why;       /* why the first of them cannot */
};

/* 0; -ENOMEM with @e; or what take() returned. */
int bundles_run(struct bundles *o, struct err *e);

#endif
