/* SPDX-License-Identifier: BSD-3-Clause */
/* own.h - what the logs of this host's own have in common as backends (enum trap_what): a descriptor, and no VM. */
#ifndef LOGVISOR_TRAP_OWN_OWN_H
#define LOGVISOR_TRAP_OWN_OWN_H

#include <sys/types.h>

#include "guest/guest.h"
#include "trap/trap.h"

struct own {
	struct trap t;
	struct guest_info info; /* t.host */
	int fd;     /* where it is read, closed at the end */
	pid_t child; /* it reads for us at the other end of `fd`, and ends with that; 0: there is none */
};

/*
 * A backend whose `info` has the name of this boot: that of the kernel, which on Xen is Domain 0's and comes and goes
 * with Xen itself. NULL with @e.
 */
struct own *own_make(const struct trap_ops *ops, struct err *e);

extern const struct trap_ops trap_host_kmsg, trap_xen_console;

/* Those of its ops that are the same for all. */
int own_wait(struct trap *t, int timeout_ms, struct trap_event *ev, struct err *e);
int own_hold(struct trap *t, struct err *e);
unsigned own_detach(struct trap *t);

#endif
