/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record_decode_fuzz.c - any bytes as a leaf: either refused, or RFC 5424, the only form of what they
 * mean, and printable in every form without a control byte on a terminal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/record/rfc5424.h"
#include "record/form.h"
#include "record/record.h"

static void print(const struct record *r, struct span leaf, enum form_kind kind, bool terminal)
{
	struct form f = {.kind = kind, .utc = true, .terminal = terminal, .ascii = terminal};
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return;
	form_put(&f, out, r, leaf, 1);
	fclose(out);
	for (size_t i = 0; terminal && i < n; i++)
		if ((text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *leaf = (const char *)data;
	char *scratch = malloc(n ? n : 1), *again = malloc(RECORD_LEAF_MAX);
	struct record r;
	struct err e;
	uint8_t severity;
	int64_t time_us;
	size_t where;

	if (!scratch || !again)
		abort();
	if (record_decode(leaf, n, &r, scratch, n, &e) == 0) {
		if (record_encode(&r, again, RECORD_LEAF_MAX) != (long)n || memcmp(again, leaf, n) != 0)
			abort();
		if (!rfc5424_valid(leaf, n, &where))
			abort();
		if (record_peek(leaf, n, &time_us, &severity) || time_us != r.time_us ||
		    severity != r.severity)
			abort();
		for (int kind = 0; kind < FORM_KINDS; kind++) {
			print(&r, (struct span){leaf, n}, (enum form_kind)kind, false);
			print(&r, (struct span){leaf, n}, (enum form_kind)kind, true);
		}
	}
	free(again);
	free(scratch);
	return 0;
}
