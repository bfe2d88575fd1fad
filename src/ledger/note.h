/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * note.h - signed notes (c2sp.org/signed-note) with Ed25519 keys, and the checkpoint
 * (c2sp.org/tlog-checkpoint) that is the text of ours.
 *
 * The private key is a PKCS#8 PEM file, as openssl writes and reads it; the verifier key is the note
 * specification's one-line text NAME+HEXID+BASE64.
 */
#ifndef LOGVISOR_LEDGER_NOTE_H
#define LOGVISOR_LEDGER_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/tree.h"
#include "util/err.h"
#include "util/span.h"

#define NOTE_NAME_MAX 255                       /* ours; the specification has no limit */
#define NOTE_VKEY_MAX (NOTE_NAME_MAX + 1 + 8 + 1 + 44) /* without the NUL */
#define NOTE_MAX 131072                         /* a checkpoint with 16 cosignatures of the largest kind */
#define NOTE_SIGNATURES_MAX 100                 /* as Go's golang.org/x/mod/sumdb/note has it */
#define NOTE_SIGNED_MAX 1024                    /* what note_sign_checkpoint() writes, at most */

/* A verifier key. */
struct vkey {
	char name[NOTE_NAME_MAX + 1];
	uint32_t id;
	uint8_t pub[32];
};

/* A checkpoint's text, taken apart. Spans point into the parsed bytes. */
struct checkpoint {
	struct span origin;
	uint64_t size;
	struct hash root;
	struct span text; /* what is signed: up to and with the newline before the blank line */
	struct span sigs; /* the signature lines */
};

/* Whether @name can be a key name of ours: 1-255 printable ASCII characters, no space, no plus. */
bool note_name_ok(const char *name);

/* Parse NAME+HEXID+BASE64, with or without a final newline. 0, or -EINVAL with @e. */
int vkey_parse(const char *text, size_t n, struct vkey *out, struct err *e);

/*
 * The same as people hand it on: with CR LF or blank lines around it, the id in upper case, a byte order
 * mark. What it is instead, if it is none (a private key, several lines), is said.
 */
int vkey_read(const char *text, size_t n, struct vkey *out, struct err *e);

/* Is it the key of VM @vm's ledger? Its name is the VM's, or ends in it (example.com/logs/web01). */
bool vkey_is_of(const struct vkey *k, const char *vm);

/* Compute k->id from its name and key. */
void vkey_set_id(struct vkey *k);

/* The text form, NUL-terminated, no newline. @out has NOTE_VKEY_MAX + 1 bytes. */
void vkey_format(const struct vkey *k, char *out);

/*
 * What an Ed25519 key signs: the type byte in key id and text form (signed-note, "Signature types"). The three
 * functions above are of the first kind.
 */
enum vkey_kind {
	VKEY_NOTE = 0x01,     /* the text of a note */
	VKEY_COSIGNER = 0x04, /* a checkpoint's with a time before it: cosign.h */
};

int vkey_parse_kind(enum vkey_kind kind, const char *text, size_t n, struct vkey *out, struct err *e);
void vkey_set_id_kind(enum vkey_kind kind, struct vkey *k);
void vkey_format_kind(enum vkey_kind kind, const struct vkey *k, char *out);

/* Make a key pair: @pem (allocated with malloc, *@pem_len bytes) and @pub. 0, or -EIO with @e. */
int note_key_generate(char **pem, size_t *pem_len, struct err *e);

struct note_key; /* a private key with its verifier key */

/* Read a PEM private key for @name. *out is freed by note_key_free(). 0, -EBADMSG, -EINVAL. */
int note_key_load(const char *pem, size_t n, const char *name, struct note_key **out,
	struct err *e);
void note_key_free(struct note_key *k);
const struct vkey *note_key_vkey(const struct note_key *k);

#define NOTE_SIGNATURE 64 /* bytes of an Ed25519 signature: RFC 8032 */

/* The bare signature of @n bytes. False: OpenSSL cannot. */
bool note_key_sign(const struct note_key *k, const void *text, size_t n, uint8_t sig[NOTE_SIGNATURE]);
bool note_verify(const uint8_t pub[32], const uint8_t sig[NOTE_SIGNATURE], const void *text, size_t n);

/*
 * Write the checkpoint of @size and @root with our one signature; the origin is the key's name.
 * Returns its length (@out has NOTE_SIGNED_MAX bytes), or -EIO with @e.
 */
long note_sign_checkpoint(const struct note_key *k, uint64_t size, const struct hash *root,
	char *out, struct err *e);

/*
 * Take a checkpoint apart: a signed note as the specification and Go's note.Open() have it, all of its
 * signature lines well-formed, whoever's they are; none of them is verified. 0, or -EBADMSG with @e.
 */
int checkpoint_parse(const char *note, size_t n, struct checkpoint *out, struct err *e);

/* A signature line taken apart. */
struct note_signature {
	struct span line;         /* without the newline */
	struct span name, base64; /* of the key id and what follows it */
	uint32_t id;
	long n;                   /* bytes after the id */
};

/* Cut the first line off *@sigs, the signatures of a note. False: there is none, or it is no signature. */
bool note_signature_next(struct span *sigs, struct note_signature *out);

/* Is it of key @k, by name and id? */
bool note_signature_is(const struct note_signature *s, const struct vkey *k);

/* The bytes after the id, if they are @n (at most 72: a timestamped Ed25519 signature). */
bool note_signature_bytes(const struct note_signature *s, uint8_t *out, long n);

/*
 * Check that @k has signed @c, and that its name is the origin. 0; -ENOENT: no signature by that key;
 * -EBADMSG: there is one, and it is wrong. @e says which.
 */
int checkpoint_verify(const struct checkpoint *c, const struct vkey *k, struct err *e);

#endif
