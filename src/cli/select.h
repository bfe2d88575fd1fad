/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select.h - which records are meant. What can be told of a leaf without decoding it is asked first, and
 * whole bundles are passed over where they lack the bytes that a pattern or a match needs.
 */
#ifndef LOGVISOR_CLI_SELECT_H
#define LOGVISOR_CLI_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/facility.h"
#include "cli/match.h"
#include "cli/pattern.h"
#include "cli/scan.h"
#include "cli/who.h"
#include "record/form.h"
#include "record/record.h"

/* Everything asked for, all of which must hold. Zeroed, with severity_to 7, every record is meant. */
struct selection {
	bool has_since, has_until;
	int64_t since_us, until_us;
	uint8_t severity_from, severity_to;
	struct facilities facilities;
	bool kernel; /* the kernel's log only, with Logvisor's own records about it */
	struct who who;
	struct match match;
	struct pattern *pattern; /* or NULL */
};

/* Mark in b->skip what cannot be meant. */
void select_bundle(const struct selection *s, struct scan_bundle *b);

/* Can select_leaf() say no? */
bool select_is_narrow(const struct selection *s);

/* May it be meant? @boot: 16 digits, or NULL for any. */
bool select_leaf(const struct selection *s, const char *boot, struct span leaf, int64_t time_us,
	uint8_t severity);

/* Is it? 1 or 0; -E2BIG if the pattern cannot be decided for its text (pattern.h). */
int select_record(const struct selection *s, const char *boot, const struct record *r, uint64_t index);

#endif
