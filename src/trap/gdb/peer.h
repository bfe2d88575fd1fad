/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peer.h - who is at the other end of a stub's socket: the VMM's process, and whether another client
 * sits there already. A stub serves one client; a second connection is not refused but waits, and once
 * it is accepted it stops the VM. So it is better to look first.
 */
#ifndef LOGVISOR_TRAP_GDB_PEER_H
#define LOGVISOR_TRAP_GDB_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "trap/gdb/target.h"

/*
 * Does the listener at @a have a client already? False also if that cannot be found out (remote, or no
 * permission).
 */
bool peer_taken(const struct gdb_addr *a);

/*
 * Processes of this host that hold the other end of the connected socket @fd, likeliest first: the one
 * that listens (SO_PEERCRED), then those that have the accepted socket open. Returns how many, at most
 * @max; 0 if the stub is on another host or not visible from here.
 */
int peer_pids(int fd, pid_t *out, int max);

#endif
