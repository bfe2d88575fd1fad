/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib.h - Xen's libraries, loaded when a domain is first asked for, so that a host without Xen needs none of them.
 *
 * libxenctrl has another name, and another binary interface of its own to the hypervisor, with each version of Xen:
 * libxenctrl.so.4.17 only works on Xen 4.17. So the one of the Xen that runs is loaded. The functions named here, and
 * the beginning of the one struct that they fill (dom.h), are the same from 4.17 to 4.20 (xenctrl.h of both).
 */
#ifndef LOGVISOR_TRAP_XEN_LIB_H
#define LOGVISOR_TRAP_XEN_LIB_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct xen_lib {
	/* xenctrl.h; the first argument is what interface_open() returned; -1 with errno on failure */
	void *(*interface_open)(void *logger, void *dombuild_logger, unsigned flags);
	int (*interface_close)(void *xch);
	int (*getinfolist)(void *xch, uint32_t first, unsigned max, void *info); /* how many */
	int (*hvm_getcontext_partial)(void *xch, uint32_t domid, uint16_t type, uint16_t instance, void *buf,
		uint32_t size);
	int (*pause)(void *xch, uint32_t domid);
	int (*unpause)(void *xch, uint32_t domid);
	int (*maximum_gpfn)(void *xch, uint32_t domid, unsigned long *gpfn);
	/* the monitor: see ring.h; enable() returns the ring's page, to be unmapped */
	void *(*monitor_enable)(void *xch, uint32_t domid, uint32_t *port);
	int (*monitor_disable)(void *xch, uint32_t domid);
	int (*monitor_resume)(void *xch, uint32_t domid); /* Xen takes answers */
	int (*monitor_descriptor_access)(void *xch, uint32_t domid, bool on);
	int (*monitor_capabilities)(void *xch, uint32_t domid, uint32_t *bits);
	int (*evtchn_status)(void *xch, void *status);
	/* What is in the console ring from *@index on into @buf, *@n bytes at most; *@index becomes where that ends. */
	int (*readconsolering)(void *xch, char *buf, unsigned *n, int clear, int incremental, uint32_t *index);
	/* xenstore.h */
	void *(*xs_open)(unsigned long flags);
	void (*xs_close)(void *xs);
	void *(*xs_read)(void *xs, uint32_t transaction, const char *path, unsigned *len); /* malloc'ed; NUL follows */
};

/* The version of the Xen this host runs; false: it runs none. */
bool xen_version(unsigned *major, unsigned *minor);

/* The libraries; NULL with @e naming what is missing. */
const struct xen_lib *xen_lib(struct err *e);

/*
 * A handle of libxenctrl, to be closed with interface_close(). NULL with @e: this is not Xen, not Domain 0, or not the
 * user for it.
 */
void *xen_control(const struct xen_lib *l, struct err *e);

#endif
