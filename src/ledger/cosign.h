/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cosign.h - cosignatures (c2sp.org/tlog-cosignature) with Ed25519 keys: somebody else's signature under a log's
 * checkpoint, which says when it was made, and that the cosigner has seen no other history of the log. A mirror's
 * says besides that it has stored all of it.
 *
 * The signed message does not name the cosigner, so that no two cosigners may have the same key.
 */
#ifndef LOGVISOR_LEDGER_COSIGN_H
#define LOGVISOR_LEDGER_COSIGN_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/note.h"
#include "util/err.h"
#include "util/span.h"

#define COSIGN_BYTES (8 + NOTE_SIGNATURE) /* time and signature: struct timestamped_signature */

/* Bytes of a cosignature's line, at most: dash, space, name, space, base64, newline; and a NUL. */
#define COSIGN_LINE_MAX (4 + NOTE_NAME_MAX + 1 + (4 + COSIGN_BYTES + 2) / 3 * 4 + 2)

/* NAME+HEXID+BASE64 of a cosigner's key, with or without a final newline. 0, or -EINVAL with @e. */
static inline int cosign_vkey_parse(const char *text, size_t n, struct vkey *out, struct err *e)
{
	return vkey_parse_kind(VKEY_COSIGNER, text, n, out, e);
}

/* The text form, NUL-terminated, no newline. @out has NOTE_VKEY_MAX + 1 bytes. */
static inline void cosign_vkey_format(const struct vkey *k, char *out)
{
	vkey_format_kind(VKEY_COSIGNER, k, out);
}

struct cosign_key; /* a private key with its cosigner's verifier key */

/* Read a PEM private key for @name. *out is freed by cosign_key_free(). 0, -EBADMSG, -EINVAL, -ENOMEM. */
int cosign_key_load(const char *pem, size_t n, const char *name, struct cosign_key **out, struct err *e);
void cosign_key_free(struct cosign_key *k);
const struct vkey *cosign_key_vkey(const struct cosign_key *k);

/*
 * The signature line, with its newline, over a checkpoint's @text (struct checkpoint), made at @time (seconds
 * since 1970, not 0). Returns its length; -EINVAL: no such time; -EIO. The text is not looked at.
 */
long cosign_make(const struct cosign_key *k, struct span text, uint64_t time, char out[COSIGN_LINE_MAX],
	struct err *e);

/*
 * Has cosigner @k signed @c? 0 with the youngest of the times in *@time (may be NULL); -ENOENT: no such line;
 * -EBADMSG: one is wrong. @e says which.
 */
int cosign_verify(const struct checkpoint *c, const struct vkey *k, uint64_t *time, struct err *e);

/* The same of one line, which is not part of a note yet: what a mirror or a witness answers. */
int cosign_verify_line(const struct note_signature *s, struct span text, const struct vkey *k, uint64_t *time,
	struct err *e);

#endif
