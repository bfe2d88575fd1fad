/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seal.h - what a ledger shows for itself: the checkpoint, the verifier key beside it, and whether the one
 * is signed by the other. Each may be wrong in its own way, and who looks wants to know which.
 */
#ifndef LOGVISOR_LEDGER_SEAL_H
#define LOGVISOR_LEDGER_SEAL_H

#include <stddef.h>

#include "ledger/note.h"
#include "util/err.h"

/* Each error is 0 or a negative errno, and then `why` has a sentence that names the file. */
struct seal_part {
	int error;
	struct err why;
};

struct seal {
	char *note, *vkey;             /* the files' bytes, owned; NULL if they could not be read */
	size_t note_len, vkey_len;
	struct checkpoint checkpoint;  /* in `note`; valid if its error is 0 */
	struct vkey key;               /* likewise */
	struct seal_part on_vkey;
	struct seal_part on_checkpoint;
	struct seal_part on_signature; /* -EINVAL if there is no checkpoint or no key to check it with */
};

/*
 * Load both from directory @dir, and check the signature with @pin (NULL: with the ledger's own key).
 * 0 if all is well, else the first error, of key, checkpoint, signature in this order, with @e.
 * seal_free() in any case.
 */
int seal_load(int dir, const struct vkey *pin, struct seal *s, struct err *e);

/* The error that seal_load() returned for @s. */
int seal_error(const struct seal *s, struct err *e);
void seal_free(struct seal *s);

/* The size that the checkpoint of the ledger in @dir claims, unchecked. 0, or -errno if there is none. */
int seal_size(const char *dir, uint64_t *size);
int seal_size_at(int dir, uint64_t *size);

#endif
