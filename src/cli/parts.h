/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parts.h - a message that was longer than a leaf stands in the ledger in numbered parts (doc/leaf.md): put together
 * again where it is shown.
 */
#ifndef LOGVISOR_CLI_PARTS_H
#define LOGVISOR_CLI_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"

struct parts; /* freed by parts_free() */

/* For the ledger in @dir. NULL: out of memory. */
struct parts *parts_new(const char *dir);
void parts_free(struct parts *p);

/* Is @r a part of a message? */
bool parts_is(const struct record *r);

/*
 * @r, entry @index, is one: make it the whole message, which stays valid until the next call. What is missing of it
 * makes it truncated, after @wait_ms in which the ledger grew by none of it. False: the message was put together lately,
 * for another part of it.
 */
bool parts_join(struct parts *p, struct record *r, uint64_t index, unsigned wait_ms);

/* Was @r, which is one, preceded lately by another part of its message, or by that message put together? */
bool parts_met(struct parts *p, const struct record *r);
/* Another walk begins, which meets the same messages again. */
void parts_forget(struct parts *p);

#endif
