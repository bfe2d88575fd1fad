/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardian.h - the process that may speak to Xen. Who can make hypercalls in Domain 0 can do anything to any domain,
 * so the worker, which reads what a guest wrote, cannot: it has the memory of one domain (mem.h), and asks this child
 * for the rest: the domain's state, a vCPU's registers, to pause it and to let it go, which domain took its place,
 * and to plant a site. The child answers for that one domain only; it parses nothing. It takes the vCPUs that come to
 * a site, shows them to the worker (catch.h), and lets them go (arm.h). When the worker ends, however it does, the
 * child takes all back and ends too.
 *
 * Should the child be killed, a second one, which does nothing else, frees the domain as the claim says (claim.h).
 * Should both be, the next attachment does.
 */
#ifndef LOGVISOR_TRAP_XEN_GUARDIAN_H
#define LOGVISOR_TRAP_XEN_GUARDIAN_H

#include <sys/types.h>

#include "trap/xen/arm.h"
#include "trap/xen/catch.h"
#include "trap/xen/dom.h"

struct xen_guardian {
	pid_t pid, second; /* 0: there is none */
	int ctl; /* -1: there is none */
	struct xen_catching catching;
};

void xen_guardian_init(struct xen_guardian *g);

/* Start it for domain @d. 0 or -errno with @e. */
int xen_guardian_start(struct xen_guardian *g, const struct xen_dom *d, struct err *e);

/* The state of the domain. -ESRCH: it is gone; -EPIPE: so is the guardian. */
int xen_guardian_state(struct xen_guardian *g, struct xen_dom *d, struct err *e);
/* Registers of vCPU @vcpu; the domain stands still for a moment. -ENOENT; -EAGAIN; -ESRCH; -EPIPE. */
int xen_guardian_regs(struct xen_guardian *g, unsigned vcpu, struct gcpu *out, struct err *e);
/* Pause it, or let it go. The guardian lets it go by itself after XEN_HOLD_MS, or with the worker's end. */
int xen_guardian_hold(struct xen_guardian *g, struct err *e);
int xen_guardian_let_go(struct xen_guardian *g, struct err *e);
/*
 * Be for the domain from now on that has the uuid of the last one, and is not dying: its descriptor for memory
 * (xen_mem_use()), and @d. -ESRCH: there is none; -EPIPE.
 */
int xen_guardian_next(struct xen_guardian *g, struct xen_dom *d, struct err *e);

/* Plant a site, take it back: see arm.h. -ESRCH; -EPIPE. */
int xen_guardian_plant(struct xen_guardian *g, const struct xen_want *w, struct err *e);
int xen_guardian_unplant(struct xen_guardian *g, uint32_t site, struct err *e);

#define XEN_HOLD_MS 2000

/* End it. Does nothing where there is none. */
void xen_guardian_end(struct xen_guardian *g);

#endif
