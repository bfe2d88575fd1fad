/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * finding.c - what verify finds has a name for programs and a sentence for people.
 */
#include <stdarg.h>
#include <stdio.h>

#include "ledger/verify/impl.h"

const char *finding_name(enum finding_kind k)
{
	static const char *const names[FINDING_KINDS] = {
		[FINDING_ALTERED] = "altered", [FINDING_RANGE] = "altered-range",
		[FINDING_REMOVED] = "removed", [FINDING_INSERTED] = "inserted",
		[FINDING_SWAPPED] = "swapped", [FINDING_ROOT] = "root", [FINDING_FORK] = "fork",
		[FINDING_CHECKPOINT] = "checkpoint", [FINDING_ROLLED_BACK] = "rolled-back",
		[FINDING_KEY] = "key", [FINDING_SIZE] = "size", [FINDING_HASHES] = "hashes", [FINDING_INDEX] = "index",
		[FINDING_SEQUENCE] = "sequence", [FINDING_RECORD] = "record",
		[FINDING_UNCHECKED] = "unchecked", [FINDING_FOREIGN] = "foreign",
		[FINDING_NAME] = "name",
	};

	return (unsigned)k < FINDING_KINDS ? names[k] : "?";
}

void verify_tell(struct verify *v, enum finding_kind kind, uint64_t first, uint64_t last, const char *fmt, ...)
{
	uint64_t told = v->sum->findings + v->sum->unchecked;
	struct finding f = {.kind = kind, .first = first, .last = last};
	va_list ap;

	if (kind == FINDING_UNCHECKED)
		v->sum->unchecked++;
	else
		v->sum->findings++;
	if (told >= (v->opt->max_findings ? v->opt->max_findings : 100))
		return;
	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	v->opt->tell(v->opt->ctx, &f);
}
