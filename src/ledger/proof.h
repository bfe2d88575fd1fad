/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proof.h - a record's proof as one small text file (c2sp.org/tlog-proof): the record, its place, the
 * hashes from it to the root, and the signed checkpoint. It is checked without the ledger.
 *
 * The `extra` line is ours to define: base64 of the log's verifier key, a newline, and the leaf. The key
 * is there so that a proof can be read at all; only a key from elsewhere makes it worth anything.
 */
#ifndef LOGVISOR_LEDGER_PROOF_H
#define LOGVISOR_LEDGER_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/note.h"
#include "util/err.h"
#include "util/span.h"

/* No proof is longer: an extra line for the largest leaf, 64 hashes, a checkpoint. */
#define PROOF_MAX (90000 + 64 * 45 + NOTE_MAX)
#define PROOF_PATH 64

struct proof {
	uint64_t index;
	struct hash path[PROOF_PATH];
	size_t n_path;
	struct vkey vkey;             /* the one it carries */
	struct span leaf;             /* in `extra` */
	struct checkpoint checkpoint; /* in the parsed text */
	char *extra;                  /* owned: proof_free() */
};

/*
 * Make the proof for record @index of the ledger in @dir, under its present checkpoint. *text is
 * allocated with malloc. 0; -ERANGE: no such record, or not signed yet; -EBADMSG: the ledger's hashes do
 * not lead from the record to the root; or another -errno. @e says which.
 */
int proof_make(const char *dir, uint64_t index, char **text, size_t *n, struct err *e);

/* Take a proof apart. 0, -EBADMSG with @e, -ENOMEM. proof_free() in any case. */
int proof_parse(const char *text, size_t n, struct proof *out, struct err *e);
void proof_free(struct proof *p);

/*
 * Is the leaf at its place under the root, and the root signed by @key (NULL: by the key that the proof
 * carries, which proves nothing of who signed)? 0, or -EBADMSG with @e.
 */
int proof_check(const struct proof *p, const struct vkey *key, struct err *e);

#endif
