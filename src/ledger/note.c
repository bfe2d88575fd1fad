/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/note.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/utf8.h"
#include "util/base64.h"

#define DASH "\xe2\x80\x94 " /* em dash, space: begins a signature line */

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
	vkey_set_id(&k->vkey);
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

bool note_key_sign(const struct note_key *k, const void *text, size_t n, uint8_t sig[NOTE_SIGNATURE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = NOTE_SIGNATURE;
	bool ok;

	ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		EVP_DigestSign(ctx, sig, &len, text, n) == 1 && len == NOTE_SIGNATURE;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool note_verify(const uint8_t pub[32], const uint8_t sig[NOTE_SIGNATURE], const void *text, size_t n)
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = k && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
		EVP_DigestVerify(ctx, sig, NOTE_SIGNATURE, text, n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return ok;
}

long note_sign_checkpoint(const struct note_key *k, uint64_t size, const struct hash *root,
	char *out, struct err *e)
{
	char b64[BASE64_LEN(4 + NOTE_SIGNATURE) + 1], root64[BASE64_LEN(LEDGER_HASH) + 1];
	uint8_t sig[4 + NOTE_SIGNATURE];
	int n, m;

	base64_encode(root->b, LEDGER_HASH, root64);
	n = snprintf(out, NOTE_SIGNED_MAX, "%s\n%" PRIu64 "\n%s\n", k->vkey.name, size, root64);
	for (unsigned i = 0; i < 4; i++)
		sig[i] = (uint8_t)(k->vkey.id >> (24 - 8 * i));
	if (!note_key_sign(k, out, (size_t)n, sig + 4))
		return err_set(e, EIO, "cannot sign the checkpoint");
	base64_encode(sig, sizeof(sig), b64);
	m = snprintf(out + n, NOTE_SIGNED_MAX - (size_t)n, "\n" DASH "%s %s\n", k->vkey.name, b64);
	return n + m;
}

/* White space by Unicode 15.0, PropList.txt; all of it, for a key name must not hold any. */
static bool is_space(uint32_t cp)
{
	return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
		(cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
		cp == 0x205f || cp == 0x3000;
}

/* A key name: not empty, no space of any kind, no plus. */
static bool name_valid(struct span name)
{
	uint32_t cp;
	size_t len;

	for (size_t i = 0; i < name.n; i += len) {
		len = utf8_sequence(name.p + i, name.n - i, &cp);
		if (len == 0 || cp == '+' || is_space(cp))
			return false;
	}
	return name.n > 0;
}

/* Take a signature line apart. NULL, or what is wrong with it. */
static const char *signature_parse(struct span line, struct note_signature *s)
{
	const char *end = line.p + line.n, *sp;
	uint8_t id[6];

	if (line.n < strlen(DASH) || memcmp(line.p, DASH, strlen(DASH)))
		return "does not begin with an em dash and a space";
	line.p += strlen(DASH);
	sp = memchr(line.p, ' ', (size_t)(end - line.p));
	if (!sp)
		return "has no signature after the key's name";
	s->name = (struct span){line.p, (size_t)(sp - line.p)};
	s->base64 = (struct span){sp + 1, (size_t)(end - sp) - 1};
	if (!name_valid(s->name))
		return "has a key name that cannot be one (empty, or with a space or a plus)";
	s->n = base64_decode(s->base64.p, s->base64.n, NULL, 0) - 4;
	if (s->n <= -4)
		return "is not base64";
	if (s->n < 1)
		return "is too short for a signature";
	base64_decode(s->base64.p, 8, id, sizeof(id));
	s->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
	return NULL;
}

bool note_signature_next(struct span *sigs, struct note_signature *out)
{
	return span_line(sigs, &out->line) && !signature_parse(out->line, out);
}

bool note_signature_is(const struct note_signature *s, const struct vkey *k)
{
	return s->id == k->id && span_is(s->name, k->name);
}

bool note_signature_bytes(const struct note_signature *s, uint8_t *out, long n)
{
	uint8_t all[4 + 72];

	if (s->n != n || n > (long)sizeof(all) - 4 ||
		base64_decode(s->base64.p, s->base64.n, all, sizeof(all)) != 4 + n)
		return false;
	memcpy(out, all + 4, (size_t)n);
	return true;
}

static int check_bytes(const char *note, size_t n, struct err *e)
{
	uint32_t cp;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_sequence(note + i, n - i, &cp);
		if (len == 0)
			return err_set(e, EBADMSG, "not a signed note (byte %zu is not UTF-8)", i);
		if (cp < ' ' && cp != '\n')
			return err_set(e, EBADMSG, "not a signed note (control byte at %zu)", i);
	}
	return 0;
}

static int check_signatures(struct span sigs, struct err *e)
{
	struct note_signature s;
	struct span line;
	unsigned n = 0;

	while (span_line(&sigs, &line)) {
		const char *wrong = signature_parse(line, &s);

		if (++n > NOTE_SIGNATURES_MAX)
			return err_set(e, EBADMSG, "not a signed note (more than %d signatures)",
				NOTE_SIGNATURES_MAX);
		if (wrong)
			return err_set(e, EBADMSG, "not a signed note (signature line %u %s)", n, wrong);
	}
	return n ? 0 : err_set(e, EBADMSG, "not a signed note (no signature)");
}

int checkpoint_parse(const char *note, size_t n, struct checkpoint *out, struct err *e)
{
	struct span rest, line;
	size_t split = 0;
	int r;

	if (n == 0 || n > NOTE_MAX || note[n - 1] != '\n')
		return err_set(e, EBADMSG, "not a signed note (empty, too long, or cut off)");
	r = check_bytes(note, n, e);
	if (r)
		return r;
	/* The last blank line parts text and signatures (signed-note, "Format"). */
	for (size_t i = n - 1; i > 0 && !split; i--)
		if (note[i] == '\n' && note[i - 1] == '\n')
			split = i;
	if (!split)
		return err_set(e, EBADMSG, "not a signed note (no blank line before signatures)");
	out->text = (struct span){note, split};
	out->sigs = (struct span){note + split + 1, n - split - 1};
	r = check_signatures(out->sigs, e);
	if (r)
		return r;
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
	struct span rest = c->sigs;
	struct note_signature s;
	bool found = false;

	if (!span_is(c->origin, k->name))
		return err_set(e, ENOENT, "the checkpoint's origin is '%.*s', the key's name '%s'",
			(int)(c->origin.n > 200 ? 200 : c->origin.n), c->origin.p, k->name);
	while (note_signature_next(&rest, &s)) {
		uint8_t sig[NOTE_SIGNATURE];

		if (!note_signature_is(&s, k))
			continue; /* another key's */
		found = true;
		if (!note_signature_bytes(&s, sig, sizeof(sig)) ||
			!note_verify(k->pub, sig, c->text.p, c->text.n))
			return err_set(e, EBADMSG, "the signature of key %08" PRIx32
				" on the checkpoint is wrong", k->id);
	}
	return found ? 0 : err_set(e, ENOENT, "the checkpoint is not signed by key %s+%08" PRIx32,
		k->name, k->id);
}
