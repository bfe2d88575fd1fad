/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claim.h - what Logvisor has done to a domain, written down before it is done: in a file of /run, one for each uuid,
 * which is gone when Domain 0 is. Whoever finds a claim of the dead undoes it (xen_claim_heal()); nobody touches what
 * is claimed by the living, who hold a lock on the file, nor what no claim tells of.
 */
#ifndef LOGVISOR_TRAP_XEN_CLAIM_H
#define LOGVISOR_TRAP_XEN_CLAIM_H

#include <stdbool.h>

#include "trap/xen/dom.h"
#include "trap/xen/site.h"

#define XEN_SITES_MAX 8

struct xen_claim_site {
	uint32_t used;
	struct xen_code code;
	uint16_t pad;
	uint64_t gpa[2]; /* as xen_mem_poke() has it */
};

/* The file's bytes. Of another uuid, or another magic: a new one. */
struct xen_claim {
	char magic[8];
	uint8_t uuid[16];
	uint32_t domid;
	uint32_t armed;  /* the ring is ours, */
	uint32_t remote; /* and this is Xen's end of its channel */
	uint32_t held;   /* how often it is paused by us */
	struct xen_claim_site site[XEN_SITES_MAX];
};

struct xen_claimed {
	int fd;              /* -1: there is none */
	struct xen_claim *c; /* the file, mapped */
	bool locked;
};

/* Open, or make, the claim on @d; unlocked. Processes that inherit it share the lock. 0 or -errno with @e. */
int xen_claim_open(struct xen_claimed *k, const struct xen_dom *d, struct err *e);
void xen_claim_close(struct xen_claimed *k);

/* Be the living. 0; -EALREADY: another is. */
int xen_claim_lock(struct xen_claimed *k);

/* A new claim, on @d, of nothing. The claim is locked. */
void xen_claim_begin(struct xen_claimed *k, const struct xen_dom *d);

/* Is there a site that is ours? */
bool xen_claim_sites(const struct xen_claimed *k);

/*
 * Undo all that is claimed, of a domain that runs or is paused: the ring is freed, but for one that somebody listens
 * to by now, then the sites get their own bytes, and it goes on. May be called in any state that dying left, again too.
 * The claim is locked. 0 or -errno.
 */
int xen_claim_heal(struct xen_claimed *k, const struct xen_lib *l, void *xch);

/* Put the bytes of the site back, if they are ours still; the domain is paused. @fd: of xen_mem_open(). */
int xen_claim_restore(const struct xen_claimed *k, struct xen_claim_site *s, int fd);

/* The same of all sites that are ours. 0, or the first one's -errno. */
int xen_claim_restore_all(struct xen_claimed *k);

#endif
