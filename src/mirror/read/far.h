/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * far.h - a log that somebody else keeps, read over the network: its checkpoint, its hashes and its records as
 * c2sp.org/tlog-tiles has them. Who serves it is not trusted: whatever comes is of a bounded size, and no hash and
 * no record is given out that does not lead to the root of the checkpoint.
 *
 * A checkpoint of n leaves has one partial tile at most on each level, and the hashes of these are just those that
 * make the root: they are fetched first, and held against it. Any full tile makes the hash of the level above.
 */
#ifndef LOGVISOR_MIRROR_READ_FAR_H
#define LOGVISOR_MIRROR_READ_FAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/layout.h"
#include "ledger/note.h"
#include "ledger/tree.h"
#include "util/err.h"
#include "util/span.h"

#define FAR_NAME_MAX 255
#define FAR_BUNDLE_MAX (LEDGER_BUNDLE * (LAYOUT_PREFIX + LAYOUT_LEAF_MAX))

/* Where it comes from. */
struct far_server {
	/*
	 * GET @path, relative to the server's prefix, without a slash in front. 0 with *data (malloc'ed) and *n, at
	 * most @max bytes; -ENOENT: not there, or not for us; another -errno. @e says which, in any case.
	 */
	int (*get)(void *ctx, const char *path, size_t max, char **data, size_t *n, struct err *e);
	void *ctx;
};

/* What must hold of its checkpoint beside its own signature. Both may be NULL. */
struct far_trust {
	const struct vkey *log;      /* the log's key; NULL: the one that is served beside it */
	const struct vkey *cosigner; /* who must have cosigned it */
};

struct far_tile {
	bool valid;
	uint64_t index;
	struct hash h[LEDGER_BUNDLE];
};

struct far {
	const struct far_server *server;
	struct far_trust trust;
	char origin[FAR_NAME_MAX + 1];
	char prefix[2 * LEDGER_HASH + 2]; /* hexadecimal SHA-256 of the origin, and a slash */
	struct vkey key;                  /* by which the checkpoint is signed */
	char *note;                       /* the checkpoint's bytes, owned */
	size_t note_len;
	struct checkpoint checkpoint;
	uint64_t cosigned_at;             /* seconds since 1970; 0: not asked for */
	struct far_tile partial[LAYOUT_LEVELS], full[LAYOUT_LEVELS];
};

/* Leaves of one bundle, all of them proven. */
struct far_bundle {
	uint64_t at, n;                 /* leaves at..at+n-1 */
	char *data;                     /* owned; each with its length before it */
	size_t size;
	uint32_t off[LEDGER_BUNDLE + 1]; /* where leaf k's length stands */
	struct hash leaf[LEDGER_BUNDLE];
};

/*
 * Open log @origin of @server: fetch and check its checkpoint and the hashes that make its root. 0; -ENOENT: no
 * such log there, or not for us; -EBADMSG: it is not what it says; or another -errno. @e says which. @server has
 * to outlive it. far_close() in any case.
 */
int far_open(struct far *f, const struct far_server *server, const char *origin, const struct far_trust *trust,
	struct err *e);
void far_close(struct far *f);

/*
 * Look again: 1 if there is a checkpoint of more leaves, 0 if not (*f is as before), -errno with @e; -EBADMSG too if
 * it is one of fewer, or of as many and another root.
 */
int far_refresh(struct far *f, struct err *e);

/* Hash @index of @level, of one of the complete subtrees under the checkpoint. 0, or as far_open(). */
int far_hash(struct far *f, unsigned level, uint64_t index, struct hash *out, struct err *e);

/* The root of the first @size leaves; @size is not above the checkpoint's. */
int far_root(struct far *f, uint64_t size, struct hash *out, struct err *e);

/*
 * How many of the first @size leaves of the ledger in directory @dir are the far log's too, by the hashes stored
 * here: in *@same, the smaller of both sizes if there is no difference. Where the hashes of a single leaf are missing
 * here, the start of its bundle counts. 0 or -errno with @e.
 */
int far_compare(struct far *f, int dir, uint64_t size, uint64_t *same, struct err *e);

/* Bundle @index, as far as the checkpoint covers it. far_bundle_free() in any case. */
int far_bundle(struct far *f, uint64_t index, struct far_bundle *b, struct err *e);
void far_bundle_free(struct far_bundle *b);
struct span far_leaf(const struct far_bundle *b, uint64_t k);

/* Find the @b->n leaves in @b->data. 0, or -EBADMSG: there are not so many whole ones. far_bundle() does it. */
int far_bundle_parse(struct far_bundle *b);

#endif
