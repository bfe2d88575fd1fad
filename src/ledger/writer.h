/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * writer.h - the open ledger of the one writer; shared by the files of this room that append, recover
 * and prune.
 *
 * Of the `tree.size` leaves appended, `flushed` are in the files, `committed` survive a crash, `sealed`
 * are under the checkpoint. What lies between flushed and tree.size is in the buffers below. Writing a
 * buffer out leaves no trace in this struct until all of it is written, so a failed flush is simply
 * done again, to the same offsets.
 */
#ifndef LOGVISOR_LEDGER_WRITER_H
#define LOGVISOR_LEDGER_WRITER_H

#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/pruned.h"
#include "ledger/tree.h"

#define WRITER_BYTES (256 * 1024) /* entries held back before a write */
#define WRITER_HASHES 2048        /* and their hashes: 64 KiB */
#define WRITER_ROWS (WRITER_HASHES / LEDGER_BUNDLE + 2)
#define WRITER_UPS (2 * WRITER_ROWS + LAYOUT_LEVELS)

struct ledger {
	int dir, logdir, lock;
	struct note_key *key;
	struct ledger *next; /* in the list of this process's open ledgers */
	uint64_t dev, ino;   /* of the lock file */
	pid_t owner;

	struct tree tree;
	uint64_t first, flushed, committed, sealed;
	uint64_t must;       /* the size about to be signed last time: never sign less */
	struct pruned said;  /* the prune record appended last, and */
	uint64_t unproven;   /* what was pruned before any such record was written */

	uint64_t segment;    /* the one that grows */
	int fd_entries, fd_hashes, fd_index;
	int fd_up[LAYOUT_LEVELS], fd_size;
	unsigned size_slot;  /* where the next `size` record goes: 0 or 1 */
	bool dir_dirty;      /* files were made that the directory may forget */

	uint64_t off;        /* of buf[0] in .entries */
	uint8_t *buf;
	size_t used;
	struct hash *hashes;
	size_t n_hashes;
	struct {
		uint64_t row;
		struct index_row at;
	} rows[WRITER_ROWS];
	size_t n_rows;
	struct {
		unsigned level;
		uint64_t index;
		struct hash h;
	} ups[WRITER_UPS];
	size_t n_ups;
	int64_t min_us, max_us; /* of the bundle that grows */

	/* To write again what a failed fdatasync may have lost: where the last commit ended. */
	bool sync_failed;
	struct tree safe_tree;
	uint64_t safe_off;
};

/* Open (create) the files of the segment that holds leaf @index, for appending at leaf @index. */
int writer_segment(struct ledger *l, uint64_t index, struct err *e);
void writer_segment_close(struct ledger *l);

/* Put one leaf, hashed already, into the buffers, which have room for it. */
void writer_put(struct ledger *l, const void *leaf, size_t n, const struct hash *h, int64_t time_us);

/* Write the buffers out. */
int writer_flush(struct ledger *l, struct err *e);

/* Open hash.@level for writing. A descriptor kept in @l, or -errno. */
int writer_level(struct ledger *l, unsigned level);

/* fdatasync all hash.L files that are open. */
int writer_sync_levels(struct ledger *l, struct err *e);

/* Take the lock, or -EBUSY with the holder's pid in @e. */
int writer_lock(struct ledger *l, struct err *e);

/* Remove the files of segments below @l->first that an interrupted pruning left. */
int writer_drop_segments(struct ledger *l, uint64_t low, uint64_t high, struct err *e);

/* Bring an existing ledger's files to the state the rest of the writer counts on (recover.c). */
int writer_recover(struct ledger *l, uint64_t sealed, const struct hash *root,
	struct ledger_recovery *rec, struct err *e);

#endif
