/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proof_fuzz.c - proofs from anywhere: no crash, and none is accepted under a key nobody has.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger/proof.h"

static const char known[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	struct proof p;
	struct vkey k;
	struct err e;

	if (!text)
		abort();
	memcpy(text, data, size);
	if (vkey_parse(known, sizeof(known) - 1, &k, &e))
		abort();
	if (!proof_parse(text, size, &p, &e)) {
		if (!proof_check(&p, &k, &e))
			abort();
		proof_check(&p, NULL, &e);
	}
	proof_free(&p);
	free(text);
	return 0;
}
