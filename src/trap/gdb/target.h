/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * target.h - the part after "gdb:" of a target: where a stub listens. A path of a Unix socket
 * ("/run/web01.gdb", "./stub"), or HOST:PORT ("127.0.0.1:1234", "[::1]:1234", ":1234" for localhost).
 */
#ifndef LOGVISOR_TRAP_GDB_TARGET_H
#define LOGVISOR_TRAP_GDB_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "util/err.h"

struct gdb_target {
	bool is_unix;
	char path[108]; /* sizeof sun_path; absolute */
	char host[256];
	char port[6];
};

/* One address the stub may be reached at. */
struct gdb_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/*
 * Text to target, no look-ups except that a relative path becomes absolute. A text with a '/' is a path;
 * otherwise one that ends in ":" and a decimal port is HOST:PORT; otherwise a path.
 * -EINVAL with @e: empty, port not 1..65535, name too long for a socket.
 */
int gdb_target_parse(struct gdb_target *t, const char *text, struct err *e);

/* The addresses of @t, at most @max, into @out; returns how many, or -errno with @e. */
int gdb_target_resolve(const struct gdb_target *t, struct gdb_addr *out, int max, struct err *e);

#endif
