/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.h - the bodies that a log and its mirror or witness exchange over HTTP, written and read for both sides:
 * add-checkpoint and its answers (c2sp.org/tlog-witness), add-entries and its answers (c2sp.org/tlog-mirror).
 * It looks at form only: signatures, proofs and what is known of an origin are the callers'.
 *
 * add-entries is read as it comes in, a package at a time: a struct wire_reader is fed with bytes and holds
 * no more than those of one package and of what was fed last.
 */
#ifndef LOGVISOR_MIRROR_WIRE_H
#define LOGVISOR_MIRROR_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/consistency.h"
#include "ledger/note.h"
#include "util/err.h"
#include "util/span.h"

#define WIRE_ENTRIES_TYPE "application/octet-stream"
#define WIRE_SIZE_TYPE "text/x.tlog.size"        /* of 409 to add-checkpoint */
#define WIRE_INFO_TYPE "text/x.tlog.mirror-info" /* of 202 and 409 to add-entries */

#define WIRE_ORIGIN_MAX 65535 /* the format's limits */
#define WIRE_TICKET_MAX 65535
#define WIRE_PACKAGES 32      /* in a request: tlog-mirror, "Implementation Considerations" */

/* ---- add-checkpoint ---- */

/* The longest body: the old size, 63 hashes, the blank line, a checkpoint. */
#define WIRE_CHECKPOINT_MAX (25 + CONSISTENCY_MAX * 45 + 1 + NOTE_MAX)

struct wire_checkpoint {
	uint64_t old;
	struct hash proof[CONSISTENCY_MAX];
	size_t n_proof;
	struct span note;             /* the checkpoint's bytes */
	struct checkpoint checkpoint; /* the same, taken apart; not looked at by wire_checkpoint_put() */
};

/* The body for c->old, c->proof and c->note, allocated with malloc. 0, -ENOMEM. */
int wire_checkpoint_put(const struct wire_checkpoint *c, char **body, size_t *n);

/* Take a body apart; spans point into it. 0, or -EBADMSG with @e: 400 is the answer. */
int wire_checkpoint_get(const char *body, size_t n, struct wire_checkpoint *out, struct err *e);

/* 409's body: a tree size and LF. @out has WIRE_SIZE_TEXT bytes; returns the length. */
#define WIRE_SIZE_TEXT 24
int wire_size_put(uint64_t size, char out[WIRE_SIZE_TEXT]);
int wire_size_get(const char *body, size_t n, uint64_t *size, struct err *e);

/* ---- add-entries: the request ---- */

/* What stands before the packages. */
struct wire_head {
	struct span origin;
	uint64_t start, end; /* leaves [start, end) are what is uploaded, in this request and those that follow */
	struct span ticket;
};

#define WIRE_HEAD_MAX (2 + WIRE_ORIGIN_MAX + 8 + 8 + 2 + WIRE_TICKET_MAX)

/* Write it to @out (WIRE_HEAD_MAX bytes, or as many as the spans need); returns the length. */
size_t wire_head_put(const struct wire_head *h, void *out);

/* The interval of package @i of the canonical sequence of [@start, @end), and the start of its subtree. */
struct wire_interval {
	uint64_t base, start, end; /* base: `start` rounded down to a multiple of 256 */
};

/* How many packages [@start, @end) has. */
uint64_t wire_packages(uint64_t start, uint64_t end);
struct wire_interval wire_package(uint64_t start, uint64_t end, uint64_t i);

/* A package's end: the number of hashes, and these. @out has WIRE_PROOF_MAX bytes; returns the length. */
#define WIRE_PROOF_MAX (1 + CONSISTENCY_MAX * LEDGER_HASH)
size_t wire_proof_put(const struct hash *proof, size_t n, void *out);

/* A package as it was read. */
struct wire_package {
	struct wire_interval at;
	struct span entries;               /* each with its length before it, as in an entry bundle */
	struct hash leaf[LEDGER_BUNDLE];   /* hashes of leaves at.start .. at.end - 1 */
	struct hash proof[CONSISTENCY_MAX];
	size_t n_proof;
};

enum wire_item {
	WIRE_MORE,    /* feed it */
	WIRE_HEAD,    /* reader->head is there; once, first */
	WIRE_PACKAGE, /* reader->package is the next one */
	WIRE_END,     /* all packages were given; what is fed from now on is dropped */
};

struct wire_reader {
	struct wire_head head;       /* spans into what wire_reader owns, valid to its end */
	struct wire_package package; /* its span is valid until the next call */
	/* Inner state. */
	uint8_t *buf, *kept;         /* kept: the head's bytes */
	size_t len, cap, used;       /* of buf: filled, allocated, given out already */
	size_t scanned;              /* from `used` on: whole entries of the package that is coming */
	uint64_t have;               /* so many */
	uint64_t next;               /* number of that package */
	enum wire_item last;
};

void wire_reader_init(struct wire_reader *r);
void wire_reader_free(struct wire_reader *r);

/* Take in @n bytes. 0, -ENOMEM. */
int wire_feed(struct wire_reader *r, const void *data, size_t n);

/*
 * What has become whole by what was fed, an enum wire_item; to be called until it says WIRE_MORE or WIRE_END. Or
 * -EBADMSG with @e: no such request (start beyond end, an entry without bytes, more than 63 hashes); -ENOMEM.
 */
int wire_next(struct wire_reader *r, struct err *e);

/* ---- add-entries: the answer of 202 and 409 ---- */

struct wire_info {
	uint64_t size, next; /* of a pending checkpoint; the first entry that is missing */
	struct span ticket;  /* bytes to put; wire_info_get() points it into out->bytes */
	uint8_t *bytes;      /* owned: wire_info_free() */
};

/* The three lines, allocated with malloc. 0, -ENOMEM. */
int wire_info_put(const struct wire_info *i, char **body, size_t *n);

/* 0; -EBADMSG with @e; -ENOMEM. wire_info_free() in any case. */
int wire_info_get(const char *body, size_t n, struct wire_info *out, struct err *e);
void wire_info_free(struct wire_info *i);

#endif
