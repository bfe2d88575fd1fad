/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta.h - Logvisor's own records: what happened to the capture itself. APP-NAME is "logvisor", MSGID
 * the kind, figures are observed parameters, MSG says the same for people. A reader that sums up never
 * needs MSG.
 *
 *	struct meta m;
 *	meta_begin(&m, "web01", META_GAP, now_us, boot);
 *	meta_gap(&m, RECORD_KMSG, first, count, "overwritten");
 *	n = record_encode(&m.r, buf, sizeof(buf));
 *
 * A struct meta holds copies of all it is given and points into itself: it may not be copied by value.
 */
#ifndef LOGVISOR_RECORD_META_H
#define LOGVISOR_RECORD_META_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"

enum meta_kind {
	META_ATTACH,    /* capture begins: target, backend, what was found */
	META_DETACH,    /* capture ends, the VM runs on; reason and counters */
	META_BOOT,      /* a boot of the guest seen for the first time */
	META_GAP,       /* records known to have existed and not copied: first, count, reason */
	META_HEARTBEAT, /* counters, and that the worker was alive */
	META_RECOVERY,  /* what a crash cost: torn bytes, unsigned entries kept, hashes rebuilt */
	META_ALERT,     /* something tampered with the capture, or looks like it */
	META_CLOCK,     /* the host's clock was set: step */
	META_END,       /* the VM ended */
	META_PRUNE,     /* the oldest records are about to be removed: up to where, the root there */
	META_REKEY,     /* the ledger was brought back from a mirror, and has another key from here on */
	META_KINDS
};

/* The MSGID: "attach" ... */
const char *meta_kind_name(enum meta_kind k);

/* Is @r one of Logvisor's own, and which? Guest records have their channel's name as MSGID. */
bool meta_is(const struct record *r, enum meta_kind *kind);

#define META_TEXT_MAX 4096
#define META_VALUE_MAX 512

struct meta {
	struct record r; /* encode this */
	size_t used;
	char text[META_TEXT_MAX]; /* backs the spans of r */
};

/*
 * Begin a record of @vm (its name) at @time_us; @boot is the guest's boot id, or NULL or "" if there is
 * none yet. Sets facility 10 (security, RFC 5424 table 1), and the severity that suits the kind:
 * alert 1, gap 3, recovery and clock 4, prune 5, the rest 6.
 */
void meta_begin(struct meta *m, const char *vm, enum meta_kind kind, int64_t time_us,
	const char *boot);

/*
 * Add an observed parameter. A value is cut at META_VALUE_MAX, all text at META_TEXT_MAX in sum;
 * parameters beyond RECORD_PARAMS_MAX are left out. @name is none of the leaf's own (leaf.h: ch fid seq
 * gt caller cont trunc boot sub dev fac app procid msgid bom).
 */
void meta_u64(struct meta *m, const char *name, uint64_t value);
void meta_i64(struct meta *m, const char *name, int64_t value);
void meta_str(struct meta *m, const char *name, const char *value);

/* Set MSG, printf-like. */
void meta_text(struct meta *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What a worker counts; the parameters' names are those of the fields. */
struct meta_counters {
	uint64_t records, live, backfill, late, partial, lost, gaps, truncated, lag_us;
};
void meta_counters(struct meta *m, const struct meta_counters *c);

/* The parameters and MSG of each kind; after meta_begin of that kind. Any string may be NULL. */
void meta_attach(struct meta *m, const char *target, const char *backend, const char *release);
void meta_detach(struct meta *m, const char *reason, const struct meta_counters *c);
void meta_boot(struct meta *m, const char *release, const char *build_id);
/*
 * Records @first .. @first + @count - 1 of @ch; of a channel without numbers (all but kmsg) @count records, and @first
 * is 0. ch of the leaf is @ch, so that it is found beside them.
 */
void meta_gap(struct meta *m, enum record_channel ch, uint64_t first, uint64_t count,
	const char *reason);
/* The same where nobody knows how many: from @first on capture could not see @ch. */
void meta_blind(struct meta *m, enum record_channel ch, uint64_t first, const char *reason);
void meta_heartbeat(struct meta *m, const struct meta_counters *c);
void meta_recovery(struct meta *m, uint64_t torn_bytes, uint64_t unsigned_kept,
	uint64_t hashes_rebuilt);
/* @what: a word to search for, e.g. "ring-geometry"; @text: the sentence. */
void meta_alert(struct meta *m, const char *what, const char *text);
void meta_clock(struct meta *m, int64_t step_us);
void meta_end(struct meta *m, const char *reason, const struct meta_counters *c);
/*
 * Records @from to @first - 1 go; @root: base64 of the root of the tree of @first leaves. @unproven: the
 * lowest index of which something signed says that it was pruned; those below it are gone without.
 */
void meta_prune(struct meta *m, uint64_t from, uint64_t first, const char *root, uint64_t unproven);
/*
 * @old, @now: verifier keys as text; @root: base64 of the root of the @size leaves that were brought back, all before
 * this one; @from: the mirror's URL.
 */
void meta_rekey(struct meta *m, const char *old, const char *now, uint64_t size, const char *root, const char *from);

/* Parameter of attach, heartbeat, detach and end: records lost up to there, in all the ledger's time. */
#define META_TOTAL_LOST "total_lost"
/* The same of gaps of which nobody knows the size; absent: 0. */
#define META_TOTAL_BLIND "total_blind"

/* Parameter of attach: seconds from one heartbeat to the next. */
#define META_HEARTBEAT_S "heartbeat_s"

/*
 * With it, of each channel of which there are any: the guest's records of it up to there, "total_" and the channel's
 * name; of kmsg always.
 */
#define META_TOTAL_RECORDS "total_"

/*
 * The numbers that a gap record accounts for; false if @r is none, or one that accounts for nothing: its
 * figures are no decimals, its count is 0, or its last number is beyond 64 bits.
 */
bool meta_get_gap(const struct record *r, uint64_t *first, uint64_t *count);

/* Is @r the gap record of meta_blind()? */
bool meta_is_blind(const struct record *r);

/* The value of observed parameter @name as a number; false if absent or not a number. */
bool meta_get_u64(const struct record *r, const char *name, uint64_t *value);
/* The value of observed parameter @name; n == 0 and p == NULL if absent. */
struct span meta_get(const struct record *r, const char *name);

#endif
