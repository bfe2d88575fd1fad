/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/server/x509.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY 86400L
#define SERIAL 16 /* bytes: RFC 5280 section 4.1.2.2 allows 20 */

/* A PEM text out of a memory BIO, terminated. */
static char *text_of(BIO *b)
{
	char *p, *out;
	long n = BIO_get_mem_data(b, &p);

	out = malloc((size_t)n + 1);
	if (out) {
		memcpy(out, p, (size_t)n);
		out[n] = '\0';
	}
	return out;
}

static char *key_pem(EVP_PKEY *k)
{
	BIO *b = BIO_new(BIO_s_secmem());
	char *out = b && PEM_write_bio_PKCS8PrivateKey(b, k, NULL, NULL, 0, NULL, NULL) == 1 ? text_of(b) : NULL;

	BIO_free(b);
	return out;
}

static char *cert_pem(X509 *c)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *out = b && PEM_write_bio_X509(b, c) == 1 ? text_of(b) : NULL;

	BIO_free(b);
	return out;
}

static X509 *read_cert(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *c = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;

	BIO_free(b);
	return c;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, (void *)"") : NULL;

	BIO_free(b);
	return k;
}

static bool fingerprint(X509 *c, struct hash *out)
{
	unsigned n = LEDGER_HASH;

	return X509_digest(c, EVP_sha256(), out->b, &n) == 1;
}

int x509_until(const void *der, size_t n, int64_t *out)
{
	const uint8_t *p = der;
	X509 *c = n <= LONG_MAX ? d2i_X509(NULL, &p, (long)n) : NULL;
	struct tm t;
	bool ok = c && ASN1_TIME_to_tm(X509_get0_notAfter(c), &t) == 1;

	X509_free(c);
	if (ok)
		*out = timegm(&t);
	return ok ? 0 : -EINVAL;
}

int x509_fingerprint(const char *pem, struct hash *out)
{
	X509 *c = read_cert(pem);
	bool ok = c && fingerprint(c, out);

	X509_free(c);
	return ok ? 0 : -EINVAL;
}

static bool add_extension(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *x;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = x && X509_add_ext(c, x, -1) == 1;
	X509_EXTENSION_free(x);
	return ok;
}

/* "DNS:a,IP:1.2.3.4"; the names hold nothing that would end one. */
static int alternative_names(const struct x509_request *q, char *out, size_t cap, struct err *e)
{
	struct in6_addr a;
	size_t n = 0;

	*out = '\0';
	for (unsigned i = 0; i < q->n_hosts; i++) {
		const char *h = q->host[i];
		bool ip = inet_pton(AF_INET, h, &a) == 1 || inet_pton(AF_INET6, h, &a) == 1;

		if (!ip && (strspn(h, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_*") != strlen(h) ||
			!*h || strlen(h) > 253))
			return err_set(e, EINVAL, "'%.80s' is neither a host's name nor an address", h);
		n += (size_t)snprintf(out + n, cap - n, "%s%s:%s", i ? "," : "", ip ? "IP" : "DNS", h);
		if (n >= cap)
			return err_set(e, EINVAL, "too many hosts");
	}
	return 0;
}

static bool add_extensions(X509 *c, X509 *issuer, const struct x509_request *q, const char *names)
{
	bool ca = q->kind == X509_AUTHORITY;

	return add_extension(c, issuer, NID_basic_constraints, ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
		add_extension(c, issuer, NID_key_usage, ca ? "critical,keyCertSign,cRLSign" :
			"critical,digitalSignature") &&
		add_extension(c, issuer, NID_subject_key_identifier, "hash") &&
		(ca || add_extension(c, issuer, NID_authority_key_identifier, "keyid")) &&
		(ca || add_extension(c, issuer, NID_ext_key_usage, q->kind == X509_SERVER ? "serverAuth" :
			"clientAuth")) &&
		(!*names || add_extension(c, issuer, NID_subject_alt_name, names));
}

static bool set_serial(X509 *c)
{
	uint8_t bytes[SERIAL];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 1);
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(c));
	BN_free(n);
	return ok;
}

static bool fill(X509 *c, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const struct x509_request *q, const char *names)
{
	X509_NAME *subject = X509_get_subject_name(c);
	X509 *issuer = ca ? ca : c;

	return X509_set_version(c, 2) == 1 && set_serial(c) && X509_set_pubkey(c, key) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(c), q->days > 0 ? -3600 : q->days * DAY - DAY) &&
		X509_gmtime_adj(X509_getm_notAfter(c), q->days * DAY) &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)q->name, -1, -1, 0) == 1 &&
		X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 && add_extensions(c, issuer, q, names) &&
		X509_sign(c, ca_key ? ca_key : key, EVP_sha256()) > 0;
}

int x509_make(const struct x509_request *q, struct x509_pair *out, struct err *e)
{
	X509 *ca = q->ca_cert ? read_cert(q->ca_cert) : NULL;
	EVP_PKEY *ca_key = q->ca_key ? read_key(q->ca_key) : NULL;
	EVP_PKEY *key = NULL;
	X509 *c = NULL;
	char names[4096];
	int r;

	memset(out, 0, sizeof(*out));
	r = alternative_names(q, names, sizeof(names), e);
	if (!r && ((q->ca_cert && !ca) || (q->ca_key && !ca_key)))
		r = err_set(e, EINVAL, "ca.pem or ca-key.pem is damaged");
	if (!r) {
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		c = X509_new();
		if (key && c && fill(c, key, ca, ca_key, q, names) && fingerprint(c, &out->fingerprint)) {
			out->cert = cert_pem(c);
			out->key = key_pem(key);
		}
		if (!out->cert || !out->key)
			r = err_set(e, EIO, "cannot make a certificate for %.100s", q->name);
	}
	X509_free(c);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return r;
}

void x509_pair_free(struct x509_pair *p)
{
	if (p->key)
		explicit_bzero(p->key, strlen(p->key));
	free(p->cert);
	free(p->key);
	p->cert = p->key = NULL;
}

int x509_fingerprint_read(const char *text, struct hash *out)
{
	size_t n = 0;

	return OPENSSL_hexstr2buf_ex(out->b, sizeof(out->b), &n, text, ':') && n == sizeof(out->b) ? 0 : -EINVAL;
}
