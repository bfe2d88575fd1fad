/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cursor.h - a place in one ledger, or in each of several: vm=NAME;i=INDEX[;vm=NAME;i=INDEX...], INDEX being
 * that of the record shown last.
 */
#ifndef LOGVISOR_CLI_CURSOR_H
#define LOGVISOR_CLI_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/err.h"

struct cursor_place {
	char name[RECORD_NAME_MAX + 1];
	uint64_t index;
};

struct cursor {
	struct cursor_place *place; /* one for a name */
	size_t n;
};

/* Read @text. -EINVAL, -E2BIG (more than 10,000 ledgers) or -ENOMEM with @e. cursor_free() in any case. */
int cursor_parse(const char *text, struct cursor *c, struct err *e);
void cursor_free(struct cursor *c);

/* Is there a place in the ledger of @name? */
bool cursor_find(const struct cursor *c, const char *name, uint64_t *index);

/* Set the place in the ledger of @name. -ENOMEM. */
int cursor_set(struct cursor *c, const char *name, uint64_t index);

/* As text, without a newline; to be freed. NULL: out of memory. */
char *cursor_text(const struct cursor *c);

/* --cursor-file: 1 if @file had one, 0 if it is not there or empty, -errno with @e. */
int cursor_load(const char *file, struct cursor *c, struct err *e);
/* Put @c in the place of what @file has, whole or not at all. */
int cursor_save(const char *file, const struct cursor *c, struct err *e);

#endif
