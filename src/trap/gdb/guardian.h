/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardian.h - a process that outlives the worker just long enough to let the VM go.
 *
 * A GDB client that dies leaves its VM stopped, or with watchpoints armed so that the next hit stops it
 * for ever. The guardian, in its own session, holds the connection too, so that nobody else gets the
 * stub meanwhile; when the worker ends without having detached, it connects anew (a new connection has
 * a known state whatever was under way on the old one), clears all watchpoints and lets the VM run.
 *
 * It needs nothing of the worker but the address.
 */
#ifndef LOGVISOR_TRAP_GDB_GUARDIAN_H
#define LOGVISOR_TRAP_GDB_GUARDIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "trap/gdb/target.h"
#include "util/err.h"

/*
 * The single-step flags of QEMU's stub outlive connections and mean nothing to us, who never step. So they
 * carry the mark that a logvisor is at this VM: with it, a VM found stopped was left so by one that died,
 * without it by its owner. Unmarking sets the flags that emulation has by default; a VMM with fewer
 * refuses, which gdb_unmark() in attach.c heeds.
 */
#define GDB_MARK "Qqemu.sstep=0"
#define GDB_UNMARK "Qqemu.sstep=7"

struct guardian_page;

struct guardian {
	struct guardian_page *page; /* shared with the process */
	int ctl; /* its other end sees it closed */
};

/*
 * Start the guardian for the socket @fd, to be connected to @a right afterwards by the caller. 0 or
 * -errno with @e.
 */
int guardian_start(struct guardian *g, int fd, const struct gdb_addr *a, struct err *e);

/* Someone else stopped the VM (true): clear watchpoints, but leave it stopped. */
void guardian_leave_paused(struct guardian *g, bool leave);

/*
 * End it: nothing is left to do if @clean, else it does its work at once, not waiting for this
 * process's end.
 */
void guardian_end(struct guardian *g, bool clean);

/* Its process id, for tests and messages. */
pid_t guardian_pid(const struct guardian *g);

/*
 * What frees a VM from an unknown state over a fresh connection, into @out (at least 128 bytes each):
 * bring the stub's parser to rest and clear all break- and watchpoints ('?' does, its reply is the last
 * to come); then detach, which lets the VM run. Both return the length.
 */
size_t guardian_disarm(char *out);
size_t guardian_detach(char *out);

#endif
