/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unique.h - a set of byte strings, in the order in which they came.
 */
#ifndef LOGVISOR_CLI_UNIQUE_H
#define LOGVISOR_CLI_UNIQUE_H

#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

/* What a guest may make a reader keep: enough for any field that is a name, a number or a path. */
#define UNIQUE_MAX (UINT64_C(256) << 20)

struct unique {
	struct unique_entry *slot; /* open addressing; a power of two of them */
	size_t slots, n;
	uint64_t bytes;
};

/* Put a copy of @s in. 1 if it is new, 0 if it was there, -ENOMEM, -E2BIG beyond UNIQUE_MAX bytes in all. */
int unique_add(struct unique *u, struct span s);
void unique_free(struct unique *u);

#endif
