/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xen.h - the log VM as a domain of this machine's Xen, if it is Domain 0: PVH, with one disk and no network device,
 * made by xl(1) out of DIR/xl.cfg. Its ports are vchans (mirror/port/vchan.h).
 *
 *	DIR/xl.cfg    made at each start
 *	DIR/xl.more   of the administrator's: lines to add to it
 */
#ifndef LOGVISOR_MIRROR_VM_XEN_H
#define LOGVISOR_MIRROR_VM_XEN_H

#include <stdbool.h>

#include "mirror/vm/vm.h"

/* Is this Domain 0? (/proc/xen/capabilities, drivers/xen/xenfs/super.c) */
bool xen_here(void);

/*
 * Make the domain, connect the ports: v->qemu is xl, which ends with the domain. 0 or -errno with @e; -EBUSY: there
 * is a domain of this directory.
 */
int xen_start(struct vm *v, const struct vm_options *o, struct err *e);

/* The domain is destroyed if it is there. */
void xen_destroy(const struct vm *v);

#endif
