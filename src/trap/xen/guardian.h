/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardian.h - the process that may speak to Xen. Who can make hypercalls in Domain 0 can do anything to any domain,
 * so the worker, which reads what a guest wrote, cannot: it has the memory of one domain (mem.h), and asks this child
 * for the rest: the domain's state, a vCPU's registers, to pause it and to let it go, and which domain took its place.
 * The child answers for that one domain only; it parses nothing, and ends with the worker, after it has let the domain
 * go.
 */
#ifndef LOGVISOR_TRAP_XEN_GUARDIAN_H
#define LOGVISOR_TRAP_XEN_GUARDIAN_H

#include <sys/types.h>

#include "trap/xen/dom.h"

struct xen_guardian {
	pid_t pid;
	int ctl; /* -1: there is none */
};

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

#define XEN_HOLD_MS 2000

/* End it. Does nothing where there is none. */
void xen_guardian_end(struct xen_guardian *g);

#endif
