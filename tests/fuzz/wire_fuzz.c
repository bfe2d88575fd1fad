/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire_fuzz.c - what host and mirror say to each other, from anyone. The first byte chooses the body. A text
 * that is taken is written again as the same bytes; a request of entries gives the same in one piece as in
 * many.
 */
#include <stdlib.h>
#include <string.h>

#include "mirror/wire.h"

static void fuzz_checkpoint(const char *text, size_t n)
{
	struct wire_checkpoint c;
	struct err e;
	char *again;
	size_t len;

	if (wire_checkpoint_get(text, n, &c, &e))
		return;
	if (wire_checkpoint_put(&c, &again, &len) || len != n || memcmp(again, text, n))
		abort();
	free(again);
}

static void fuzz_size(const char *text, size_t n)
{
	char again[WIRE_SIZE_TEXT];
	struct err e;
	uint64_t v;

	if (!wire_size_get(text, n, &v, &e) && ((size_t)wire_size_put(v, again) != n || memcmp(again, text, n)))
		abort();
}

static void fuzz_info(const char *text, size_t n)
{
	struct wire_info i;
	struct err e;
	char *again;
	size_t len;

	if (!wire_info_get(text, n, &i, &e)) {
		if (wire_info_put(&i, &again, &len) || len != n || memcmp(again, text, n))
			abort();
		free(again);
	}
	wire_info_free(&i);
}

struct sum {
	int end; /* what wire_next() said last */
	unsigned packages;
	struct hash over; /* of all leaf hashes and proofs */
};

static void fuzz_entries(const char *data, size_t n, size_t piece, struct sum *s)
{
	struct wire_reader r;
	struct err e;

	memset(s, 0, sizeof(*s));
	wire_reader_init(&r);
	for (size_t at = 0; at < n && s->end >= 0; at += piece) {
		if (wire_feed(&r, data + at, n - at < piece ? n - at : piece))
			abort();
		while ((s->end = wire_next(&r, &e)) == WIRE_HEAD || s->end == WIRE_PACKAGE) {
			const struct wire_package *k = &r.package;

			if (s->end == WIRE_HEAD)
				continue;
			s->packages++;
			if (k->at.end <= k->at.start || k->at.end - k->at.start > LEDGER_BUNDLE ||
				k->entries.n < 3 * (k->at.end - k->at.start) || k->n_proof > CONSISTENCY_MAX)
				abort();
			for (uint64_t i = 0; i < k->at.end - k->at.start; i++)
				tree_node_hash(&s->over, &k->leaf[i], &s->over);
			for (size_t i = 0; i < k->n_proof; i++)
				tree_node_hash(&s->over, &k->proof[i], &s->over);
		}
	}
	wire_reader_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum whole, parts;
	char *text;

	if (size < 2)
		return 0;
	text = malloc(size - 1);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		fuzz_checkpoint(text, size - 1);
		break;
	case 1:
		fuzz_size(text, size - 1);
		break;
	case 2:
		fuzz_info(text, size - 1);
		break;
	default:
		fuzz_entries(text, size - 1, size, &whole);
		fuzz_entries(text, size - 1, 1 + data[0] / 4, &parts);
		if (memcmp(&whole, &parts, sizeof(whole)))
			abort();
	}
	free(text);
	return 0;
}
