/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring.h - Xen's monitor of a domain (vm_event): a page that Xen and whoever monitors share, with requests, each of a
 * vCPU that stands still until it is answered, and an event channel to say that there are some. One at most can
 * monitor a domain. For a process that may ask Xen anything (lib.h).
 *
 * Of what Xen can monitor only access to descriptor tables is wanted here: SLDT, STR, SGDT, SIDT and the
 * instructions that load them.
 */
#ifndef LOGVISOR_TRAP_XEN_RING_H
#define LOGVISOR_TRAP_XEN_RING_H

#include <stdbool.h>

#include "trap/xen/event.h"
#include "trap/xen/lib.h"

#define XEN_RING_SLOTS 8 /* requests that find room in the page; a vCPU has one at most */

struct xen_ring {
	uint8_t *page;   /* NULL: nothing is monitored */
	int channel;     /* /dev/xen/evtchn: readable when there are requests */
	uint32_t port;   /* this domain's end, */
	uint32_t remote; /* and Xen's, among the monitored domain's ports */
	uint32_t taken;  /* requests so far */
	uint32_t answered;
};

void xen_ring_init(struct xen_ring *r);

/*
 * Monitor domain @domid. Nothing is until xen_ring_watch(). 0; -EBUSY: another does; -ENOTSUP: this Xen, on this
 * processor, cannot; or -errno.
 */
int xen_ring_open(struct xen_ring *r, const struct xen_lib *l, void *xch, uint32_t domid);
/* Let go of the page, and of the channel; Xen is not told (it need not be when the domain is gone). */
void xen_ring_drop(struct xen_ring *r);

/* The channel was readable. */
void xen_ring_heard(struct xen_ring *r);
/* The next request, copied. False: there is none. */
bool xen_ring_next(struct xen_ring *r, struct xen_event *ev);
/* An answer, in any order; @ev as the request was but for flags and registers. xen_ring_notify() when they are done. */
void xen_ring_answer(struct xen_ring *r, const struct xen_event *ev);
void xen_ring_notify(struct xen_ring *r);

/* Does any process of this domain listen at port @remote of domain @domid? */
bool xen_ring_heeded(const struct xen_lib *l, void *xch, uint32_t domid, uint32_t remote);

/*
 * Free what a dead owner's ring left: vCPUs that wait for an answer, of @vcpus; events that go on. The domain is
 * paused, and the ring not another's. 0 or -errno.
 */
int xen_ring_free(const struct xen_lib *l, void *xch, uint32_t domid, unsigned vcpus);

#endif
