/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sites.h - the traps of one source: those planted are brought to those it wants, which change with what it
 * finds, and are tried again where another tracer was in the way.
 */
#ifndef LOGVISOR_WORKER_SITES_H
#define LOGVISOR_WORKER_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "source/source.h"

#define SITES_MAX 512 /* of one source */

struct sites {
	struct trap *t;
	struct trap_site planted[SITES_MAX];
	unsigned n;
	bool armed;       /* all that are wanted are planted */
	bool again;       /* what was in the way may go */
	int64_t again_ms; /* not before */
};

/* Are the planted sites those that @s wants? */
bool sites_in_place(const struct sites *p, struct source *s);

/* Before the VM is held for sites_plant(); only where the backend has a prepare(). */
void sites_prepare(const struct sites *p, struct source *s);

/*
 * Plant what @s wants and is not planted, take out the rest. If the backend has no room for all, @s is asked
 * for fewer. Sets `armed`. 0 or plant()'s -errno; -ENOTSUP: it wants nothing that this backend can trap.
 */
int sites_plant(struct sites *p, struct source *s, struct err *e);

/* Give the site of tag @tag its trap back. 0 or plant()'s -errno; -ESRCH also if it is not planted. */
int sites_replant(struct sites *p, uint32_t tag, struct err *e);

/* Is it time to try again what was in the way of another tracer? */
bool sites_try_again(struct sites *p, int64_t now_ms);

void sites_unplant_all(struct sites *p);

#endif
