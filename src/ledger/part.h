/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * part.h - one segment gone through for verify: its leaves hashed, decoded and held against the hashes
 * stored for them. Parts are independent: parts.h goes through many at once.
 */
#ifndef LOGVISOR_LEDGER_PART_H
#define LOGVISOR_LEDGER_PART_H

#include "ledger/continuity.h"
#include "ledger/layout.h"
#include "ledger/verify.h"
#include "ledger/verify/view.h"

/* In place of an entry's offset: it could not be found; it was, but its length is not the one before it. */
#define PART_NOWHERE UINT64_MAX
#define PART_LENGTH (UINT64_MAX - 1)
#define PART_BAD 16             /* undecodable leaves named */

#define PART_REKEYS 8           /* changes of the key remembered */

/* Records whose HOSTNAME is not the one expected. */
struct part_host {
	uint64_t n, first;               /* how many; index of the first, whose HOSTNAME is: */
	char host[RECORD_NAME_MAX + 1];
};

struct part {
	const struct view *view; /* borrowed */
	uint64_t segment;
	uint32_t covered;   /* leaves of it under the checkpoint */

	bool missing;       /* there is no .entries file, or none that can be one: */
	int no_entries;     /* 0 or why, a negative errno of file_open() */
	int no_index;       /* likewise of the .index file */
	uint32_t n;         /* entries found */
	uint32_t n_stored;  /* leaf hashes in .hashes */
	uint64_t torn;      /* bytes after the last whole entry */
	struct hash *computed, *stored; /* LEDGER_SEGMENT each */
	uint64_t *off;                  /* LEDGER_SEGMENT + 1 */
	struct hash up[LAYOUT_ROWS];    /* level 1, of the full bundles among @n */
	bool same;          /* computed and stored agree, and nothing is missing */
	uint32_t bad_rows;  /* index rows that are wrong, and the first of them */
	uint32_t bad_row;

	struct continuity continuity;
	bool has_time;
	int64_t min_us, max_us;
	const char *host;   /* HOSTNAME expected of every record; NULL: any */
	struct part_host other;
	uint64_t n_bad;     /* leaves that are no records */
	struct {
		uint32_t at;
		char text[160];
	} bad[PART_BAD];

	struct rekey rekey[PART_REKEYS]; /* the changes of the key that records tell of, in order */
	uint32_t n_rekeys;

	char *scratch;
	int error;          /* -errno of a failed read */
};

/* Allocate the buffers. 0 or -ENOMEM; part_free() either way. */
int part_init(struct part *p, const struct view *view);
void part_free(struct part *p);

/* Go through @segment. Results replace those of the segment before. */
void part_run(struct part *p, uint64_t segment, uint32_t covered);

/* Global index of the part's leaf @k. */
static inline uint64_t part_index(const struct part *p, uint64_t k)
{
	return p->segment * LEDGER_SEGMENT + k;
}

/* A difference between what is there and what is stored about it, before anyone knows which is right. */
struct suspect {
	enum finding_kind kind; /* ALTERED, RANGE, REMOVED or INSERTED */
	uint64_t first, last;
	struct hash computed, stored; /* of a single ALTERED record: to find exchanged ones */
	char note[160];
};

/*
 * Name the differences of a part: against its leaf hashes, the level-1 rows @row1 (@n_row1 of them) and
 * the level-2 row @row2 (NULL: none, the segment is not full). @add is called for each.
 */
void part_diagnose(const struct part *p, const struct hash *row1, uint32_t n_row1,
	const struct hash *row2, void (*add)(void *ctx, const struct suspect *s), void *ctx);

#endif
