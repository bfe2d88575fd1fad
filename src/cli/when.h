/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * when.h - points in time as people write them, by systemd.time(7):
 *
 *	2026-11-23 10:00:00   Mon 2026-11-23 10:00   26-11-23   10:00:00.5   Nov 23 10:00:00
 *	2026-11-23T10:00:00Z   2026-11-23 10:00 +01:00
 *	@1795475944.25   now   today   yesterday   tomorrow
 *	-5min   +1h   "2h 30min ago"   "2hours left"
 *
 * A zone may follow: UTC, one of the local zone's two names, or a name of the zone database
 * (Europe/Berlin). Without one the local zone is meant.
 */
#ifndef LOGVISOR_CLI_WHEN_H
#define LOGVISOR_CLI_WHEN_H

#include <stdint.h>

#include "util/err.h"

/* Microseconds since the epoch, seen from @now_us. -EINVAL with @e. Needs tzset(). */
int when_parse(const char *text, int64_t now_us, int64_t *us, struct err *e);

#endif
