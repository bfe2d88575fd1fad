/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone.h - the time zone at the end of a point in time: Z, UTC, +hh:mm, one of the local zone's names (which
 * says as well whether it is summer time), or a name of the zone database.
 */
#ifndef LOGVISOR_CLI_ZONE_H
#define LOGVISOR_CLI_ZONE_H

#include <stdbool.h>

#include "util/span.h"

struct zone {
	bool fixed; /* at `offset` seconds east of Greenwich; else what localtime_r() and mktime() go by */
	int offset;
	int dst;     /* for mktime(): 1 or 0 where the name says it, else -1 */
	bool changed; /* localtime_r() and mktime() go by another zone than the process's until zone_leave() */
	char *before; /* what TZ was; NULL: not set */
};

/*
 * Take the zone, and the spaces before it, off the end of @s; without one it is the local one. zone_leave() in
 * any case; until then the process's local zone is that one. False: out of memory.
 */
bool zone_take(struct span *s, struct zone *z);
void zone_leave(struct zone *z);

#endif
