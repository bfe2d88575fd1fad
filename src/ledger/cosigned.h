/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cosigned.h - others' word for a ledger, kept beside it: for each mirror and witness the newest of the ledger's
 * checkpoints that it has cosigned. The ledger signs anew each second, and nothing that came back may get lost by
 * that; so each cosigner has a file of its own, which only its uploader writes:
 *
 *	cosigned/ID          a signed note: the checkpoint, the log's signature, the cosigner's
 *	cosigned/ID.state    where that is, and what was wrong at the last attempt; proves nothing
 *
 * ID is 16 hexadecimal digits: the beginning of SHA-256 of the cosigner's verifier key as text.
 */
#ifndef LOGVISOR_LEDGER_COSIGNED_H
#define LOGVISOR_LEDGER_COSIGNED_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/hashes.h"
#include "ledger/note.h"
#include "util/err.h"

#define COSIGNED_DIR "cosigned"
#define COSIGNED_ID 16

/* The cosigner's ID, terminated. */
void cosigned_id(const struct vkey *cosigner, char out[COSIGNED_ID + 1]);

/* Put the checkpoint in @note (with both signatures) as @cosigner's newest. @dir: the ledger's. 0 or -errno. */
int cosigned_put(int dir, const struct vkey *cosigner, const char *note, size_t n);

/*
 * The newest checkpoint that @cosigner has cosigned of log @log, as it is kept: size, root, and when (seconds since
 * 1970); without a file of its own, the ledger's checkpoint is looked at, as a mirror serves it. 0; -ENOENT: there is none; -EBADMSG with @e: it is not signed by both; or another -errno.
 */
struct cosigned {
	uint64_t size, time;
	struct hash root;
};
int cosigned_get(int dir, const struct vkey *cosigner, const struct vkey *log, struct cosigned *out, struct err *e);

/*
 * Is it a beginning of the history that the stored hashes have? 0; -EBADMSG: it is that of another; -ENODATA: that
 * cannot be told (too much was pruned, or there are fewer leaves); or another -errno. @e says which.
 */
int cosigned_check(struct hashes *h, const struct cosigned *c, struct err *e);

/*
 * The lines under the present checkpoint @text of all who have cosigned just that, to be put behind its own. Each
 * once; none is verified. *lines is allocated (NULL: none). 0, -ENOMEM.
 */
int cosigned_lines(int dir, struct span text, char **lines, size_t *n);

#endif
