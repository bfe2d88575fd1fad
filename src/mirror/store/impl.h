/* SPDX-License-Identifier: BSD-3-Clause */
/* impl.h - the origin of the files of this room. */
#ifndef LOGVISOR_MIRROR_STORE_IMPL_H
#define LOGVISOR_MIRROR_STORE_IMPL_H

#include <pthread.h>

#include "ledger/copy.h"
#include "mirror/store/origin.h"

/* A checkpoint that the log has signed, and that is consistent with all that were before. */
struct pending {
	char *note;                 /* text, blank line, the log's signatures; owned */
	size_t n;
	struct checkpoint c;        /* in `note` */
	struct vkey key;            /* by which it is signed */
};

struct origin {
	pthread_mutex_t lock;       /* of all that follows, but dir and keys */
	int dir;
	const struct cosigners *keys;
	struct origin_conf conf;
	struct ledger *ledger;
	struct pending pending[ORIGIN_PENDING]; /* the youngest last */
	size_t n_pending;
	char line[COSIGN_LINE_MAX]; /* the mirror's cosignature in the file checkpoint, if it was made */
	uint64_t cosigned_at;       /* then; 0: it was before the start */
	uint64_t packages, refused;
};

/* The youngest one; NULL: the log never signed one. */
const struct pending *pending_last(const struct origin *o);

/* The one of @size; NULL: none that is remembered. */
const struct pending *pending_of(const struct origin *o, uint64_t size);

/* Take @p in as the youngest; what it owns goes over. */
void pending_push(struct origin *o, struct pending *p);

/* Make one of @c's text and of those of its signatures that are by @key. 0, -EFBIG, -ENOMEM. */
int pending_make(struct pending *p, const struct checkpoint *c, const struct vkey *key);
int pending_copy(struct pending *to, const struct pending *from);
void pending_free(struct pending *p);

/* Read the file `pending`, and hold it against the copy. 0, or -errno with @e. */
int pending_load(struct origin *o, struct err *e);

/* 507 or 500 for -@error of a write. Returns it. */
int answer_trouble(struct answer *a, int error, const struct err *e);

#endif
