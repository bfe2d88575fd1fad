/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.h - from the files a crash left to a ledger that can grow, in two phases: what is there is read and
 * judged, and a plan made of all that has to be mended (decide.c, settle.c); then the plan is carried out
 * (repair.c). A ledger that is refused is refused in the first phase, and no byte of it has changed.
 *
 * What the checkpoint covers must be there: less is damage. Beyond it an entry is kept if it is whole and
 * its hash lies beside it in .hashes, which commit() made durable together; the first that is not ends
 * the log. Everything else (index, hashes) is made again where it is not what it must be: from the leaf
 * hashes, or from the entries, but only if these lead to the signed root.
 */
#ifndef LOGVISOR_LEDGER_PLAN_H
#define LOGVISOR_LEDGER_PLAN_H

#include "ledger/slots.h"
#include "ledger/survey.h"
#include "ledger/writer.h"

/* A hash of level 1 or above, to be written. */
struct plan_up {
	unsigned level;
	uint64_t index;
	struct hash h;
};

struct plan_ups {
	struct plan_up *v;
	size_t n, cap;
};

/* A segment under the checkpoint whose files follow from its entries, and are made again from them. */
struct plan_again {
	uint64_t segment;
	uint32_t n;             /* leaves of it under the checkpoint */
	bool hashes, index;
};

/* A segment at the end of the log: the one of the last leaf signed, and those after it. */
struct plan_tail {
	uint64_t segment;
	uint32_t n, covered;    /* leaves kept; of these under the checkpoint */
	uint64_t end;           /* bytes of .entries kept */
	uint64_t unsigned_at;   /* where in .entries leaf @covered begins */
	struct index_row rows[LAYOUT_ROWS];
};

struct plan {
	uint64_t sealed;        /* what the checkpoint covers */
	struct hash root;
	uint64_t first, unproven; /* pruned; pruned and no signed record says so */
	struct slots slots;     /* of the file `size` */
	uint64_t must;          /* the largest size signed or about to be */
	struct survey survey;

	struct tree tree;       /* of all leaves kept */
	struct tree signed_tree;
	bool has_last_up;       /* level 1 of the segment of the last leaf signed is known to be: */
	struct hash last_up[LAYOUT_ROWS];
	int64_t min_us, max_us; /* of the bundle that grows */
	struct plan_tail *tail;
	size_t n_tail;
	struct plan_ups ups;
	struct plan_again *again;
	size_t n_again;
	uint64_t torn_bytes;    /* to be cut off */
	uint64_t hashes_again;  /* hashes under the checkpoint to be made again */
};

void plan_free(struct plan *p);

/* Have @h at @index of @level (1 or above) written. 0 or -ENOMEM. */
int plan_up(struct plan *p, unsigned level, uint64_t index, const struct hash *h);

/* Have a segment's files made again from its entries, which lead to the signed root. 0 or -ENOMEM. */
int plan_again(struct plan *p, uint64_t segment, uint32_t n, bool hashes, bool index);

/*
 * Read and judge the ledger in @dir, whose checkpoint of @p->sealed leaves is signed. 0 with the plan, or
 * -EBADMSG and what else with @e: refused. Writes nothing. plan_free() in any case.
 */
int plan_decide(struct plan *p, int dir, struct err *e);

/* Load `size`: slots, must. 0, or -EBADMSG and what else with @e. */
int plan_load_size(struct plan *p, int dir, struct err *e);

/*
 * The tree of the p->sealed leaves signed into p->signed_tree, and what of the stored hashes does not lead
 * to it into the plan (settle.c). -EBADMSG with @e if nothing that is there leads to the signed root.
 */
int plan_settle(struct plan *p, int dir, struct err *e);

/*
 * Carry the plan out and leave @l as the writer needs it (repair.c). *@rebuilt: hashes under the checkpoint
 * made again. After an error the ledger may be opened again.
 */
int plan_repair(const struct plan *p, struct ledger *l, uint64_t *rebuilt, struct err *e);

/* What a segment's entries say. */
struct plan_segment {
	struct hash leaf[LEDGER_SEGMENT];
	struct hash up[LAYOUT_ROWS];        /* level 1 */
	struct index_row rows[LAYOUT_ROWS];
};

/* The first @n leaves of @segment hashed. 0, -EBADMSG if there are not so many, or another -errno. */
int plan_hash_entries(int dir, uint64_t segment, uint32_t n, struct plan_segment *out);

/* Widen @row's times by a leaf of which only the bytes are known. */
void plan_leaf_time(struct span leaf, int64_t *min_us, int64_t *max_us);

#endif
