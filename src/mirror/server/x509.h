/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * x509.h - a mirror's own small certificate authority: ECDSA keys over P-256, which every TLS library has. Nobody
 * else is to believe it; which client may do what is told by fingerprints, not by names.
 */
#ifndef LOGVISOR_MIRROR_SERVER_X509_H
#define LOGVISOR_MIRROR_SERVER_X509_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/tree.h"
#include "util/err.h"

enum x509_kind { X509_AUTHORITY, X509_SERVER, X509_CLIENT };

#define X509_HOSTS 16

struct x509_request {
	enum x509_kind kind;
	const char *name;                /* common name */
	const char *host[X509_HOSTS];    /* subject alternative names: DNS names or addresses; of a server */
	unsigned n_hosts;
	int days;                        /* valid from an hour ago; negative: over already */
	const char *ca_cert, *ca_key;    /* PEM; NULL: it signs itself */
};

struct x509_pair {
	char *cert, *key;                /* PEM, owned: x509_pair_free() */
	struct hash fingerprint;         /* SHA-256 of the certificate's DER */
};

/* 0, -EINVAL (a host that is none, a CA that is none) or -EIO with @e. x509_pair_free() in any case. */
int x509_make(const struct x509_request *q, struct x509_pair *out, struct err *e);
void x509_pair_free(struct x509_pair *p);

/* The fingerprint of the first certificate in @pem. 0, -EINVAL. */
int x509_fingerprint(const char *pem, struct hash *out);

/* The last second, since the epoch, of the certificate @der of @n bytes. 0, -EINVAL. */
int x509_until(const void *der, size_t n, int64_t *out);

/* One as people write it: 64 hexadecimal digits, with colons between bytes or without. 0, -EINVAL. */
int x509_fingerprint_read(const char *text, struct hash *out);

#endif
