/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xen.h - the xen backend's own state: a PVH or HVM domain of the Xen whose Domain 0 this is. It plants nothing: the
 * domain's memory is mapped, and sources look at it every few milliseconds; see doc/xen.md.
 */
#ifndef LOGVISOR_TRAP_XEN_XEN_H
#define LOGVISOR_TRAP_XEN_XEN_H

#include "trap/trap.h"
#include "trap/xen/guardian.h"
#include "trap/xen/mem.h"

enum xen_state {
	XEN_HERE,
	XEN_LEFT, /* it has ended, which was told; its memory is let go next */
	XEN_AWAY, /* another may take its place until away_ms */
	XEN_GONE,
};

struct xen_vm {
	struct trap t; /* first: the struct trap the caller holds */
	struct xen_mem mem;
	struct xen_guardian guardian;
	struct xen_dom dom; /* as of the last look */
	enum xen_state state;
	int64_t look_ms; /* when to look next, monotonic */
	int64_t away_ms;
};

extern const struct trap_ops trap_xen;

#endif
