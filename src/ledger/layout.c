/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/base64.h"
#include "util/span.h"

void layout_segment(char *out, uint64_t segment, const char *kind)
{
	snprintf(out, LAYOUT_NAME, "log/%08" PRIu64 ".%s", segment, kind);
}

void layout_level(char *out, unsigned level)
{
	snprintf(out, LAYOUT_NAME, "log/hash.%u", level);
}

static void put64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

void index_row_put(const struct index_row *row, uint8_t out[LAYOUT_ROW])
{
	put64(out, row->end);
	put64(out + 8, (uint64_t)row->min_us);
	put64(out + 16, (uint64_t)row->max_us);
}

void index_row_get(const uint8_t in[LAYOUT_ROW], struct index_row *row)
{
	row->end = get64(in);
	row->min_us = (int64_t)get64(in + 8);
	row->max_us = (int64_t)get64(in + 16);
}

/* "DDDDDDDDDDDDDDDDDDDD <44 base64> <16 hex>\n": 20 + 1 + 44 + 1 + 16 + 1 = 83, then spaces. */
enum { SIZE_BODY = 20 + 1 + BASE64_LEN(LEDGER_HASH), SIZE_SUM = 16 };

static void size_sum(const char *text, char out[SIZE_SUM + 1])
{
	struct hash h;

	tree_sha256(text, SIZE_BODY, &h);
	for (unsigned i = 0; i < SIZE_SUM / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", h.b[i]);
}

void layout_size_put(uint64_t size, const struct hash *root, char out[LAYOUT_SIZE_TEXT])
{
	char b64[BASE64_LEN(LEDGER_HASH) + 1], text[LAYOUT_SIZE_TEXT + 1], sum[SIZE_SUM + 1];

	base64_encode(root->b, LEDGER_HASH, b64);
	snprintf(text, sizeof(text), "%020" PRIu64 " %s", size, b64);
	size_sum(text, sum);
	memset(out, ' ', LAYOUT_SIZE_TEXT);
	memcpy(out, text, SIZE_BODY);
	memcpy(out + SIZE_BODY + 1, sum, SIZE_SUM);
	out[LAYOUT_SIZE_TEXT - 1] = '\n';
}

bool layout_size_get(const char in[LAYOUT_SIZE_TEXT], uint64_t *size, struct hash *root)
{
	char sum[SIZE_SUM + 1];

	size_sum(in, sum);
	return span_digits((struct span){in, 20}, size) && in[20] == ' ' && in[SIZE_BODY] == ' ' &&
		!memcmp(in + SIZE_BODY + 1, sum, SIZE_SUM) &&
		base64_decode(in + 21, BASE64_LEN(LEDGER_HASH), root->b, LEDGER_HASH) == LEDGER_HASH;
}
