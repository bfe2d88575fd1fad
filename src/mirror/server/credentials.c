/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/server/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static gnutls_datum_t datum(char *pem)
{
	return (gnutls_datum_t){(unsigned char *)pem, (unsigned)strlen(pem)};
}

static int fill(struct credentials *c, struct err *e)
{
	gnutls_datum_t cert = datum(c->pem.cert), key = datum(c->pem.key), ca = datum(c->pem.ca);
	int r = tls.gnutls_certificate_allocate_credentials(&c->x509);

	if (r < 0)
		return err_set(e, ENOMEM, "%s", tls.gnutls_strerror(r));
	/* GnuTLS holds the key against the certificate, too. */
	r = tls.gnutls_certificate_set_x509_key_mem(c->x509, &cert, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0)
		return err_set(e, EINVAL, "server.pem and server-key.pem are no certificate with its key: %s",
			tls.gnutls_strerror(r));
	r = tls.gnutls_certificate_set_x509_trust_mem(c->x509, &ca, GNUTLS_X509_FMT_PEM);
	if (r < 1)
		return err_set(e, EINVAL, "ca.pem has no certificate%s%s", r ? ": " : "", r ? tls.gnutls_strerror(r) : "");
	return 0;
}

int credentials_make(struct config_tls *pem, struct credentials **out, struct err *e)
{
	struct credentials *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		config_tls_free(pem);
		return err_set(e, ENOMEM, "out of memory");
	}
	c->pem = *pem;
	memset(pem, 0, sizeof(*pem));
	c->holders = 1;
	r = fill(c, e);
	if (r)
		credentials_drop(c);
	else
		*out = c;
	return r;
}

struct credentials *credentials_hold(struct credentials *c)
{
	atomic_fetch_add(&c->holders, 1);
	return c;
}

void credentials_drop(struct credentials *c)
{
	if (!c || atomic_fetch_sub(&c->holders, 1) != 1)
		return;
	if (c->x509)
		tls.gnutls_certificate_free_credentials(c->x509);
	config_tls_free(&c->pem);
	free(c);
}
