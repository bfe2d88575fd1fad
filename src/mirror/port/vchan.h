/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vchan.h - a port (port.h) of a log VM on Xen: two ring buffers in memory that the log domain grants to Domain 0, and
 * to nobody else, with an event channel (libxenvchan). A process each at both ends moves bytes between that and a
 * socket, so that all that knows ports knows sockets only.
 *
 * The log domain serves port N at data/logvisor/N of its part of the xenstore, number VCHAN_CONTROL being the control
 * port. Domain 0 connects.
 */
#ifndef LOGVISOR_MIRROR_PORT_VCHAN_H
#define LOGVISOR_MIRROR_PORT_VCHAN_H

#include <stddef.h>

#include "mirror/port/port.h"

#define VCHAN_PATH "data/logvisor"
#define VCHAN_CONTROL PORTS
#define VCHAN_RING 16384 /* bytes of each direction's ring: four granted pages */

struct libxenvchan;

/* What is used of libxenvchan.h (4.17); linked into the log VM's first process, loaded at run time in Domain 0. */
struct vchan_lib {
	int (*read)(struct libxenvchan *c, void *data, size_t n);
	int (*write)(struct libxenvchan *c, const void *data, size_t n);
	int (*wait)(struct libxenvchan *c);
	int (*event_fd)(struct libxenvchan *c);
	int (*is_open)(struct libxenvchan *c); /* 0: the other end is gone; 1: open; 2: nobody has connected yet */
	int (*data_ready)(struct libxenvchan *c);
	int (*buffer_space)(struct libxenvchan *c);
	void (*close)(struct libxenvchan *c);
};

/* Move bytes between @c and the non-blocking stream socket @fd until one of them ends. */
void vchan_pump(const struct vchan_lib *lib, struct libxenvchan *c, int fd);

#endif
