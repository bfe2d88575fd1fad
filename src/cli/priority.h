/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * priority.h - severities as syslog names them.
 */
#ifndef LOGVISOR_CLI_PRIORITY_H
#define LOGVISOR_CLI_PRIORITY_H

#include <stdint.h>

#include "util/err.h"

/*
 * "err": that severity and all that are graver; "warning..crit" or "2..4": from one to the other.
 * Names are those of syslog(3), with panic, error and warn; 0 is the gravest. -EINVAL with @e.
 */
int priority_parse(const char *text, uint8_t *from, uint8_t *to, struct err *e);

#endif
