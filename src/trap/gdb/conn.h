/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn.h - one connection to a GDB stub: requests, the stop and go of the VM, stop replies.
 *
 * What QEMU's stub does with a byte depends on two things (gdbstub/gdbstub.c, gdb_read_byte, 5.2 to
 * 10.0). While its own last packet is not acknowledged, '+' only acknowledges it, '$' abandons it, all
 * else is dropped. Otherwise, while the VM runs, any byte stops the VM and is dropped. So "++" in front
 * of a packet makes it heard in every state: the first clears what is not acknowledged, the second
 * stops the VM if it runs. (In a stopped VM a lone '+' is ignored.)
 *
 * The VM may also be stopped and started by others at any time (QMP stop and cont, savevm, migration).
 * A stop is announced by a stop reply, a start is not.
 */
#ifndef LOGVISOR_TRAP_GDB_CONN_H
#define LOGVISOR_TRAP_GDB_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trap/gdb/rsp.h"
#include "util/err.h"

struct gdb_conn {
	int fd;
	bool tcp;
	size_t in_off, in_n; /* received, not yet taken: in[in_off..in_n) */
	size_t len;          /* of the packet in pkt */
	char pkt[RSP_MAX + 1];
	uint8_t in[2 * RSP_MAX];
	/* Whoever waits for a reply gets the stop replies that come before it through this. */
	void (*stop)(void *ctx, const struct rsp_stop *s);
	void *ctx;
	unsigned acks_due; /* packets sent and not acknowledged yet */
	bool ignore_naks;
	bool refused; /* a packet sent without waiting was answered '-' */
	int64_t give_up; /* monotonic ms after which nothing is waited for; 0: never */
	const char *where; /* for messages: "/run/web01.gdb" */
};

/* How long the stub may take to answer before it counts as dead, ms. A savevm blocks it for seconds. */
#define GDB_REPLY_MS 30000

/* @fd stays the caller's; @where must live as long as @c. @tcp: it is a TCP socket, not a UNIX one. */
void conn_init(struct gdb_conn *c, int fd, bool tcp, const char *where);

/* When (monotonic ms) to give up what may take @timeout_ms from now: never after c->give_up. */
int64_t conn_deadline(const struct gdb_conn *c, int timeout_ms);

/* Send all of @buf. 0; -ESRCH with @e if the stub is gone; -ETIMEDOUT. */
int conn_send(struct gdb_conn *c, const void *buf, size_t n, struct err *e);

/*
 * Take the next packet into c->pkt, waiting until @deadline (monotonic ms). 0; -ETIMEDOUT (@e is not
 * filled: the caller knows what it waited for); -EINTR if @intr and a signal came; -EAGAIN the stub
 * refused ('-') the last packet sent, which must be sent again; -ESRCH closed by the stub; -EPROTO with @e if what comes is not the protocol.
 */
int conn_packet(struct gdb_conn *c, int64_t deadline, bool intr, struct err *e);

/*
 * Send "++$@cmd#.." and wait for the reply, in c->pkt. Stop replies that come first go to c->stop,
 * except for "?", whose reply is one. The VM is stopped afterwards, unless @cmd lets it go.
 */
int conn_request(struct gdb_conn *c, const char *cmd, int timeout_ms, struct err *e);

/* As conn_request, and the reply must be "OK". -EINVAL with @e if it is an error, -ENOTSUP if empty. */
int conn_request_ok(struct gdb_conn *c, const char *cmd, struct err *e);

/*
 * Run a line of QEMU's human monitor through the stub (qRcmd) and collect its output, cut at @cap - 1
 * bytes and NUL-terminated. -ENOTSUP if the stub has no monitor, -ETIMEDOUT if it does not come to an end.
 */
int conn_monitor(struct gdb_conn *c, const char *line, char *out, size_t cap, struct err *e);

#endif
