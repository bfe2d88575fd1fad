/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * note_fuzz.c - checkpoints, verifier keys and the records of `size`. What is accepted is accepted for
 * good: writing it again gives the same bytes. A checkpoint has nothing in it that a signed note must not
 * have, by a second, plainer reading of the specification.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger/layout.h"
#include "ledger/note.h"
#include "util/base64.h"

static const char known[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

static void fuzz_vkey(const char *text, size_t n)
{
	char again[NOTE_VKEY_MAX + 1];
	struct vkey k;
	struct err e;

	if (vkey_parse(text, n, &k, &e))
		return;
	vkey_format(&k, again);
	if (strncmp(again, text, strlen(again)) || n - strlen(again) > 1)
		abort();
}

static void fuzz_size(const char *text, size_t n)
{
	char slot[LAYOUT_SIZE_TEXT] = {0}, again[LAYOUT_SIZE_TEXT];
	struct hash root;
	uint64_t size;

	memcpy(slot, text, n < sizeof(slot) ? n : sizeof(slot));
	if (!layout_size_get(slot, &size, &root))
		return;
	layout_size_put(size, &root, again);
	if (memcmp(again, slot, 82)) /* what follows is not checked */
		abort();
}

/* However people changed it: a key read is one that is written again as the strict form. */
static void fuzz_vkey_read(const char *text, size_t n)
{
	char again[NOTE_VKEY_MAX + 1];
	struct vkey k, same;
	struct err e;

	if (vkey_read(text, n, &k, &e))
		return;
	vkey_format(&k, again);
	if (vkey_parse(again, strlen(again), &same, &e) || memcmp(same.pub, k.pub, sizeof(k.pub)) ||
		strcmp(same.name, k.name) || same.id != k.id)
		abort();
	if (!memmem(text, n, k.name, strlen(k.name)))
		abort();
}

/* The last lines, one after the other: em dash, space, name, space, base64 of 5 bytes and more. */
static void check_lines(struct span sigs)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct span line;
	size_t lines = 0;

	while (span_line(&sigs, &line)) {
		const char *sp = line.n > 4 ? memchr(line.p + 4, ' ', line.n - 4) : NULL;
		size_t n, same = 0;

		lines++;
		if (!sp || memcmp(line.p, "\xe2\x80\x94 ", 4) || sp == line.p + 4 ||
			memchr(line.p + 4, '+', (size_t)(sp - line.p) - 4))
			abort();
		n = (size_t)(line.p + line.n - sp) - 1;
		while (same < n && memchr(digits, sp[1 + same], 64))
			same++;
		if (n < 8 || n % 4 || n - same > 2)
			abort();
	}
	if (sigs.n || lines == 0 || lines > NOTE_SIGNATURES_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	struct checkpoint c;
	struct vkey k;
	struct err e;

	if (!text)
		abort();
	memcpy(text, data, size);
	if (vkey_parse(known, sizeof(known) - 1, &k, &e))
		abort();
	if (!checkpoint_parse(text, size, &c, &e)) {
		if (c.text.p != text || c.text.n + 1 + c.sigs.n != size)
			abort();
		for (size_t i = 0; i < size; i++)
			if ((unsigned char)text[i] < ' ' && text[i] != '\n')
				abort();
		check_lines(c.sigs);
		/* The origin becomes the key's name, so that signatures are looked at. */
		if (c.origin.n <= NOTE_NAME_MAX) {
			memcpy(k.name, c.origin.p, c.origin.n);
			k.name[c.origin.n] = '\0';
		}
		if (!checkpoint_verify(&c, &k, &e))
			abort(); /* nobody has that key */
	}
	fuzz_vkey(text, size);
	fuzz_vkey_read(text, size);
	fuzz_size(text, size);
	free(text);
	return 0;
}
