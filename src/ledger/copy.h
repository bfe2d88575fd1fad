/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy.h - another's log, kept in the files of a ledger: the same leaves, under checkpoints that the log's owner has
 * signed. There is no private key, so the leaves grow first, and a checkpoint over them is put in their place
 * when its owner's arrives. Until the first one there is none.
 *
 * A struct ledger opened so takes ledger_size(), _committed(), _signed(), _commit(), _close() and _abandon(); not
 * ledger_append() and ledger_checkpoint(). One thread at a time.
 */
#ifndef LOGVISOR_LEDGER_COPY_H
#define LOGVISOR_LEDGER_COPY_H

#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/tree.h"

/* The keys that the log may be signed with; it had a new one when its host was lost. */
struct copy_keys {
	const struct vkey *key;
	size_t n;
};

/*
 * Open the copy in @dir for writing, made if it is not there, and mended as ledger_open() does. -EBUSY: another
 * process has it; -EBADMSG: damaged, or its checkpoint is by none of @keys. ledger_close() or ledger_abandon().
 */
int copy_open(struct ledger **out, const char *dir, const struct copy_keys *keys, struct ledger_recovery *rec,
	struct err *e);

/* The key of @keys that has signed @c; NULL with @e: none, or its signature is wrong. */
const struct vkey *copy_signer(const struct checkpoint *c, const struct copy_keys *keys, struct err *e);

/* Append a leaf, whose hash is proven to be @h. As ledger_append(). */
int copy_append(struct ledger *l, struct span leaf, const struct hash *h, struct err *e);

/* The leaf hashes of @n leaves appended, from @from on, of one segment. 0, -ENODATA or another -errno. */
int copy_leaf_hashes(struct ledger *l, uint64_t from, uint64_t n, struct hash *out);

/*
 * Put @c, signed by @key, in the checkpoint's place: @note is its bytes, with all signature lines that are to be
 * kept. What is in the files is durable before. -ESTALE: it is smaller than what was there, or was about to be;
 * -ENODATA: not all of its leaves are here; -EBADMSG: they have another root than it says; or another -errno.
 */
int copy_seal(struct ledger *l, const struct checkpoint *c, const struct vkey *key, struct span note,
	struct err *e);

/* No smaller checkpoint than this can be put there. */
uint64_t copy_least(const struct ledger *l);

#endif
