/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * match.h - journalctl's FIELD=value: terms of the same field are alternatives, terms of different fields
 * must all hold, and a "+" between them separates alternatives of the whole. The fields are those of the
 * json and export forms (record/form_fields.c).
 */
#ifndef LOGVISOR_CLI_MATCH_H
#define LOGVISOR_CLI_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"
#include "util/err.h"
#include "util/span.h"

#define MATCH_TERMS_MAX 64

struct match_term {
	struct span key, value; /* borrowed from the command line */
	unsigned int group;     /* counted by the "+" */
};

struct match {
	struct match_term term[MATCH_TERMS_MAX];
	unsigned int n, groups;
	bool plus; /* the last word was a "+" */
};

/* Add a word: a term, or "+". -EINVAL with @e: no field's name, a "+" without a term before it, too many. */
int match_add(struct match *m, const char *word, struct err *e);

/* After the last word: -EINVAL if a "+" has no term behind it. */
int match_finish(const struct match *m, struct err *e);

/* Does record @r, entry @index, match? Without a term every one does. */
bool match_record(const struct match *m, const struct record *r, uint64_t index);

/*
 * Bytes that the leaf of every match contains, so that whole bundles can be passed over: those of one
 * value. n == 0 if there are none for certain.
 */
struct span match_literal(const struct match *m);

#endif
