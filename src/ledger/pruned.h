/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pruned.h - what was pruned, and the signed word for it. Before the files of the oldest segments go, a leaf
 * of its own kind (doc/leaf.md, `prune`) is appended and signed: up to which index, and the root there. The
 * file `first` names the lowest index kept and that leaf's; by itself it proves nothing.
 */
#ifndef LOGVISOR_LEDGER_PRUNED_H
#define LOGVISOR_LEDGER_PRUNED_H

#include <stdint.h>

#include "ledger/tree.h"
#include "util/err.h"
#include "util/span.h"

/* No leaf is named: nothing is pruned, or a version that wrote none has pruned. */
#define PRUNED_NOWHERE UINT64_MAX

/* The file `first`. */
struct pruned {
	uint64_t first; /* lowest index kept, the start of a segment; 0: nothing is pruned */
	uint64_t at;    /* index of the prune record, not below first, or PRUNED_NOWHERE */
};

#define PRUNED_TEXT 48 /* the most bytes that the file has */

/* Without the file *out is {0, PRUNED_NOWHERE}. 0; -EBADMSG: the file is damaged; or another -errno. */
int pruned_load(int dir, struct pruned *out);

/* The file's bytes, terminated; returns their number. */
int pruned_put(const struct pruned *p, char out[PRUNED_TEXT]);

/* A prune record. */
struct prune_record {
	uint64_t from, first; /* leaves from..first-1 went */
	struct hash root;     /* of the tree of `first` leaves */
	uint64_t unproven;    /* of leaves 0..unproven-1 nothing signed says that they were pruned */
};

/*
 * Take a leaf for a prune record. 0; -EBADMSG: it is none, or one that makes no sense (`first` is no start
 * of a segment, `from` or `unproven` not below it, no root); -ENOMEM.
 */
int prune_record_get(struct span leaf, struct prune_record *out);

/*
 * The prune record that p->at names, read from its segment's .entries file @fd by the lengths alone, and its
 * leaf hash. It must be the one for p->first. 0, -EBADMSG if it is not there or another, -ENOMEM, or the
 * -errno of a failed read.
 */
int prune_record_read(int fd, const struct pruned *p, struct prune_record *out, struct hash *leaf);

#endif
