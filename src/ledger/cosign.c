/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/cosign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"
#include "util/cleanup.h"

struct cosign_key {
	struct note_key *key;
	struct vkey vkey;
};

int cosign_key_load(const char *pem, size_t n, const char *name, struct cosign_key **out, struct err *e)
{
	struct cosign_key *k = calloc(1, sizeof(*k));
	int r = k ? note_key_load(pem, n, name, &k->key, e) : err_set(e, ENOMEM, "out of memory");

	if (r) {
		free(k);
		return r;
	}
	k->vkey = *note_key_vkey(k->key);
	vkey_set_id_kind(VKEY_COSIGNER, &k->vkey);
	*out = k;
	return 0;
}

void cosign_key_free(struct cosign_key *k)
{
	if (!k)
		return;
	note_key_free(k->key);
	free(k);
}

const struct vkey *cosign_key_vkey(const struct cosign_key *k)
{
	return &k->vkey;
}

/* What is signed (tlog-cosignature, "Ed25519 signed message"). Its length, or -ENOMEM; *out is to be freed. */
static int message(struct span text, uint64_t time, char **out)
{
	int n = asprintf(out, "cosignature/v1\ntime %" PRIu64 "\n%.*s", time, (int)text.n, text.p);

	if (n < 0)
		*out = NULL;
	return n < 0 ? -ENOMEM : n;
}

static bool time_ok(uint64_t time)
{
	return time != 0 && time <= INT64_MAX;
}

long cosign_make(const struct cosign_key *k, struct span text, uint64_t time, char out[COSIGN_LINE_MAX],
	struct err *e)
{
	char b64[BASE64_LEN(4 + COSIGN_BYTES) + 1];
	_cleanup_free_ char *msg = NULL;
	uint8_t sig[4 + COSIGN_BYTES];
	int n;

	if (!time_ok(time))
		return err_set(e, EINVAL, "cannot cosign: the clock is not set");
	n = message(text, time, &msg);
	for (unsigned i = 0; i < 4; i++)
		sig[i] = (uint8_t)(k->vkey.id >> (24 - 8 * i));
	for (unsigned i = 0; i < 8; i++)
		sig[4 + i] = (uint8_t)(time >> (56 - 8 * i));
	if (n < 0 || !note_key_sign(k->key, msg, (size_t)n, sig + 12))
		return err_set(e, EIO, "cannot cosign the checkpoint");
	base64_encode(sig, sizeof(sig), b64);
	return snprintf(out, COSIGN_LINE_MAX, "\xe2\x80\x94 %s %s\n", k->vkey.name, b64);
}

int cosign_verify_line(const struct note_signature *s, struct span text, const struct vkey *k, uint64_t *time,
	struct err *e)
{
	_cleanup_free_ char *msg = NULL;
	uint8_t sig[COSIGN_BYTES];
	uint64_t t = 0;
	int n = 0;

	if (!note_signature_is(s, k))
		return err_set(e, ENOENT, "not a cosignature of %s+%08" PRIx32, k->name, k->id);
	if (note_signature_bytes(s, sig, sizeof(sig))) {
		for (unsigned i = 0; i < 8; i++)
			t = t << 8 | sig[i];
		n = message(text, t, &msg);
	}
	if (n < 0)
		return err_set(e, ENOMEM, "out of memory");
	if (!n || !time_ok(t) || !note_verify(k->pub, sig + 8, msg, (size_t)n))
		return err_set(e, EBADMSG, "the cosignature of %s+%08" PRIx32 " on the checkpoint is wrong", k->name,
			k->id);
	if (time)
		*time = t;
	return 0;
}

int cosign_verify(const struct checkpoint *c, const struct vkey *k, uint64_t *time, struct err *e)
{
	struct span rest = c->sigs;
	struct note_signature s;
	uint64_t youngest = 0, t;

	while (note_signature_next(&rest, &s)) {
		int r = note_signature_is(&s, k) ? cosign_verify_line(&s, c->text, k, &t, e) : -ENOENT;

		if (r == -ENOENT)
			continue;
		if (r)
			return r;
		if (t > youngest)
			youngest = t;
	}
	if (!youngest)
		return err_set(e, ENOENT, "the checkpoint is not cosigned by %s+%08" PRIx32, k->name, k->id);
	if (time)
		*time = youngest;
	return 0;
}
