/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/note.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"

#define ALG_ED25519 1       /* signed-note, "Signature types" */
#define DASH "\xe2\x80\x94 " /* em dash, space: begins a signature line */
#define SIGNATURE 64        /* RFC 8032 */

bool note_name_ok(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (n >= NOTE_NAME_MAX || name[n] <= ' ' || name[n] > '~' || name[n] == '+')
			return false;
	return n > 0;
}

static uint32_t key_id(const char *name, const uint8_t pub[32])
{
	uint8_t buf[NOTE_NAME_MAX + 2 + 32];
	size_t n = strlen(name);
	struct hash h;

	memcpy(buf, name, n);
	buf[n++] = '\n';
	buf[n++] = ALG_ED25519;
	memcpy(buf + n, pub, 32);
	tree_sha256(buf, n + 32, &h);
	return (uint32_t)h.b[0] << 24 | (uint32_t)h.b[1] << 16 | (uint32_t)h.b[2] << 8 | h.b[3];
}

int vkey_parse(const char *text, size_t n, struct vkey *out, struct err *e)
{
	const char *plus, *plus2;
	uint8_t key[33];
	char id[9];

	if (n && text[n - 1] == '\n')
		n--;
	plus = memchr(text, '+', n);
	plus2 = plus ? memchr(plus + 1, '+', n - (size_t)(plus + 1 - text)) : NULL;
	if (!plus2 || plus2 - plus != 9 || plus - text > NOTE_NAME_MAX)
		return err_set(e, EINVAL, "not a verifier key (want NAME+8 hex digits+base64)");
	memcpy(out->name, text, (size_t)(plus - text));
	out->name[plus - text] = '\0';
	if (!note_name_ok(out->name) || strlen(out->name) != (size_t)(plus - text))
		return err_set(e, EINVAL, "the verifier key's name holds a space or control byte");
	if (base64_decode(plus2 + 1, n - (size_t)(plus2 + 1 - text), key, sizeof(key)) != 33 ||
		key[0] != ALG_ED25519)
		return err_set(e, EINVAL, "the verifier key is not an Ed25519 key");
	memcpy(out->pub, key + 1, 32);
	out->id = key_id(out->name, out->pub);
	snprintf(id, sizeof(id), "%08" PRIx32, out->id);
	if (memcmp(id, plus + 1, 8))
		return err_set(e, EINVAL, "the verifier key's id is %.8s, computed %s", plus + 1, id);
	return 0;
}

void vkey_format(const struct vkey *k, char *out)
{
	char b64[BASE64_LEN(33) + 1];
	uint8_t key[33];

	key[0] = ALG_ED25519;
	memcpy(key + 1, k->pub, 32);
	base64_encode(key, sizeof(key), b64);
	snprintf(out, NOTE_VKEY_MAX + 1, "%s+%08" PRIx32 "+%s", k->name, k->id, b64);
}

struct note_key {
	EVP_PKEY *pkey;
	struct vkey vkey;
};

int note_key_generate(char **pem, size_t *pem_len, struct err *e)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	int r = -EIO;
	long n;
	char *p;

	if (!k || !bio || PEM_write_bio_PKCS8PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL) != 1)
		goto out;
	n = BIO_get_mem_data(bio, &p);
	*pem = malloc((size_t)n);
	if (!*pem)
		goto out;
	memcpy(*pem, p, (size_t)n);
	*pem_len = (size_t)n;
	r = 0;
out:
	EVP_PKEY_free(k);
	BIO_free(bio);
	return r ? err_set(e, EIO, "cannot make an Ed25519 key") : 0;
}

int note_key_load(const char *pem, size_t n, const char *name, struct note_key **out,
	struct err *e)
{
	struct note_key *k = calloc(1, sizeof(*k));
	BIO *bio = BIO_new_mem_buf(pem, (int)n);
	size_t len = sizeof(k->vkey.pub);
	int r = 0;

	if (!k || !bio) {
		r = err_set(e, ENOMEM, "out of memory");
	} else if (!note_name_ok(name)) {
		r = err_set(e, EINVAL, "'%.80s' cannot be a log's origin: no spaces, no plus", name);
	} else {
		k->pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
		if (!k->pkey || EVP_PKEY_get_id(k->pkey) != EVP_PKEY_ED25519 ||
			EVP_PKEY_get_raw_public_key(k->pkey, k->vkey.pub, &len) != 1 || len != 32)
			r = err_set(e, EBADMSG, "the file 'key' is not an Ed25519 private key");
	}
	BIO_free(bio);
	if (r) {
		note_key_free(k);
		return r;
	}
	snprintf(k->vkey.name, sizeof(k->vkey.name), "%s", name);
	k->vkey.id = key_id(name, k->vkey.pub);
	*out = k;
	return 0;
}

