/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timespan.h - lengths of time as systemd.time(7) has them: "2h 30min", "1.5 days", "90".
 */
#ifndef LOGVISOR_CLI_TIMESPAN_H
#define LOGVISOR_CLI_TIMESPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

/* Microseconds; a number without a unit is seconds. False if @s is no length of time, or too long a one. */
bool timespan_parse(struct span s, int64_t *us);

/* The fraction at *@p, without its point, as microseconds; what is beyond them is dropped. */
int64_t timespan_fraction(const char **p, const char *end, int64_t whole);

#endif
