/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arm.h - the trap as the guardian keeps it: the monitor's ring, the sites, which vCPUs stand still for a copy, and
 * when to rest. Attach: the claim is locked, what the dead left is healed, the ring made, descriptor events turned
 * on, a site's bytes written while the domain is paused. Detach, all while it is paused: the bytes, the events, every
 * request answered, the ring. (Unpaused before the ring goes, a vCPU can be left waiting for ever.)
 *
 * Each event costs some 70,000 instructions. So when they come in a burst, or are another's (SLDT, STR, SGDT and SIDT
 * of the guest's programs), descriptor events are turned off for a while: planted sites then cost nothing, and the
 * worker polls. They are turned on again after that, and off for longer if nothing has changed.
 */
#ifndef LOGVISOR_TRAP_XEN_ARM_H
#define LOGVISOR_TRAP_XEN_ARM_H

#include "trap/xen/catch.h"
#include "trap/xen/claim.h"
#include "trap/xen/dom.h"
#include "trap/xen/ring.h"

/* Events of one kind, and the rests for them. */
struct xen_often {
	int64_t since_ms; /* the present window of time, */
	unsigned n;       /* and how many there were */
	int64_t rest_ms;  /* how long the last rest was */
};

struct xen_arm {
	const struct xen_lib *lib;
	void *xch;
	struct xen_dom *dom; /* the guardian's */
	struct xen_claimed claim;
	struct xen_catching catching;
	struct xen_ring ring;
	uint64_t rip[XEN_SITES_MAX]; /* of claim.c->site[] in use */
	struct xen_event waiting[XEN_RING_SLOTS]; /* requests of vCPUs whose copy the worker makes ... */
	int64_t until_ms[XEN_RING_SLOTS]; /* ... until then; 0: none */
	bool behind; /* the worker takes too long: nobody waits for it until it is heard of */
	struct xen_often often[XEN_RESTS];
	int64_t wake_ms, woke_ms; /* when a rest ends; and the last one ended */
};

/* A site as the worker wants it. */
struct xen_want {
	uint32_t site;   /* its number, below XEN_SITES_MAX */
	uint32_t pad;
	uint64_t rip;
	uint64_t gpa[2]; /* as xen_mem_poke() has it */
};

/*
 * Take the claim on the domain, and heal what the dead left. 0; -EALREADY: another worker of Logvisor has it; or
 * -errno. To be called for each domain, before anything is done to it.
 */
int xen_arm_begin(struct xen_arm *a);

/*
 * Plant it, or plant it again. 0; -EBUSY: other bytes stand there; -EADDRINUSE: another program monitors the
 * domain; -EALREADY: another worker of Logvisor does; -ENOTSUP; or -errno.
 */
int xen_arm_plant(struct xen_arm *a, const struct xen_want *w);
/* Take it back. The last one's takes the ring with it. */
int xen_arm_unplant(struct xen_arm *a, uint32_t site);
/* All of it; also of a domain that is gone. */
void xen_arm_end(struct xen_arm *a);

/* Pause and unpause, noted. */
int xen_arm_pause(struct xen_arm *a);
int xen_arm_unpause(struct xen_arm *a);

/* The channel was readable; the worker rang; a time has come (xen_arm_due()). */
void xen_arm_events(struct xen_arm *a);
void xen_arm_copied(struct xen_arm *a);
void xen_arm_tick(struct xen_arm *a);
/* When the next is due: monotonic, INT64_MAX: never. */
int64_t xen_arm_due(const struct xen_arm *a);

#endif
