/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * impl.h - one verification, shared by the files of this folder. In order: a view is taken (view.h), what
 * has to hold is gathered from it (gather.c), the leaves are gone through (pass.c), and what was found is
 * judged (verdict.c, sequence.c).
 */
#ifndef LOGVISOR_LEDGER_VERIFY_IMPL_H
#define LOGVISOR_LEDGER_VERIFY_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/continuity.h"
#include "ledger/hashes.h"
#include "ledger/part.h"
#include "ledger/verify.h"
#include "ledger/verify/roots.h"
#include "ledger/verify/view.h"

#define UNREADABLE 64
#define SUSPECTS 4096 /* differences remembered; more are counted */

struct verify {
	const struct verify_options *opt;
	struct verify_sum *sum;
	struct view view;
	bool has_checkpoint;
	bool other_key;            /* the remembered checkpoint is not by this key: judged after the pass */
	struct roots roots;
	bool pruned;               /* something was, and there is a record of it: */
	struct prune_record prune;

	uint64_t from, segments;   /* the first to look at, and one past the last */
	struct tree tree;          /* of the leaves found, as far as a root is named and none is missing */
	bool level1;               /* it begins with hashes of level 1, those above being damaged: told */
	bool broken;               /* leaves under the checkpoint are missing */
	bool ended;                /* a segment beyond the checkpoint is not full: none follows on it */
	uint64_t unreadable[UNREADABLE]; /* segments that the disk does not give, as many as are remembered */
	size_t n_unreadable;
	struct part_host other;    /* records of another VM than opt->name, and the first of them */
	struct hashes hashes;
	struct continuity continuity;
	struct suspect *suspects;  /* differences between leaves and stored hashes */
	size_t n_suspects;
	uint64_t more;             /* suspects beyond SUSPECTS */
};

/* Tell a finding, and count it. */
void verify_tell(struct verify *v, enum finding_kind kind, uint64_t first, uint64_t last,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Keep a difference. @ctx is the struct verify. */
void verify_suspect(void *ctx, const struct suspect *s);

/* Key, checkpoint, remembered checkpoint, `size`, `first`; where to begin and end. 0 or -errno with @e. */
int verify_gather(struct verify *v, struct err *e);

/* All leaves. 0 or -errno with @e. */
int verify_pass(struct verify *v, struct err *e);

/* What the differences and the roots come to. */
void verify_judge(struct verify *v);

/* Are the guests' numbers complete? 0 or -ENOMEM with @e. */
int verify_sequence(struct verify *v, struct err *e);

#endif
