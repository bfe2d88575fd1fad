/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.h - a mirror's configuration: one directory, made by `logvisor mirror init` and `mirror add`, that the
 * server only reads.
 *
 *	name                        the mirror's key name
 *	key, vkey                   what it cosigns with: 0600, 0644
 *	witness-key, witness-vkey   the same of the witness, which has the name NAME/witness
 *	server.pem, server-key.pem  what it is known by in TLS
 *	ca.pem, ca-key.pem          who signs clients' certificates; the server does not read the key
 *	rights/VM                   what may be done with one log, and by whom:
 *	    origin ORIGIN           once
 *	    vkey NAME+ID+BASE64     of the log; up to 8 of them, the youngest last
 *	    client SHA256           fingerprint of a certificate, 64 hexadecimal digits; up to 16
 *	clients/VM/                 what is given to a client, made for it; the server does not read it
 */
#ifndef LOGVISOR_MIRROR_SERVER_CONFIG_H
#define LOGVISOR_MIRROR_SERVER_CONFIG_H

#include <stddef.h>

#include "ledger/cosign.h"
#include "ledger/tree.h"
#include "mirror/store/origin.h"
#include "util/err.h"
#include "util/span.h"

#define CONFIG_CLIENTS 16
#define CONFIG_RIGHTS_MAX 16384 /* bytes of a file in rights/ */

#define CONFIG_WITNESS "/witness" /* after the mirror's name */

struct rights {
	struct origin_conf conf;
	struct hash client[CONFIG_CLIENTS]; /* SHA-256 of a certificate's DER */
	size_t n_clients;
};

/* Take the text of rights/@name apart. 0, or -EINVAL with @e, which names the line. */
int rights_parse(const char *name, struct span text, struct rights *out, struct err *e);

/* The text, terminated; @out has CONFIG_RIGHTS_MAX bytes. Returns its length. */
size_t rights_format(const struct rights *r, char *out);

/* Every file of rights/, sorted by name, allocated with malloc. 0 or -errno with @e. */
int rights_load(int dir, struct rights **out, size_t *n, struct err *e);

/* The one of @name: 0, -ENOENT (without @e), or another -errno with @e. */
int rights_load_one(int dir, const char *name, struct rights *out, struct err *e);

struct config {
	struct cosign_key *mirror, *witness;
	struct rights *rights;
	size_t n_rights;
};

/* Read all of it but what TLS needs. 0 or -errno with @e. config_free() in any case. */
int config_load(int dir, struct config *out, struct err *e);
void config_free(struct config *c);

/* What TLS needs: server.pem, server-key.pem, ca.pem. */
struct config_tls {
	char *cert, *key, *ca; /* PEM, owned */
};

/*
 * Read it. Where @but (may be NULL) has the same certificate and authority, the key is not read, and nothing is in
 * @out: 1. Else 0, or -errno with @e. config_tls_free() in any case.
 */
int config_load_tls(int dir, const struct config_tls *but, struct config_tls *out, struct err *e);
void config_tls_free(struct config_tls *c);

#endif
