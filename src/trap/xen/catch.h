/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * catch.h - the memory that guardian and worker share: vCPUs that came to a site and stand still. The guardian, which
 * takes them from Xen, parses nothing; the worker, which copies the record, may not speak to Xen. So the guardian
 * puts a vCPU's registers here and rings, the worker copies and says so, and the guardian lets the vCPU go: then, or
 * when the worker has taken too long (XEN_CATCH_MS), or has died. The guardian believes nothing that stands here but
 * that a vCPU was taken, which lets it go.
 */
#ifndef LOGVISOR_TRAP_XEN_CATCH_H
#define LOGVISOR_TRAP_XEN_CATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "trap/xen/event.h"
#include "trap/xen/ring.h"
#include "util/err.h"

#define XEN_CATCH_MS 50 /* a vCPU stands still for its copy no longer */

enum xen_caught_state {
	XEN_CAUGHT_NONE,  /* to XEN_CAUGHT_HERE by the guardian */
	XEN_CAUGHT_HERE,  /* to _TAKEN by the worker, or back to _NONE by the guardian: it took too long */
	XEN_CAUGHT_TAKEN, /* to _NONE by the guardian */
};

struct xen_caught {
	uint32_t state; /* enum xen_caught_state */
	uint32_t site;  /* which of the sites, as the worker numbered them */
	int64_t time_ns; /* CLOCK_MONOTONIC */
	struct xen_event_regs regs;
};

/* Why nothing was trapped the last time that nothing was. */
enum xen_rest { XEN_REST_BURST, XEN_REST_FOREIGN, XEN_RESTS };

struct xen_catch {
	struct xen_caught vcpu[XEN_RING_SLOTS];
	/*
	 * How often a rest began or ended: odd while nothing is trapped. Said before it begins and after it ended; a
	 * worker that comes late still learns that there was one. It wraps.
	 */
	uint32_t turns;
	uint32_t why; /* enum xen_rest, of the last */
	uint32_t missed;  /* vCPUs let go without a copy; it wraps */
};

/* Both ends inherit it. */
struct xen_catching {
	struct xen_catch *c; /* NULL: there is none */
	int rung; /* eventfd: the worker is to look, */
	int done; /* the guardian is to */
};

int xen_catch_make(struct xen_catching *k, struct err *e);
void xen_catch_drop(struct xen_catching *k);

void xen_catch_ring(int fd);
/* It rang. */
void xen_catch_heard(int fd);

#endif
