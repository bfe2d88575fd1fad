/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy_fuzz.c - policies from anyone. What a quorum covers never grows when a cosigner has less, and is the size of
 * one of them or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "mirror/policy.h"

static uint64_t full(void *ctx, const struct vkey *k)
{
	(void)ctx;
	return 1 + k->pub[0];
}

static uint64_t less(void *ctx, const struct vkey *k)
{
	(void)ctx;
	return k->pub[0] & 1 ? 0 : 1 + k->pub[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct policy p;
	struct err e;

	if (!text)
		abort();
	memcpy(text, data, size);
	if (!policy_parse(text, size, &p, &e)) {
		uint64_t a = policy_covered(&p, full, NULL), b = policy_covered(&p, less, NULL);

		if (b > a || (p.quorum < 0) != (a == UINT64_MAX) || (a > 256 && a != UINT64_MAX))
			abort();
	}
	policy_free(&p);
	free(text);
	return 0;
}
