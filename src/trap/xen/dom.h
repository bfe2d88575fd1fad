/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dom.h - a domain as Xen's control interface shows it: which one a target means, what state it is in, its vCPUs'
 * registers. For a process that may ask Xen anything (lib.h): the worker no longer may, see guardian.h.
 */
#ifndef LOGVISOR_TRAP_XEN_DOM_H
#define LOGVISOR_TRAP_XEN_DOM_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/gmem.h"
#include "trap/xen/lib.h"

#define XEN_NAME_MAX 64

/* Why it stopped: SHUTDOWN_* of xen/sched.h, 4.17 to 4.20; or it did not. */
enum xen_end {
	XEN_RUNS = -1,
	XEN_POWEROFF = 0,
	XEN_REBOOT = 1,
	XEN_SUSPEND = 2, /* is being saved, or migrated */
	XEN_CRASH = 3,
	XEN_WATCHDOG = 4,
};

struct xen_dom {
	uint32_t id;
	uint8_t uuid[16];
	char name[XEN_NAME_MAX]; /* empty: it has none */
	bool hvm;    /* HVM or PVH, not PV */
	bool paused; /* by its toolstack, or by us */
	bool dying;  /* destroyed, but somebody has its memory mapped */
	enum xen_end end;
	unsigned vcpus;
	uint64_t ram_bytes;
	uint64_t cpu_ns; /* how long its vCPUs have run */
	uint64_t max_gfn; /* its highest page frame */
};

/*
 * The domain after @after (0 comes after -1) in order of numbers, without its name: 0; -ENOENT: there is none; or
 * -errno with @e.
 */
int xen_next(const struct xen_lib *l, void *xch, int64_t after, struct xen_dom *d, struct err *e);
/* Domain @id, without its name. -ESRCH: it is gone. */
int xen_get(const struct xen_lib *l, void *xch, uint32_t id, struct xen_dom *d, struct err *e);
/* The domain of @uuid that is not dying, the newest if there are several. -ESRCH: there is none. */
int xen_of_uuid(const struct xen_lib *l, void *xch, const uint8_t *uuid, struct xen_dom *d, struct err *e);
/* The one that @target means: a name, a number or a uuid. -ENOENT; -EINVAL; -errno. */
int xen_find(const struct xen_lib *l, void *xch, const char *target, struct xen_dom *d, struct err *e);
/* Fill in its name. */
void xen_name(const struct xen_lib *l, struct xen_dom *d);
/* Can it be protected? 0 or -ENOTSUP with @e. */
int xen_refuse(const struct xen_dom *d, struct err *e);

/* Registers of vCPU @vcpu. 0; -ENOENT: there is no such vCPU; -EAGAIN: it is off, as while a domain is built; -errno. */
int xen_regs(const struct xen_lib *l, void *xch, uint32_t id, unsigned vcpu, struct gcpu *out);

#endif