void note_key_free(struct note_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

const struct vkey *note_key_vkey(const struct note_key *k)
{
	return &k->vkey;
}

static bool ed25519_sign(EVP_PKEY *k, const char *text, size_t n, uint8_t sig[SIGNATURE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE;
	bool ok;

	ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k) == 1 &&
		EVP_DigestSign(ctx, sig, &len, (const uint8_t *)text, n) == 1 && len == SIGNATURE;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool ed25519_verify(const uint8_t pub[32], const uint8_t sig[SIGNATURE], const char *text,
	size_t n)
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = k && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
		EVP_DigestVerify(ctx, sig, SIGNATURE, (const uint8_t *)text, n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return ok;
}

long note_sign_checkpoint(const struct note_key *k, uint64_t size, const struct hash *root,
	char *out, struct err *e)
{
	char b64[BASE64_LEN(4 + SIGNATURE) + 1], root64[BASE64_LEN(LEDGER_HASH) + 1];
	uint8_t sig[4 + SIGNATURE];
	int n, m;

	base64_encode(root->b, LEDGER_HASH, root64);
	n = snprintf(out, NOTE_SIGNED_MAX, "%s\n%" PRIu64 "\n%s\n", k->vkey.name, size, root64);
	for (unsigned i = 0; i < 4; i++)
		sig[i] = (uint8_t)(k->vkey.id >> (24 - 8 * i));
	if (!ed25519_sign(k->pkey, out, (size_t)n, sig + 4))
		return err_set(e, EIO, "cannot sign the checkpoint");
	base64_encode(sig, sizeof(sig), b64);
	m = snprintf(out + n, NOTE_SIGNED_MAX - (size_t)n, "\n" DASH "%s %s\n", k->vkey.name, b64);
	return n + m;
}

int checkpoint_parse(const char *note, size_t n, struct checkpoint *out, struct err *e)
{
	struct span rest, line;
	size_t split = 0;

	if (n == 0 || n > NOTE_MAX || note[n - 1] != '\n')
		return err_set(e, EBADMSG, "not a signed note (empty, too long, or cut off)");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)note[i] < ' ' && note[i] != '\n')
			return err_set(e, EBADMSG, "not a signed note (control byte at %zu)", i);
	/* The last blank line parts text and signatures (signed-note, "Format"). */
	for (size_t i = n - 1; i > 0 && !split; i--)
		if (note[i] == '\n' && note[i - 1] == '\n')
			split = i;
	if (!split)
		return err_set(e, EBADMSG, "not a signed note (no signature)");
	out->text = (struct span){note, split};
	out->sigs = (struct span){note + split + 1, n - split - 1};
	rest = out->text;
	if (!span_line(&rest, &out->origin) || out->origin.n == 0)
		return err_set(e, EBADMSG, "checkpoint without an origin line");
	if (!span_line(&rest, &line) || !span_decimal(line, &out->size))
		return err_set(e, EBADMSG, "checkpoint without a tree size in line 2");
	if (!span_line(&rest, &line) ||
		base64_decode(line.p, line.n, out->root.b, LEDGER_HASH) != LEDGER_HASH)
		return err_set(e, EBADMSG, "checkpoint without a root hash in line 3");
	while (span_line(&rest, &line))
		if (line.n == 0)
			return err_set(e, EBADMSG, "checkpoint with an empty extension line");
	return 0;
}

int checkpoint_verify(const struct checkpoint *c, const struct vkey *k, struct err *e)
{
	struct span rest = c->sigs, line, name = span_of(k->name);
	bool found = false;

	if (!span_eq(c->origin, name))
		return err_set(e, ENOENT, "the checkpoint's origin is '%.*s', the key's name '%s'",
			(int)(c->origin.n > 200 ? 200 : c->origin.n), c->origin.p, k->name);
	while (span_line(&rest, &line)) {
		uint8_t sig[4 + SIGNATURE];
		size_t skip = strlen(DASH) + name.n + 1;

		if (line.n <= skip || memcmp(line.p, DASH, strlen(DASH)) ||
			memcmp(line.p + strlen(DASH), name.p, name.n) || line.p[skip - 1] != ' ')
			continue;
		if (base64_decode(line.p + skip, line.n - skip, sig, sizeof(sig)) != sizeof(sig))
			continue; /* another algorithm's signature */
		if (((uint32_t)sig[0] << 24 | (uint32_t)sig[1] << 16 | (uint32_t)sig[2] << 8 |
			    sig[3]) != k->id)
			continue;
		found = true;
		if (!ed25519_verify(k->pub, sig + 4, c->text.p, c->text.n))
			return err_set(e, EBADMSG, "the signature of key %08" PRIx32
				" on the checkpoint is wrong", k->id);
	}
	return found ? 0 : err_set(e, ENOENT, "the checkpoint is not signed by key %s+%08" PRIx32,
		k->name, k->id);
}
