/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.h - the host as a whole: does it run Xen, can its domains be protected, and which are there.
 */
#ifndef LOGVISOR_TRAP_XEN_HOST_H
#define LOGVISOR_TRAP_XEN_HOST_H

#include <stdbool.h>

#include "trap/xen/dom.h"

/* Is this a domain of Xen, Domain 0 or another? */
bool xen_host(void);

struct xen_host_dom {
	const struct xen_dom *dom;
	char release[128]; /* of the guest's Linux kernel; empty if none was found */
	char trouble[128]; /* why it cannot be protected, or why no kernel was found; or empty */
};

/* Call @f for each domain but Domain 0, in order of their numbers. 0 or -errno with @e. */
int xen_each_dom(void (*f)(void *ctx, const struct xen_host_dom *d), void *ctx, struct err *e);

/* One thing that the xen backend needs of a host: @ok or not, @text what was found. */
typedef void (*xen_check)(void *ctx, const char *what, bool ok, const char *text);

/* Check everything; how many are not ok. Changes nothing. */
int xen_doctor(xen_check f, void *ctx);

#endif
