/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * facility.h - syslog facilities (RFC 5424 table 1) by name or number.
 */
#ifndef LOGVISOR_CLI_FACILITY_H
#define LOGVISOR_CLI_FACILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

/* A set of facilities; a record's may be any byte. */
struct facilities {
	uint64_t bits[4];
	bool any; /* something was put in */
};

/* Add those of @text, "kern,daemon,local0,16". -EINVAL with @e. */
int facility_parse(const char *text, struct facilities *f, struct err *e);

static inline bool facility_in(const struct facilities *f, uint8_t facility)
{
	return !f->any || (f->bits[facility >> 6] >> (facility & 63) & 1);
}

/* Their names, one a line, to stdout. */
void facility_list(void);

#endif
