/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xen.h - the xen backend's own state: a PVH or HVM domain of the Xen whose Domain 0 this is. Its trap is an SLDT
 * written over a NOP of the guest's loaded kernel (site.h), which Xen's monitor shows; see doc/xen.md. A domain that
 * shall not, or cannot, be trapped is polled: its memory is mapped, and sources look at it every few milliseconds.
 */
#ifndef LOGVISOR_TRAP_XEN_XEN_H
#define LOGVISOR_TRAP_XEN_XEN_H

#include "trap/trap.h"
#include "trap/xen/guardian.h"
#include "trap/xen/mem.h"

#define XEN_ARG_MAX 128   /* of a fetcher */
#define XEN_OUT_MAX 1280
#define XEN_COPIES 32     /* that wait to be told of; power of two */

enum xen_state {
	XEN_HERE,
	XEN_LEFT, /* it has ended, which was told; its memory is let go next */
	XEN_AWAY, /* another may take its place until away_ms */
	XEN_GONE,
};

struct xen_site {
	bool used;
	bool lost; /* its trap is known not to be there */
	uint32_t owner, tag;
	uint64_t entry; /* of the function */
	struct xen_want want;
	struct xen_code code;
	const struct fetch *fetch;
	_Alignas(8) uint8_t arg[XEN_ARG_MAX];
	int64_t asked_ms; /* monotonic: reported as changed, and not answered; 0: not */
};

struct xen_copy {
	uint32_t owner, tag, vcpu;
	int64_t time_ns;
	size_t len;
	_Alignas(8) uint8_t data[XEN_OUT_MAX];
};

struct xen_vm {
	struct trap t; /* first: the struct trap the caller holds */
	struct xen_mem mem;
	struct xen_guardian guardian;
	struct xen_dom dom; /* as of the last look */
	enum xen_state state;
	int64_t look_ms; /* when to look next, monotonic */
	int64_t away_ms;
	struct xen_site site[XEN_SITES_MAX];
	struct xen_copy copy[XEN_COPIES];
	uint32_t copied, told; /* copies made, and told of; they wrap */
	uint64_t failed;       /* vCPUs at a site with nothing that could be followed, not told yet */
	uint32_t missed;       /* as of struct xen_catch, told */
	uint32_t turns;        /* so too */
	int64_t guard_ms;      /* when the sites are looked at next */
};

extern const struct trap_ops trap_xen;

/* plant.c: as struct trap_ops has it. */
int xen_plant(struct xen_vm *x, const struct trap_site *site, struct err *e);
int xen_unplant(struct xen_vm *x, uint32_t owner, uint32_t tag, struct err *e);
/* How many sites are planted that could not be taken back? */
unsigned xen_unplant_all(struct xen_vm *x);
/* The domain they were planted in is no more. */
void xen_forget_sites(struct xen_vm *x);
/* Compare the sites with what was planted. True: @ev says what changed. */
bool xen_guard(struct xen_vm *x, struct trap_event *ev);

/* copy.c: copy for every vCPU that stands still at a site, and have it go on. */
void xen_take(struct xen_vm *x);
/* Copies and what is to be said of them. True: @ev tells something. */
bool xen_tell(struct xen_vm *x, struct trap_event *ev);

#endif
