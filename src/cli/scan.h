/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.h - walk a ledger bundle by bundle, forwards or backwards, over what is damaged as well: a
 * bundle that cannot be read, or an entry whose length is not to be believed, is counted and told, and
 * the walk goes on behind it.
 */
#ifndef LOGVISOR_CLI_SCAN_H
#define LOGVISOR_CLI_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "util/err.h"
#include "util/span.h"

/* The whole entries of one bundle. */
struct scan_bundle {
	struct span bytes;
	uint64_t base;
	unsigned int n;
	struct span leaf[LEDGER_BUNDLE];
	bool skip[LEDGER_BUNDLE]; /* set by select(): do not visit */
};

struct scan {
	struct ledger_reader *reader;
	/* Bundles that the index says have nothing of this time are not read. */
	int64_t since_us, until_us;
	/* Optional: look at a whole bundle first, and set skip[]. Returns false to pass over all. */
	bool (*select)(void *ctx, struct scan_bundle *b);
	/* One entry. Returns 0 to go on, 1 to end the walk, or -errno. */
	int (*visit)(void *ctx, struct span leaf, uint64_t index);
	/* Entries @from to @to - 1 are damaged. */
	void (*damaged)(void *ctx, uint64_t from, uint64_t to, const char *why);
	void *ctx;
	struct scan_bundle bundle;
};

/* Visit from <= index < to in rising (falling) order. 0, or 1 and -errno from visit(). */
int scan_forward(struct scan *s, uint64_t from, uint64_t to);
int scan_backward(struct scan *s, uint64_t from, uint64_t to);

#endif
