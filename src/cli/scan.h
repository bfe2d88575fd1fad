/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.h - walk a ledger entry by entry, forwards or backwards, a bundle being read at a time, over what
 * is damaged as well: a bundle that cannot be read, or an entry whose length is not to be believed, is
 * counted and told, and the walk goes on behind it.
 *
 *	scan_begin(&s, from, to, false);
 *	while (scan_next(&s, &leaf, &index))
 *		...
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
	/* Entries @from to @to - 1 are damaged. */
	void (*damaged)(void *ctx, uint64_t from, uint64_t to, const char *why);
	void *ctx;

	/* What is left, and how far of that the bundle in hand reaches. */
	uint64_t from, to, begin, end;
	bool backward, loaded;
	struct scan_bundle bundle;
};

/* Walk over from <= index < to, rising, or with @backward falling. */
void scan_begin(struct scan *s, uint64_t from, uint64_t to, bool backward);

/*
 * The next entry: true with @leaf, which stays valid until the next call on the scan or its reader; false at
 * the end.
 */
bool scan_next(struct scan *s, struct span *leaf, uint64_t *index);

#endif
