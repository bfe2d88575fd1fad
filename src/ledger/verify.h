/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify.h - prove a ledger: every leaf and node hashed again and held against the signed root, the
 * signature, the guests' sequence numbers, and the stored hashes, which say where a difference is.
 *
 * What decides is the root computed from the records alone, at every size for which somebody kept one: the
 * checkpoint, the file `size`, a prune record, a checkpoint kept elsewhere. If it is that one, every record is
 * what was signed, and whatever else differs is a damaged hash file. If not, the stored hashes that do
 * lead to the signed root name the records that differ: each one by its leaf hash, or the 256 under a
 * hash of level 1, the 65,536 under one of level 2.
 */
#ifndef LOGVISOR_LEDGER_VERIFY_H
#define LOGVISOR_LEDGER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/note.h"
#include "ledger/tree.h"
#include "util/err.h"

enum finding_kind {
	FINDING_ALTERED,    /* records first..last are not those that were signed */
	FINDING_RANGE,      /* some of first..last were altered, and their hashes with them */
	FINDING_REMOVED,    /* records first..last are not there */
	FINDING_INSERTED,   /* entries that were not signed stand before record first */
	FINDING_SWAPPED,    /* records first and last stand in each other's place */
	FINDING_ROOT,       /* the hashes do not lead to the signed root, and none says where */
	FINDING_FORK,       /* a root signed or remembered is that of another history */
	FINDING_CHECKPOINT, /* missing, unreadable, not signed by the key, or not the last one */
	FINDING_ROLLED_BACK,
	FINDING_KEY,        /* another key than the one asked for */
	FINDING_SIZE,       /* the file 'size' is missing or damaged, or older than the checkpoint */
	FINDING_HASHES,     /* stored hashes are damaged; the records are intact */
	FINDING_INDEX,      /* the offset and time index is wrong; the records are intact */
	FINDING_SEQUENCE,   /* numbers missing without a gap record, twice, or out of order */
	FINDING_RECORD,     /* a leaf that is not a record */
	FINDING_NAME,       /* key or records are those of another VM than the ledger is named after */
	FINDING_FOREIGN,    /* a file where the log will grow that is none of it */
	FINDING_UNCHECKED,  /* nothing is wrong, but this cannot be told any more; not among the findings */
	FINDING_KINDS
};

struct finding {
	enum finding_kind kind;
	uint64_t first, last; /* record indexes, where they mean something */
	char text[400];
};

const char *finding_name(enum finding_kind k);

struct verify_options {
	const char *name;             /* the VM whose ledger it is to be; NULL: whosever it is */
	const struct vkey *pin;       /* the key it must be; NULL: the one in the ledger */
	const char *since;            /* a checkpoint remembered from before, or NULL */
	size_t since_len;
	unsigned threads;             /* 0: 2 */
	unsigned max_findings;        /* told one by one; 0: 100. All are counted. */
	void (*tell)(void *ctx, const struct finding *f);
	void (*warn)(void *ctx, const char *text); /* what makes tampering easy and is none; NULL: not looked for */
	void *ctx;
};

/* A record that says that the log has had another key up to it: it was brought back from a mirror. */
struct rekey {
	uint64_t at; /* the record's index */
	struct vkey old;
};

#define VERIFY_REKEYS 16 /* that are remembered, the youngest ones */

struct verify_sum {
	uint64_t first, size, end;    /* kept from, signed up to, whole entries up to */
	uint64_t torn;                /* bytes after them that are no whole entry */
	uint64_t findings, unchecked;
	uint64_t prune_record;        /* index of the record that says what was pruned; UINT64_MAX: none */
	struct hash root;             /* the signed one */
	struct vkey key;
	bool has_key;
	bool has_time;
	int64_t min_us, max_us;
	uint64_t boots, gaps, lost;
	uint64_t blind; /* gaps of which nobody knows the size: capture could not see the log */
	struct rekey rekey[VERIFY_REKEYS];
	unsigned n_rekeys;
	bool since;                   /* consistent with the remembered checkpoint of... */
	uint64_t since_size;
};

enum { VERIFY_PROVEN = 0, VERIFY_FINDINGS = 1, VERIFY_UNCHECKED = 2 };

/*
 * Judge the ledger in @dir as it is at the call, whatever its writer does meanwhile. VERIFY_PROVEN: complete
 * and unaltered; VERIFY_FINDINGS, told through options->tell; VERIFY_UNCHECKED: nothing wrong found, but not
 * all could be checked, and what was told; -errno with @e: cannot be read.
 */
int ledger_verify(const char *dir, const struct verify_options *options, struct verify_sum *sum,
	struct err *e);

#endif
