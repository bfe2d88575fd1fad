/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credentials.h - what the server is known by in TLS, and whose signature on a client's certificate counts:
 * server.pem, server-key.pem and ca.pem, of one moment. A connection holds those it began with to its end, so
 * that they can be exchanged for others while it goes on.
 */
#ifndef LOGVISOR_MIRROR_SERVER_CREDENTIALS_H
#define LOGVISOR_MIRROR_SERVER_CREDENTIALS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "mirror/server/config.h"
#include "mirror/server/mhd.h"

struct credentials {
	gnutls_certificate_credentials_t x509;
	atomic_uint holders;
	struct config_tls pem; /* what it was made of */
};

/*
 * Takes what is in @pem over, also when it fails. One holder, the caller. 0; -EINVAL with @e: not a certificate,
 * not its key, not an authority; or -ENOMEM.
 */
int credentials_make(struct config_tls *pem, struct credentials **out, struct err *e);

struct credentials *credentials_hold(struct credentials *c);

/* The last holder frees it. NULL is nothing. */
void credentials_drop(struct credentials *c);

#endif
