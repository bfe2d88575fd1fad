/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vkey.c - verifier keys as text: NAME+HEXID+BASE64 (signed-note, "Verifier keys"), one line; and as people
 * hand them on, who cannot see a line end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/note.h"
#include "util/base64.h"

#define ID 8          /* digits of the key id */
#define BOM "\xef\xbb\xbf"

bool note_name_ok(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (n >= NOTE_NAME_MAX || name[n] <= ' ' || name[n] > '~' || name[n] == '+')
			return false;
	return n > 0;
}

bool vkey_is_of(const struct vkey *k, const char *vm)
{
	const char *slash = strrchr(k->name, '/');

	return !strcmp(vm, k->name) || (slash && !strcmp(vm, slash + 1));
}

void vkey_set_id_kind(enum vkey_kind kind, struct vkey *k)
{
	uint8_t buf[NOTE_NAME_MAX + 2 + sizeof(k->pub)];
	size_t n = strlen(k->name);
	struct hash h;

	memcpy(buf, k->name, n);
	buf[n++] = '\n';
	buf[n++] = kind;
	memcpy(buf + n, k->pub, sizeof(k->pub));
	tree_sha256(buf, n + sizeof(k->pub), &h);
	k->id = (uint32_t)h.b[0] << 24 | (uint32_t)h.b[1] << 16 | (uint32_t)h.b[2] << 8 | h.b[3];
}

void vkey_set_id(struct vkey *k)
{
	vkey_set_id_kind(VKEY_NOTE, k);
}

int vkey_parse_kind(enum vkey_kind kind, const char *text, size_t n, struct vkey *out, struct err *e)
{
	const char *plus, *plus2;
	char id[ID + 1];
	uint8_t key[33];
	long got;

	if (n && text[n - 1] == '\n')
		n--;
	plus = n ? memchr(text, '+', n) : NULL;
	plus2 = plus ? memchr(plus + 1, '+', n - (size_t)(plus + 1 - text)) : NULL;
	if (!plus2 || plus2 - plus != 1 + ID || plus - text > NOTE_NAME_MAX)
		return err_set(e, EINVAL, "not a verifier key (want NAME+8 hex digits+base64)");
	memcpy(out->name, text, (size_t)(plus - text));
	out->name[plus - text] = '\0';
	if (!note_name_ok(out->name) || strlen(out->name) != (size_t)(plus - text))
		return err_set(e, EINVAL, "the verifier key's name is empty, or holds a space or a byte "
			"that is not printable US-ASCII");
	got = base64_decode(plus2 + 1, n - (size_t)(plus2 + 1 - text), key, sizeof(key));
	if (got != sizeof(key) || key[0] != kind)
		return err_set(e, EINVAL, "the verifier key is not an Ed25519 %s (after the second '+': "
			"base64 of the byte %d and 32 bytes)", kind == VKEY_NOTE ? "key" : "cosigner's key", kind);
	memcpy(out->pub, key + 1, sizeof(out->pub));
	vkey_set_id_kind(kind, out);
	snprintf(id, sizeof(id), "%08" PRIx32, out->id);
	if (memcmp(id, plus + 1, ID))
		return err_set(e, EINVAL, "the verifier key's id is %.8s, computed from its name and key "
			"%s: part of it was changed", plus + 1, id);
	return 0;
}

int vkey_parse(const char *text, size_t n, struct vkey *out, struct err *e)
{
	return vkey_parse_kind(VKEY_NOTE, text, n, out, e);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int vkey_read(const char *text, size_t n, struct vkey *out, struct err *e)
{
	char line[NOTE_VKEY_MAX + 1], *id;

	if (n >= strlen(BOM) && !memcmp(text, BOM, strlen(BOM))) {
		text += strlen(BOM);
		n -= strlen(BOM);
	}
	while (n && blank(text[n - 1]))
		n--;
	for (; n && blank(*text); n--)
		text++;
	if (n == 0)
		return err_set(e, EINVAL, "no verifier key, but blank");
	if (memmem(text, n, "PRIVATE KEY", 11))
		return err_set(e, EINVAL, "a private key; its verifier key is in the file 'vkey' beside it");
	if (memchr(text, '\n', n))
		return err_set(e, EINVAL, "more than one line; a verifier key is one (NAME+8 hex digits+base64)");
	if (n > NOTE_VKEY_MAX)
		return err_set(e, EINVAL, "longer than any verifier key of ours (%zu bytes)", n);
	memcpy(line, text, n);
	line[n] = '\0';
	/* The id's digits in either case: its value is what is compared. */
	id = memchr(line, '+', n);
	for (size_t i = 1; id && i <= ID && id + i < line + n; i++)
		if (id[i] >= 'A' && id[i] <= 'F')
			id[i] = (char)(id[i] - 'A' + 'a');
	return vkey_parse(line, n, out, e);
}

void vkey_format_kind(enum vkey_kind kind, const struct vkey *k, char *out)
{
	char b64[BASE64_LEN(33) + 1];
	uint8_t key[33];

	key[0] = kind;
	memcpy(key + 1, k->pub, sizeof(k->pub));
	base64_encode(key, sizeof(key), b64);
	snprintf(out, NOTE_VKEY_MAX + 1, "%s+%08" PRIx32 "+%s", k->name, k->id, b64);
}

void vkey_format(const struct vkey *k, char *out)
{
	vkey_format_kind(VKEY_NOTE, k, out);
}
