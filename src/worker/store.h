/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.h - the worker's end of the ledger: takes records, makes them durable in groups, signs,
 * writes Logvisor's own records, and keeps trying when the disk is full or broken.
 *
 * A record is durable within STORE_COMMIT_MS of being put, under a checkpoint within `sign_ms`, provided store_tick()
 * is called at least that often.
 */
#ifndef LOGVISOR_WORKER_STORE_H
#define LOGVISOR_WORKER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "mirror/quorum.h"
#include "record/meta.h"
#include "record/record.h"
#include "util/err.h"

#define STORE_COMMIT_MS 40
#define STORE_CHECKPOINT_MS 900
#define STORE_MIRRORED_MS 300 /* with a mirror: what is captured is to be cosigned a second later */
#define STORE_RETRY_MS 200

struct store {
	struct ledger *ledger;
	const char *name;
	int dir;                     /* the ledger's, for reading when paths are out of reach */
	char boot[17];               /* of records that come without, and those that store_meta() begins */
	uint64_t lost;               /* records lost by the ledger's gap records, in all its time */
	uint64_t blind;              /* gap records of those that do not know how many */
	uint64_t records[RECORD_CHANNELS]; /* of the guest's, in all of the ledger's time */
	int64_t sign_ms;             /* STORE_CHECKPOINT_MS from store_open() on */
	int64_t dirty_ms;            /* since when something is not committed, 0: nothing is */
	int64_t unsigned_ms;         /* since when something is not signed, 0: nothing is */
	bool failing;                /* the last write did not succeed */
	int64_t retry_ms;            /* not before */
	uint64_t unsaved;            /* once store_close() failed: records that could not be written */
	struct err why;              /* of the failure */
	int64_t clock_us;            /* CLOCK_REALTIME - CLOCK_BOOTTIME when last looked */
	char *leaf;                  /* RECORD_LEAF_MAX bytes */
	struct meta meta;
};

/*
 * Open the ledger in @dir (made if need be, with its parent) for VM @name. @rec says what had to be
 * repaired. Errors are ledger_open()'s.
 */
int store_open(struct store *s, const char *dir, const char *name, struct ledger_recovery *rec,
	struct err *e);

/*
 * Put one record; fills in the host, and the boot if it has none. 0 or the ledger's -errno (not put;
 * `failing` set).
 */
int store_put(struct store *s, struct record *r, struct err *e);

/* A record just put is one that a gap record had counted as lost. */
void store_found(struct store *s);

/*
 * Commit what was put, so that who reads the ledger at *@path (of @n bytes) sees it; that path works when paths
 * are out of reach. 0 or -errno with @e.
 */
int store_readable(struct store *s, char *path, size_t n, struct err *e);

/* Begin one of Logvisor's own records in s->meta, to be completed and put. */
struct meta *store_meta(struct store *s, enum meta_kind kind);
int store_put_meta(struct store *s, struct err *e);

/*
 * Commit and sign what is due; note a clock that was set. 0, or -errno with the reason in s->why
 * when the ledger does not take it: then it is tried again every STORE_RETRY_MS.
 */
int store_tick(struct store *s);

/*
 * Remove the oldest records beyond @keep_bytes, or from before @min_time_us (0: no limit), as ledger_prune()
 * does: with @policy (may be NULL) none that its quorum does not have. *pruned of them went. What is wrong with the
 * cosignatures is told in *q.
 */
int store_prune(struct store *s, uint64_t keep_bytes, int64_t min_time_us, const struct policy *policy, uint64_t *pruned,
	struct quorum *q, struct err *e);

/* Milliseconds until store_tick() has something to do, at most @max. */
int store_due(const struct store *s, int max);

/* Milliseconds for which the oldest record not yet durable has waited. */
int64_t store_lag(const struct store *s);

/* Sign and close. Why something could not be written is told in @e, how many records in s->unsaved. */
int store_close(struct store *s, struct err *e);

#endif
