/* SPDX-License-Identifier: BSD-3-Clause */
/* vouched.h - verify --policy: up to where a quorum of cosigners vouches for a ledger, and how that is told. */
#ifndef LOGVISOR_CLI_VOUCHED_H
#define LOGVISOR_CLI_VOUCHED_H

#include <stdbool.h>

#include "ledger/verify.h"
#include "mirror/policy.h"
#include "mirror/quorum.h"
#include "util/err.h"

struct vouched {
	const char *file; /* of the policy; NULL: none was given, and all below says nothing */
	struct policy policy;
	struct quorum quorum;
	bool none;        /* the policy wants no cosignature */
};

/*
 * Read the policy. If it knows logs, the key of the one that VM @name's ledger may be becomes @opt's pin, kept in
 * @pin, unless there is one. 0 or -errno with @e.
 */
int vouched_load(struct vouched *v, const char *name, struct verify_options *opt, struct vkey *pin, struct err *e);

/* Look at the ledger in @dir, which was verified: the stored hashes that roots are judged by are its records'. */
void vouched_look(struct vouched *v, const char *dir, const struct verify_sum *s);

/* Leaves that a quorum has cosigned; 0: none, or none is asked for. */
uint64_t vouched_size(const struct vouched *v);

/* Is it a finding: a quorum is wanted and has nothing, or a cosigned checkpoint is of another history? The sentence. */
bool vouched_finding(const struct vouched *v);
const char *vouched_why(const struct vouched *v);

/* The line for people; the members ",..." for JSON. */
void vouched_print(const struct vouched *v, const char *name);
void vouched_json(const struct vouched *v);

void vouched_free(struct vouched *v);

#endif
