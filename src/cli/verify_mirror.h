/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify_mirror.h - a ledger held against what a mirror has stored of the same log: where do the two part?
 */
#ifndef LOGVISOR_CLI_VERIFY_MIRROR_H
#define LOGVISOR_CLI_VERIFY_MIRROR_H

#include "cli/from.h"
#include "ledger/verify.h"

struct verify_mirror {
	bool compared;        /* or what it served was no log to compare with: told */
	uint64_t size;        /* records under the mirror's checkpoint, and */
	uint64_t same;        /* so many of them from the first on are the ledger's */
	uint64_t cosigned_at; /* seconds since 1970; 0: no cosigner is known */
};

/*
 * Compare the ledger of VM @name in @dir, judged by @sum, with the mirror at o->url. What differs is told through
 * @opt and counted in @sum; @opt->pin is the key of both. 0 or -errno with @e: the mirror could not be asked.
 */
int verify_mirror(const struct from *o, const char *name, const char *dir, const struct verify_options *opt,
	struct verify_sum *sum, struct verify_mirror *out, struct err *e);

#endif
