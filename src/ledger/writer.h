/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * writer.h - the open ledger of the one writer; shared by the files of this room that append, recover
 * and prune.
 *
 * Of the `tree.size` leaves appended, `committed` survive a crash, `sealed` are under the checkpoint. All
 * that was not synced yet is kept in the buffers below, whether it is in the files or not: after a failed
 * fdatasync Linux calls the pages it could not write clean, so that the next fdatasync succeeds over
 * nothing. Therefore a failed write or fdatasync is done again from here, never from the files. Entries and
 * leaf hashes are synced by each commit, index rows and upper hashes with each full segment.
 *
 * A directory whose fsync failed is synced again: its blocks are metadata, and a file system that cannot
 * write these stops.
 */
#ifndef LOGVISOR_LEDGER_WRITER_H
#define LOGVISOR_LEDGER_WRITER_H

#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/pruned.h"
#include "ledger/tree.h"

#define WRITER_CHUNK (256 * 1024)       /* bytes of entries held back before a write */
#define WRITER_BYTES (16 * 1024 * 1024) /* and until a commit; touched only as far as needed */
#define WRITER_HASHES LEDGER_SEGMENT    /* their hashes */
/* Level 1 of a segment, and one hash of each level above: synced before the next segment begins. */
#define WRITER_UPS (LAYOUT_ROWS + LAYOUT_LEVELS)

struct ledger {
	int dir, logdir, lock;
	struct note_key *key; /* NULL: a copy of another's log (copy.h) */
	struct ledger *next; /* in the list of this process's open ledgers */
	uint64_t dev, ino;   /* of the lock file */
	pid_t owner;

	struct tree tree;
	uint64_t first, committed, sealed;
	uint64_t must;       /* the size about to be signed last time: never sign less */
	struct pruned said;  /* the prune record appended last, and */
	uint64_t unproven;   /* what was pruned before any such record was written */
	uint64_t left;       /* segments from this one up to `first` may still have files */

	uint64_t segment;    /* the one that grows */
	int fd_entries, fd_hashes, fd_index;
	int fd_up[LAYOUT_LEVELS], fd_size;
	unsigned size_slot;  /* where the next `size` record goes: 0 or 1 */
	bool dir_dirty;      /* files were made that the directory may forget */

	/* Since the last commit: entries from offset @off on, hashes from leaf @committed on. */
	uint64_t off;
	uint8_t *buf;
	size_t used, used_out; /* of these, *_out are in the files */
	struct hash *hashes;
	size_t n_hashes, hashes_out;
	/* Since their files were synced. */
	struct {
		uint64_t row;
		struct index_row at;
	} rows[LAYOUT_ROWS];
	size_t n_rows, rows_out;
	struct {
		unsigned level;
		uint64_t index;
		struct hash h;
	} ups[WRITER_UPS];
	size_t n_ups, ups_out;
	int64_t min_us, max_us; /* of the bundle that grows */
};

/* Open (create) the files of the segment that holds leaf @index, for appending at leaf @index. */
int writer_segment(struct ledger *l, uint64_t index, struct err *e);
void writer_segment_close(struct ledger *l);

/* ledger_append() of a leaf hashed already, of which only the range of its time is known. */
int writer_append(struct ledger *l, struct span leaf, const struct hash *h, int64_t min_us, int64_t max_us,
	struct err *e);

/* The size about to be signed, into the older of the two slots: a torn write leaves the other. */
int writer_size(struct ledger *l, uint64_t size, const struct hash *root, struct err *e);

/* Lock directory @dir (made if need be) and have @open do the rest. -errno with @e: nothing stays open. */
int writer_open(struct ledger **out, const char *dir,
	int (*open)(struct ledger *l, const void *arg, struct ledger_recovery *rec, struct err *e), const void *arg,
	struct ledger_recovery *rec, struct err *e);

/* Judge what is there of @size leaves with @root signed, and mend it (plan.h). `log` is open afterwards. */
int writer_mend(struct ledger *l, uint64_t size, const struct hash *root, struct ledger_recovery *rec,
	struct err *e);

/* The directory's name in the store above it, durable. */
int writer_sync_parent(const struct ledger *l, struct err *e);

/* Write out what is held back. */
int writer_flush(struct ledger *l, struct err *e);

/* Open hash.@level for writing. A descriptor kept in @l, or -errno. */
int writer_level(struct ledger *l, unsigned level);

/* Write what is held back of the hash.L files, and fdatasync all of them that are open. */
int writer_sync_levels(struct ledger *l, struct err *e);

/* Take the lock, or -EBUSY with the holder's pid in @e. */
int writer_lock(struct ledger *l, struct err *e);

/*
 * Lock `size` too, which stays where it is when somebody takes the lock file for one left behind. Lost when this
 * process closes another descriptor of it. -EBUSY with @e: another process has it.
 */
int writer_lock_size(const struct ledger *l, struct err *e);

/* Remove the files of one segment, those that are there. */
int writer_drop_segment(struct ledger *l, uint64_t segment, struct err *e);

#endif
