/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pattern.h - a regular expression (PCRE2, just-in-time compiled) over many messages. Where the
 * expression has a literal that every match contains, whole bundles of records without it are passed
 * over at memory speed.
 */
#ifndef LOGVISOR_CLI_PATTERN_H
#define LOGVISOR_CLI_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/span.h"

struct pattern;

enum pattern_case {
	PATTERN_SMART, /* as journalctl: ignored if the expression is all lower case */
	PATTERN_EXACT,
	PATTERN_IGNORE,
};

/* -EINVAL for a bad expression, with where. Freed by pattern_free(). */
int pattern_compile(struct pattern **out, const char *text, enum pattern_case how, struct err *e);
void pattern_free(struct pattern *p);

/*
 * Does it match within @text? 1 or 0. Bytes that are not UTF-8 match nothing. -E2BIG: PCRE2 gave up at one
 * of its limits, as an expression like "(a+)+$" makes it, and a text so made by the guest; then it is not
 * known, and that has to be said.
 */
int pattern_match(const struct pattern *p, struct span text);

/*
 * The offset, at or after @from, where a match could have its literal; s.n if there is none in @s.
 * Without a literal it is @from.
 */
size_t pattern_find_literal(const struct pattern *p, struct span s, size_t from);

/* May text in @s match by other characters than the literal's own (k and s have case pairs outside
 * US-ASCII)? Then the literal does not decide. */
bool pattern_literal_unsure(const struct pattern *p, struct span s);

/* The literal found in the expression, "" if none; for tests. */
const char *pattern_literal(const struct pattern *p);

#endif
