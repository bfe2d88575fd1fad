/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slots.h - the file `size`: the two trees that the writer was about to sign last, each with its root. What
 * the ledger holds has to have these roots at these sizes, whatever the checkpoint's size is; otherwise it
 * is another history than the one signed, a fork.
 */
#ifndef LOGVISOR_LEDGER_SLOTS_H
#define LOGVISOR_LEDGER_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/tree.h"
#include "util/err.h"

#define SLOTS 2

struct slot {
	bool valid; /* otherwise: never written, torn or damaged */
	uint64_t size;
	struct hash root;
};

struct slots {
	struct slot s[SLOTS];
};

/* Read both from the open file `size`. 0 or -errno. */
int slots_read(int fd, struct slots *out);

/* The largest size that a valid slot has; 0 without one. */
uint64_t slots_most(const struct slots *s);

/* The slot of @t's size that has another root than @t; NULL if there is none. */
const struct slot *slots_differ(const struct slots *s, const struct tree *t);

/* The error of a slot that does not hold. -EBADMSG. */
int slots_forked(const struct slot *s, struct err *e);

#endif
