/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * origin.h - one log in the mirror's keeping (c2sp.org/tlog-mirror, tlog-witness): a copy of its ledger, the
 * checkpoints that are pending, and the rules by which either may grow. It knows requests, not HTTP; the statuses
 * of its answers are those that the specifications give.
 *
 * In the log's directory, beside the files of a ledger (doc/format.md), stands `pending`: the youngest checkpoint
 * the log has signed and the mirror has found consistent, with the witness's cosignature. It is durable before
 * anything is answered, and before any entry under it is taken. So entries are never stored that no checkpoint
 * vouches for, and no entry is stored twice: each has its place.
 *
 * All functions may be called by several threads at a time.
 */
#ifndef LOGVISOR_MIRROR_STORE_ORIGIN_H
#define LOGVISOR_MIRROR_STORE_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/cosign.h"
#include "ledger/note.h"
#include "mirror/wire.h"
#include "record/record.h"
#include "util/err.h"

#define ORIGIN_KEYS 8          /* of one log: a new one whenever a host was lost */
#define ORIGIN_NOTE_MAX 16384  /* bytes of a checkpoint with its log's signatures */
#define ORIGIN_PENDING 8       /* checkpoints that an upload may go to */
#define ORIGIN_EXCESS 65536    /* entries that an upload may bring again: a segment */

struct origin_conf {
	char name[RECORD_NAME_MAX + 1];   /* of the VM, and of the directory */
	char origin[NOTE_NAME_MAX + 1];
	struct vkey key[ORIGIN_KEYS];
	size_t n_keys;
};

struct cosigners {
	const struct cosign_key *mirror;  /* what it signs is stored, all of it */
	const struct cosign_key *witness; /* what it signs grew from what it signed before */
};

struct origin;

/*
 * Open the log @conf in directory @store/NAME, made if it is not there. @keys is borrowed. 0; -EBUSY: another
 * process has it; -EBADMSG: damaged, and @e says how; or another -errno. *@mended: what a crash left was put
 * right; then @e has a line about it.
 */
int origin_open(struct origin **out, const char *store, const struct origin_conf *conf,
	const struct cosigners *keys, bool *mended, struct err *e);

/* All that was stored becomes durable. 0 or -errno with @e. @o is gone in any case. */
int origin_close(struct origin *o, struct err *e);

const struct origin_conf *origin_conf(const struct origin *o);

/* Take another configuration: more keys or fewer. Name and origin stay. */
void origin_reconf(struct origin *o, const struct origin_conf *conf);

/* What is answered: HTTP's status, and the body. */
struct answer {
	int status;
	const char *type;                 /* NULL: the body is a line for people */
	char body[COSIGN_LINE_MAX + 256];
};

/* A line for people, that ends in LF. Returns @status. */
int answer_set(struct answer *a, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * add-checkpoint of a witness and a mirror, but for 404. 200: @c is the pending checkpoint now, durably, and the
 * body is the witness's cosignature; 400, 403, 409, 422; 500 and 507 (no room): nothing has changed.
 */
void origin_add_checkpoint(struct origin *o, const struct wire_checkpoint *c, uint64_t now, struct answer *a);

/* ---- add-entries ---- */

struct upload;

/*
 * Begin with a request's head, whose origin is this one. NULL with the answer: 409, 422, 500. Otherwise it is
 * ended by upload_end().
 */
struct upload *upload_begin(struct origin *o, const struct wire_head *head, struct answer *a);

/* Check a package and store it. False with the answer: 422, 500, 507; what came before it stays. */
bool upload_package(struct upload *u, const struct wire_package *p, struct answer *a);

/*
 * No more comes. 200 with the mirror's cosignature when all is here, durable and under a checkpoint; 202: what
 * came is durable; 400: nothing came; 409, 500, 507.
 */
void upload_end(struct upload *u, uint64_t now, struct answer *a);

/* The same when the answer is known already (upload_package()'s), or nobody is there to hear one. */
void upload_abort(struct upload *u);

/* ---- what is known ---- */

struct origin_state {
	uint64_t size, pending, cosigned; /* entries here; under the pending checkpoint; under the mirror's */
	uint64_t cosigned_at;             /* when, seconds since 1970; 0: not since the start */
	uint64_t packages, refused;       /* stored; refused by their proof */
};

void origin_state(struct origin *o, struct origin_state *out);

/* ---- reading ---- */

/* What a path below the log's prefix stands for: @n bytes from @off on of a file, to be closed. */
struct resource {
	int fd;
	uint64_t off, n;
	const char *type;
	bool fixed; /* it never changes */
};

/*
 * "checkpoint", "vkey", "tile/L/N[.p/W]", "tile/entries/N[.p/W]" (c2sp.org/tlog-tiles); "pending" is the
 * witness's checkpoint. 0; -ENOENT: nothing of that name, or it is not here yet; or another -errno.
 */
int origin_read(struct origin *o, const char *path, struct resource *out);

#endif
