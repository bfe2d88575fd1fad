/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * said.h - what a guest's record claims: the program's name for itself, its pid, its unit, and the text that is meant
 * to be read. None of it was observed; beside what was, it shows who says to be another.
 */
#ifndef LOGVISOR_RECORD_SAID_H
#define LOGVISOR_RECORD_SAID_H

#include <stdbool.h>

#include "record/record.h"

/* Spans point into the record; what is not claimed is empty. */
struct said {
	struct span identifier, pid, unit;
	struct span time; /* as it was written */
	struct span text; /* of an entry for journald MESSAGE, else what follows the other claims */
	/* channel audit: the number of the record's type, its name ("" if it is none known), and its event's number */
	uint64_t audit_type, audit_id;
	bool has_audit_type, has_audit_id;
	const char *audit_name;
};

void said_of(const struct record *r, struct said *out);

/*
 * Take off what audit_log_start() begins each text with, "audit(1795428000.123:45): " (kernel/audit.c, Linux 5.10 to
 * 7.2), and say when and which event that is. False: @text does not begin so, and nothing is changed.
 */
bool said_audit_begin(struct span *text, struct span *time, struct span *serial);

/*
 * Does what @r claims fit what was observed of its sender? NULL if so, or if nothing is claimed; else which claim does
 * not: "identifier", "pid", "unit", or "credentials" of its socket. A program may call itself by its file's
 * name or its process's, in any case, and behind a path ("postfix/smtpd").
 */
const char *said_mismatch(const struct record *r);

#endif
