/* SPDX-License-Identifier: BSD-3-Clause */
/* talk.h - what worker (guardian.c) and guardian (serve.c) say to each other: one question, one answer. */
#ifndef LOGVISOR_TRAP_XEN_TALK_H
#define LOGVISOR_TRAP_XEN_TALK_H

#include "trap/xen/arm.h"
#include "trap/xen/dom.h"

enum xen_ask { ASK_STATE, ASK_REGS, ASK_HOLD, ASK_LET_GO, ASK_NEXT, ASK_PLANT, ASK_UNPLANT };

struct xen_question {
	uint32_t what; /* enum xen_ask */
	uint32_t vcpu;
	struct xen_want want;
};

struct xen_answer {
	int r;
	struct xen_dom dom;
	struct gcpu regs;
};

/* What the processes of a domain are forked with. */
struct xen_talk {
	const struct xen_lib *lib;
	struct xen_dom dom;
	struct xen_claimed claim;
	struct xen_catching catching;
	int ctl;      /* the guardian's end */
	int guardian; /* the second guardian's: a pidfd of the first */
};

/*
 * A new process's first steps, called @name: of what it inherits only the @n descriptors at @fds are left, it can do
 * hypercalls, and little else. Xen's handle; NULL: it failed.
 */
void *xen_child(const struct xen_lib *l, const char *name, int **fds, unsigned n);

/* A process's whole life; the other descriptors it inherits are closed. */
_Noreturn void xen_serve(struct xen_talk *k);
_Noreturn void xen_second(struct xen_talk *k);

#endif
