/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * note_fuzz.c - checkpoints, verifier keys and the records of `size`. What is accepted is accepted for
 * good: writing it again gives the same bytes.
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
	if (memcmp(again, slot, 83))
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
		/* The origin becomes the key's name, so that signatures are looked at. */
		if (c.origin.n <= NOTE_NAME_MAX) {
			memcpy(k.name, c.origin.p, c.origin.n);
			k.name[c.origin.n] = '\0';
		}
		if (!checkpoint_verify(&c, &k, &e))
			abort(); /* nobody has that key */
	}
	fuzz_vkey(text, size);
	fuzz_size(text, size);
	free(text);
	return 0;
}
