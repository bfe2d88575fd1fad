/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peek.c - single facts of a leaf, without decoding it: for walks over millions of them. What is not a leaf
 * gives no answer, or a wrong one; who goes by it decodes the leaf before believing it.
 */
#include "record/leaf.h"
#include "record/record.h"

#define HEADER_FIELDS 6 /* <PRI>1, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID */

#define OBSERVED "[" RECORD_SD_OBSERVED

/* Behind the observed element's name, or NULL. */
static const char *observed(const char *p, const char *end)
{
	for (int i = 0; i < HEADER_FIELDS; i++) {
		p = memchr(p, ' ', (size_t)(end - p));
		if (!p)
			return NULL;
		p++;
	}
	if ((size_t)(end - p) < sizeof(OBSERVED) - 1 || memcmp(p, OBSERVED, sizeof(OBSERVED) - 1) != 0)
		return NULL;
	return p + sizeof(OBSERVED) - 1;
}

bool record_peek_boot(const char *leaf, size_t n, char boot[16])
{
	static const char name[] = " boot=\"";
	const char *end = leaf + n, *p = observed(leaf, end);

	/* The parameters before it are numbers and words of ours: no quote is within their values. */
	for (int i = 0; p && p < end && *p == ' ' && i <= LEAF_BOOT; i++) {
		if ((size_t)(end - p) >= sizeof(name) - 1 + 17 && !memcmp(p, name, sizeof(name) - 1)) {
			p += sizeof(name) - 1;
			memcpy(boot, p, 16);
			return p[16] == '"' && leaf_boot_ok((struct span){p, 16});
		}
		p = memchr(p, '"', (size_t)(end - p));
		if (p)
			p = memchr(p + 1, '"', (size_t)(end - p) - 1);
		if (p)
			p++;
	}
	return false;
}

int record_peek_channel(const char *leaf, size_t n)
{
	static const char name[] = " ch=\"";
	const char *end = leaf + n, *p = observed(leaf, end);

	if (!p || (size_t)(end - p) < sizeof(name) - 1 || memcmp(p, name, sizeof(name) - 1) != 0)
		return -1;
	p += sizeof(name) - 1;
	for (int c = 0; c < RECORD_CHANNELS; c++) {
		struct span s = record_channel_names[c];

		if ((size_t)(end - p) > s.n && !memcmp(p, s.p, s.n) && p[s.n] == '"')
			return c;
	}
	return -1;
}

struct span record_peek_text(const char *leaf, size_t n)
{
	const char *p = leaf, *end = leaf + n;

	/* Inside a value a ']' always has a backslash before it, so a quote and a ']' end an element. */
	while ((p = memchr(p, ']', (size_t)(end - p)))) {
		p++;
		if (p - leaf >= 2 && p[-2] == '"' && (p == end || *p != '['))
			break;
	}
	if (!p || p == end)
		return (struct span){leaf, n};
	return (struct span){p + 1, (size_t)(end - p) - 1};
}
