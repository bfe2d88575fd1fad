/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listen.h - where a mirror listens:
 *
 *	https://HOST:PORT     TLS; HOST an address or a name, [..] around IPv6, * for all; PORT 0: any
 *	vsock://:PORT         TLS over AF_VSOCK, from any CID
 *	unix:///PATH          plain: who may open the socket (mode 0660) may do all
 *	http://HOST:PORT      plain, on a loopback address only: whoever is on this machine may do all
 */
#ifndef LOGVISOR_MIRROR_SERVER_LISTEN_H
#define LOGVISOR_MIRROR_SERVER_LISTEN_H

#include <stdbool.h>

#include "util/err.h"

struct listener {
	int fd;
	bool tls;
	char url[160]; /* where it really is */
};

/* Bind and listen. 0, or -errno with @e, which names @spec. */
int listen_open(const char *spec, struct listener *out, struct err *e);

#endif
