/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledger.h - one VM's append-only, tamper-evident log: a C2SP tlog (tlog-tiles, tlog-checkpoint,
 * signed-note; RFC 6962 hashing) in flat files. It knows leaves (byte strings of 1..65535 bytes, with
 * the time each was seen) and nothing of VMs; one kind of leaf it writes itself, about what it prunes.
 * doc/format.md is the on-disk grammar.
 *
 * Durability is in three steps. append() buffers; commit() makes everything appended so far survive a
 * crash (one fdatasync for the group); checkpoint() commits, then signs the tree over it. Only what
 * commit() returned 0 for is acknowledged.
 */
#ifndef LOGVISOR_LEDGER_LEDGER_H
#define LOGVISOR_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"
#include "util/span.h"

#define LEDGER_HASH 32
#define LEDGER_BUNDLE 256           /* leaves in a full entry bundle / level-0 tile */
#define LEDGER_SEGMENT (256 * 256)  /* leaves in a segment, the unit of retention */

struct ledger;
struct vkey;

/* What open() had to repair; the caller writes it down as a `recovery` record. */
struct ledger_recovery {
	bool needed;
	bool created;            /* the ledger is new */
	uint64_t torn_bytes;     /* bytes of an incomplete entry cut off the tail */
	uint64_t unsigned_kept;  /* whole entries beyond the last checkpoint, kept */
	uint64_t hashes_rebuilt; /* leaf hashes recomputed */
};

/*
 * Open @dir for writing, creating it (and a fresh Ed25519 key, origin @origin) if it is not there.
 * One writer at a time: -EBUSY with the other's pid in @e. Refuses (-EBADMSG) a ledger that holds
 * less than its checkpoint or its last signed size says: that is damage, not a crash.
 * @origin is used on creation only. *out is freed by ledger_close().
 */
int ledger_open(struct ledger **out, const char *dir, const char *origin,
	struct ledger_recovery *rec, struct err *e);

/*
 * Append one leaf of @n bytes seen at @time_us. Buffered; 0, or -ENOSPC, -EIO, ... with @e. After an
 * error nothing acknowledged is lost, and the call may be repeated once there is room: the leaf was
 * not appended.
 */
int ledger_append(struct ledger *l, const void *leaf, size_t n, int64_t time_us, struct err *e);

/* Make all leaves appended so far durable. */
int ledger_commit(struct ledger *l, struct err *e);

/* commit(), then sign and publish a checkpoint over all of it. Never a smaller tree. */
int ledger_checkpoint(struct ledger *l, struct err *e);

uint64_t ledger_size(const struct ledger *l);      /* leaves appended */
uint64_t ledger_committed(const struct ledger *l); /* of those, durable */
uint64_t ledger_signed(const struct ledger *l);    /* of those, under the checkpoint */

/* How much to keep, and what the record of the removal says of where and when. */
struct ledger_retention {
	uint64_t keep_bytes; /* at most so many bytes of entries; 0: no limit */
	int64_t min_time_us; /* nothing older than this; 0: no limit */
	const char *host;    /* the record's HOSTNAME: what the log is of */
	int64_t now_us;      /* its time, µs since 1970 */
	bool only_covered;   /* of these, nothing from leaf `covered` on: what is nowhere else is kept */
	uint64_t covered;
};

/*
 * Remove the oldest whole segments beyond these limits: never what is not under the checkpoint. If any go, a
 * `prune` record (doc/leaf.md) that says which is appended, everything is signed, and only then are the files
 * removed. The number of leaves removed comes back through @pruned. 0 or -errno: -EBADMSG if the hashes that
 * have to stand for what would go are damaged (nothing is removed then); others as of ledger_checkpoint().
 */
int ledger_prune(struct ledger *l, const struct ledger_retention *keep, uint64_t *pruned, struct err *e);

/* Checkpoint if needed, release the lock, free. @e tells what the last flush could not do. */
int ledger_close(struct ledger *l, struct err *e);

/* Release and free without writing anything more: what a crash would leave. */
void ledger_abandon(struct ledger *l);

/* The log's name, as in its checkpoint. */
const char *ledger_origin(const struct ledger *l);

/* The key that its checkpoints are verified with (note.h). */
const struct vkey *ledger_vkey(const struct ledger *l);

/*
 * Who writes to the ledger in @dir: 1 with *pid, 0 if nobody does, or -errno (-ENOENT: no such
 * directory).
 */
int ledger_writer(const char *dir, pid_t *pid);

/* ---- reading: any process with access to the files, beside a live writer ---- */

struct ledger_reader;

int ledger_reader_open(struct ledger_reader **out, const char *dir, struct err *e);
void ledger_reader_close(struct ledger_reader *r);

/* Look again at a live ledger; returns 1 if it grew, 0 if not, or -errno. */
int ledger_reader_refresh(struct ledger_reader *r, struct err *e);

uint64_t ledger_reader_first(const struct ledger_reader *r); /* lowest index kept (pruning) */
uint64_t ledger_reader_end(const struct ledger_reader *r);   /* one past the last whole entry */
uint64_t ledger_reader_count(const struct ledger_reader *r); /* leaves in the files between the two */

/* Is @index in a hole? Then the files of leaves *from to *to - 1 are not there (or no regular files). */
bool ledger_reader_hole(const struct ledger_reader *r, uint64_t index, uint64_t *from, uint64_t *to);

/*
 * Position at @index (first <= index <= end), then next() gives leaf after leaf: 1 with *leaf (valid
 * until the next call), 0 at the end, -errno (-EBADMSG: entries damaged at this index). prev() goes
 * backwards. Seeking costs at most one bundle's worth of length prefixes.
 */
int ledger_reader_seek(struct ledger_reader *r, uint64_t index, struct err *e);
int ledger_reader_next(struct ledger_reader *r, struct span *leaf, uint64_t *index, struct err *e);
int ledger_reader_prev(struct ledger_reader *r, struct span *leaf, uint64_t *index, struct err *e);

/*
 * The first index from which on a leaf of time >= @time_us may be found (bundle granularity, by the
 * time index; right even if the clock went backwards), and one past the last that may be <= @time_us.
 */
uint64_t ledger_reader_since(struct ledger_reader *r, int64_t time_us);
uint64_t ledger_reader_until(struct ledger_reader *r, int64_t time_us);

/*
 * The earliest and latest time of the leaves in the bundle of @index, by the time index, without reading
 * them. False where the index does not tell: the youngest bundle, a damaged index.
 */
bool ledger_reader_times(struct ledger_reader *r, uint64_t index, int64_t *min_us, int64_t *max_us);

/*
 * For searching whole files at memory speed: the raw bytes of the bundle that holds @index, mapped:
 * *bytes begins at the length prefix of entry *base, and holds *count whole entries. Valid until the
 * next call on @r.
 */
int ledger_reader_bundle(struct ledger_reader *r, uint64_t index, struct span *bytes,
	uint64_t *base, uint64_t *count, struct err *e);

/* A descriptor that polls readable when the ledger may have grown (inotify); owned by @r. */
int ledger_reader_watch(struct ledger_reader *r, struct err *e);

#endif
