/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * quorum.h - up to where the cosignatures beside a ledger (ledger/cosigned.h) cover it, by a policy: what a quorum
 * has vouched for, and what retention may therefore remove.
 */
#ifndef LOGVISOR_MIRROR_QUORUM_H
#define LOGVISOR_MIRROR_QUORUM_H

#include <stdint.h>

#include "ledger/note.h"
#include "mirror/policy.h"
#include "util/err.h"

struct quorum {
	uint64_t covered;     /* leaves; UINT64_MAX if the policy wants no cosignature */
	uint64_t time;        /* of the youngest cosignature that counts, seconds since 1970; 0: none does */
	unsigned forks;       /* cosigned checkpoints that are of another history than the ledger; the first is in `why` */
	unsigned wrong;       /* that prove nothing; the first is in `why` if there are no forks */
	struct err why;
};

/*
 * Look at the ledger in directory @dir, whose key is @log. Each checkpoint that counts has both signatures, and the
 * ledger's stored hashes lead to its root. A mirror that said it has forgotten some of it counts for what it has.
 */
void quorum_find(int dir, const struct policy *p, const struct vkey *log, struct quorum *out);

#endif
