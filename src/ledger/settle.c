/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settle.c - which of the stored hashes are right? The signed root decides: of each whole segment the hash
 * of level 2 may be taken as stored, or folded from level 1, from the leaf hashes, or from the entries; the
 * cheapest choice that leads to the root is the truth, and what differs from it is made again where a lower
 * level has it. Of what was pruned there are levels 1 and 2 only: each may be the damaged one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/entries.h"
#include "ledger/file.h"
#include "ledger/hashes.h"
#include "ledger/plan.h"
#include "record/record.h"
#include "util/cleanup.h"

/* Nodes joined at most while trying which of the pruned segments' hashes are right. */
#define TRIES (1u << 22)

enum from { STORED, FOLDED, LEAVES, ENTRIES };

/* In the order of their cost; not @all: only segments whose levels 1 and 2 do not agree. */
static const struct attempt {
	enum from from;
	bool all;
} attempts[] = {{STORED, true}, {FOLDED, true}, {LEAVES, false}, {ENTRIES, false}, {LEAVES, true},
	{ENTRIES, true}};

struct whole {
	bool has_stored, has_folded;
	struct hash stored, folded; /* of level 2; the one as it is, the other from level 1 */
	struct hash is;             /* taken in this attempt */
};

struct settle {
	struct plan *p;
	int dir;
	struct hashes files;
	struct whole *whole;    /* of the whole segments under the checkpoint: */
	uint64_t n_whole, n_pruned;
	uint64_t *unsure;       /* pruned ones whose two hashes differ */
	size_t n_unsure;
	struct plan_segment *seg;

	/* The last segment, if it is not whole. */
	uint32_t rest;
	enum from rest_from;
	struct tree rest_tree;
	struct hash rest_up[LAYOUT_ROWS], rest_leaf[LEDGER_BUNDLE]; /* the latter of its last bundle */
};

void plan_leaf_time(struct span leaf, int64_t *min_us, int64_t *max_us)
{
	uint8_t severity;
	int64_t us;

	if (record_peek(leaf.p, leaf.n, &us, &severity)) {
		*min_us = INDEX_UNKNOWN_MIN;
		*max_us = INDEX_UNKNOWN_MAX;
		return;
	}
	if (us < *min_us)
		*min_us = us;
	if (us > *max_us)
		*max_us = us;
}

int plan_hash_entries(int dir, uint64_t segment, uint32_t n, struct plan_segment *out)
{
	int64_t min = INT64_MAX, max = INT64_MIN;
	_cleanup_fd_ int fd = -1;
	char name[LAYOUT_NAME];
	struct entries s;
	struct span leaf;
	int r;

	layout_segment(name, segment, "entries");
	fd = file_open(dir, name);
	if (fd < 0)
		return fd;
	r = entries_open(&s, fd, 0, UINT64_MAX);
	for (uint32_t i = 0; i < n && !r; i++) {
		r = entries_next(&s, &leaf);
		if (r != 1) {
			r = r ? r : -EBADMSG;
			break;
		}
		r = 0;
		tree_leaf_hash(leaf.p, leaf.n, &out->leaf[i]);
		plan_leaf_time(leaf, &min, &max);
		if ((i + 1) % LEDGER_BUNDLE)
			continue;
		out->rows[i / LEDGER_BUNDLE] = (struct index_row){s.off, min, max};
		tree_fold(out->leaf + (i + 1 - LEDGER_BUNDLE), LEDGER_BUNDLE, &out->up[i / LEDGER_BUNDLE]);
		min = INT64_MAX;
		max = INT64_MIN;
	}
	entries_close(&s);
	return r;
}

/* The first @n leaves of @segment as @from says, LEAVES or ENTRIES, into s->seg: leaf hashes and level 1. */
static int hash_segment(struct settle *s, uint64_t segment, uint32_t n, enum from from)
{
	int r;

	if (from == ENTRIES)
		return plan_hash_entries(s->dir, segment, n, s->seg);
	r = hashes_read(&s->files, 0, segment * LEDGER_SEGMENT, n, s->seg->leaf);
	for (uint32_t b = 0; b < n / LEDGER_BUNDLE && !r; b++)
		tree_fold(s->seg->leaf + (size_t)b * LEDGER_BUNDLE, LEDGER_BUNDLE, &s->seg->up[b]);
	return r;
}

/* What levels 1 and 2 say of the whole segments. */
static int look(struct settle *s)
{
	struct hash up[LAYOUT_ROWS];

	s->whole = calloc(s->n_whole + 1, sizeof(*s->whole));
	s->unsure = calloc(s->n_pruned + 1, sizeof(*s->unsure));
	s->seg = malloc(sizeof(*s->seg));
	if (!s->whole || !s->unsure || !s->seg)
		return -ENOMEM;
	for (uint64_t i = 0; i < s->n_whole; i++) {
		struct whole *w = &s->whole[i];

		w->has_stored = !hashes_read(&s->files, 2, i, 1, &w->stored);
		w->has_folded = !hashes_read(&s->files, 1, i * LAYOUT_ROWS, LAYOUT_ROWS, up);
		if (w->has_folded)
			tree_fold(up, LAYOUT_ROWS, &w->folded);
		if (i < s->n_pruned && w->has_stored && w->has_folded &&
			memcmp(&w->stored, &w->folded, sizeof(w->stored)))
			s->unsure[s->n_unsure++] = i;
	}
	return 0;
}

static bool agrees(const struct whole *w)
{
	return w->has_stored && w->has_folded && !memcmp(&w->stored, &w->folded, sizeof(w->stored));
}

/* Take one of the two that need no lower level, @folded before the other or after it. */
static int take_upper(struct whole *w, bool folded)
{
	if (!w->has_stored && !w->has_folded)
		return -ENODATA;
	w->is = w->has_folded && (folded || !w->has_stored) ? w->folded : w->stored;
	return 0;
}

static int take(struct settle *s, uint64_t i, const struct attempt *a)
{
	struct whole *w = &s->whole[i];
	int r = -ENODATA;

	if (i < s->n_pruned || a->from < LEAVES || (!a->all && agrees(w)))
		return take_upper(w, a->from == FOLDED);
	if (a->from == LEAVES)
		r = hash_segment(s, i, LEDGER_SEGMENT, LEAVES);
	if (r)
		r = hash_segment(s, i, LEDGER_SEGMENT, ENTRIES);
	if (r)
		return take_upper(w, false);
	tree_fold(s->seg->up, LAYOUT_ROWS, &w->is);
	return 0;
}

/* The leaves of the last segment, where it is not whole. */
static int take_rest(struct settle *s, enum from from)
{
	uint32_t bundles = s->rest / LEDGER_BUNDLE, loose = s->rest % LEDGER_BUNDLE;
	const struct hash *leaf = s->seg->leaf + (size_t)bundles * LEDGER_BUNDLE;
	int r;

	if (!s->rest)
		return 0;
	s->rest_from = from == FOLDED ? LEAVES : from;
	if (from == STORED) {
		r = hashes_read(&s->files, 1, s->n_whole * LAYOUT_ROWS, bundles, s->rest_up);
		if (!r)
			r = hashes_read(&s->files, 0, s->n_whole * LEDGER_SEGMENT +
				(uint64_t)bundles * LEDGER_BUNDLE, loose, s->rest_leaf);
	} else {
		r = hash_segment(s, s->n_whole, s->rest, s->rest_from);
		memcpy(s->rest_up, s->seg->up, bundles * sizeof(struct hash));
		memcpy(s->rest_leaf, leaf, loose * sizeof(struct hash));
	}
	if (r)
		return r;
	memset(&s->rest_tree, 0, sizeof(s->rest_tree));
	for (uint32_t b = 0; b < bundles; b++)
		tree_add_subtree(&s->rest_tree, 8, &s->rest_up[b], NULL, NULL);
	for (uint32_t k = 0; k < loose; k++)
		tree_add(&s->rest_tree, &s->rest_leaf[k], NULL, NULL);
	return 0;
}

static void join_rest(const struct settle *s, struct tree *t)
{
	for (unsigned bit = 0; bit < 16; bit++)
		if (s->rest >> bit & 1)
			t->sub[bit] = s->rest_tree.sub[bit];
	t->size += s->rest;
}

/* Do the hashes taken lead to the signed root? */
static bool leads(struct settle *s)
{
	struct tree t = {0};
	struct hash root;

	for (uint64_t i = 0; i < s->n_whole; i++)
		tree_add_subtree(&t, 16, &s->whole[i].is, NULL, NULL);
	join_rest(s, &t);
	tree_root(&t, &root);
	return !memcmp(&root, &s->p->root, sizeof(root));
}

/* Every choice of the unsure ones, or if these are too many all of one kind. */
static bool leads_somehow(struct settle *s)
{
	size_t bits = s->n_unsure;

	while (bits && (bits > 22 || s->n_whole << bits > TRIES))
		bits--;
	for (uint32_t mask = 0; mask < 1u << bits; mask++) {
		for (size_t k = 0; k < s->n_unsure; k++)
			take_upper(&s->whole[s->unsure[k]], mask >> (k < bits ? k : bits) & 1);
		if (leads(s))
			return true;
	}
	for (size_t k = 0; k < s->n_unsure; k++)
		take_upper(&s->whole[s->unsure[k]], true);
	return s->n_unsure > bits && leads(s);
}

static bool try(struct settle *s, const struct attempt *a)
{
	for (uint64_t i = 0; i < s->n_whole; i++)
		if (take(s, i, a))
			return false;
	return !take_rest(s, a->from) && leads_somehow(s);
}

static int refuse(const struct settle *s, struct err *e)
{
	for (uint64_t i = 0; i < s->n_pruned; i++)
		if (!agrees(&s->whole[i]))
			return err_set(e, EBADMSG, "the hashes kept of the pruned records %" PRIu64 " to %" PRIu64
				" (log/hash.1, log/hash.2) are damaged and do not lead to the signed root",
				i * LEDGER_SEGMENT, (i + 1) * LEDGER_SEGMENT - 1);
	return err_set(e, EBADMSG, "the first %" PRIu64 " records are not those the checkpoint was "
		"signed over; 'logvisor verify' names what was altered", s->p->sealed);
}

/* ---- the root is known to be led to: what differs from it? ---- */

/* Level 1 of whole segment @i, known to be right, into @up. -ENODATA: nothing that is there has it. */
static int true_bundles(struct settle *s, uint64_t i, struct hash up[LAYOUT_ROWS], enum from *from)
{
	struct hash h;

	for (*from = FOLDED; *from <= ENTRIES; ++*from) {
		if (*from == FOLDED) {
			if (hashes_read(&s->files, 1, i * LAYOUT_ROWS, LAYOUT_ROWS, up))
				continue;
		} else if (i < s->n_pruned || hash_segment(s, i, LEDGER_SEGMENT, *from)) {
			continue;
		} else {
			memcpy(up, s->seg->up, sizeof(s->seg->up));
		}
		tree_fold(up, LAYOUT_ROWS, &h);
		if (!memcmp(&h, &s->whole[i].is, sizeof(h)))
			return 0;
	}
	return -ENODATA;
}

/* Have level 1 from @index on written where it differs, or with @always. */
static int mend_ups(struct settle *s, uint64_t index, const struct hash *up, uint32_t n, bool always)
{
	struct hash old;
	int r = 0;

	for (uint32_t b = 0; b < n && !r; b++) {
		bool right = !hashes_read(&s->files, 1, index + b, 1, &old) && !memcmp(&old, &up[b], sizeof(old));

		s->p->hashes_again += !right;
		if (!right || always)
			r = plan_up(s->p, 1, index + b, &up[b]);
	}
	return r;
}

/* Can the index of a whole segment be true? What it says of times nobody checks here. */
static bool index_fits(int dir, uint64_t segment)
{
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];
	char name[LAYOUT_NAME];
	_cleanup_fd_ int fd = -1;
	uint64_t before = 0;

	layout_segment(name, segment, "index");
	fd = file_open(dir, name);
	if (fd < 0 || file_pread(fd, raw, sizeof(raw), 0) != sizeof(raw))
		return false;
	for (unsigned b = 0; b < LAYOUT_ROWS; b++) {
		struct index_row row;

		index_row_get(raw + b * LAYOUT_ROW, &row);
		if (row.end < before + (LAYOUT_PREFIX + 1) * LEDGER_BUNDLE)
			return false;
		before = row.end;
	}
	return true;
}

static bool has_leaves(struct settle *s, uint64_t segment)
{
	struct hash h;

	return !hashes_read(&s->files, 0, segment * LEDGER_SEGMENT + LEDGER_SEGMENT - 1, 1, &h);
}

/* All that is stored about whole segment @i; @last: it is where the log may end, and not synced yet. */
static int mend_whole(struct settle *s, uint64_t i, bool last)
{
	const struct whole *w = &s->whole[i];
	bool hashes = i >= s->n_pruned && !has_leaves(s, i);
	bool index = i >= s->n_pruned && !last && !index_fits(s->dir, i);
	bool right = w->has_stored && !memcmp(&w->stored, &w->is, sizeof(w->is));
	struct hash up[LAYOUT_ROWS], h;
	enum from from = FOLDED;
	int r = 0;

	s->p->hashes_again += !right;
	if (!right || last)
		r = plan_up(s->p, 2, i, &w->is);
	if (!r && (last || !w->has_folded || memcmp(&w->folded, &w->is, sizeof(w->is)))) {
		r = true_bundles(s, i, up, &from);
		if (r)
			return r == -ENODATA ? 0 : r; /* verify names it; nothing here depends on it */
		hashes = hashes || from == ENTRIES;
		r = mend_ups(s, i * LAYOUT_ROWS, up, LAYOUT_ROWS, last);
		if (last)
			memcpy(s->p->last_up, up, sizeof(up));
		s->p->has_last_up = last;
	}
	if (r || (!hashes && !index))
		return r;
	if (hash_segment(s, i, LEDGER_SEGMENT, ENTRIES))
		return 0;
	tree_fold(s->seg->up, LAYOUT_ROWS, &h);
	return memcmp(&h, &w->is, sizeof(h)) ? 0 : plan_again(s->p, i, LEDGER_SEGMENT, hashes, index);
}

static int mend_rest(struct settle *s)
{
	uint32_t bundles = s->rest / LEDGER_BUNDLE;
	int r;

	if (!s->rest)
		return 0;
	memcpy(s->p->last_up, s->rest_up, bundles * sizeof(struct hash));
	s->p->has_last_up = true;
	r = mend_ups(s, s->n_whole * LAYOUT_ROWS, s->rest_up, bundles, true);
	return !r && s->rest_from == ENTRIES ? plan_again(s->p, s->n_whole, s->rest, true, false) : r;
}

struct upper {
	struct settle *s;
	bool last;
	int error;
};

static void mend_upper(void *ctx, unsigned level, uint64_t index, const struct hash *h)
{
	struct upper *u = ctx;
	struct hash old;
	bool right = !hashes_read(&u->s->files, level, index, 1, &old) && !memcmp(&old, h, sizeof(old));

	u->s->p->hashes_again += !right;
	if (!u->error && (!right || u->last))
		u->error = plan_up(u->s->p, level, index, h);
}

/* Everything against the truth; on the way the tree. */
static int mend(struct settle *s)
{
	struct upper u = {.s = s};
	int r = 0;

	for (uint64_t i = 0; i < s->n_whole && !r; i++) {
		u.last = !s->rest && i + 1 == s->n_whole;
		r = mend_whole(s, i, u.last);
		tree_add_subtree(&s->p->signed_tree, 16, &s->whole[i].is, mend_upper, &u);
		r = r ? r : u.error;
	}
	join_rest(s, &s->p->signed_tree);
	return r ? r : mend_rest(s);
}

/* ---- what was about to be signed before ---- */

/* Add to @t the first @n leaf hashes of bundle @b of @segment, known to be right. -ENODATA: not there. */
static int add_leaves(struct settle *s, struct tree *t, uint64_t segment, uint32_t b, const struct hash *up,
	uint32_t n)
{
	struct hash leaf[LEDGER_BUNDLE], h;
	uint64_t at = segment * LEDGER_SEGMENT + (uint64_t)b * LEDGER_BUNDLE;

	if (segment == s->n_whole && b == s->rest / LEDGER_BUNDLE) {
		memcpy(leaf, s->rest_leaf, sizeof(leaf));
	} else {
		h = (struct hash){{0}};
		if (!hashes_read(&s->files, 0, at, LEDGER_BUNDLE, leaf))
			tree_fold(leaf, LEDGER_BUNDLE, &h);
		if (memcmp(&h, up, sizeof(h))) {
			if (plan_hash_entries(s->dir, segment, (b + 1) * LEDGER_BUNDLE, s->seg) ||
				memcmp(&s->seg->up[b], up, sizeof(h)))
				return -ENODATA;
			memcpy(leaf, s->seg->leaf + (size_t)b * LEDGER_BUNDLE, sizeof(leaf));
		}
	}
	for (uint32_t k = 0; k < n; k++)
		tree_add(t, &leaf[k], NULL, NULL);
	return 0;
}

/* The tree of the first @size leaves, less than are signed. -ENODATA: what is there does not tell. */
static int tree_at(struct settle *s, uint64_t size, struct tree *t)
{
	uint64_t segment = size / LEDGER_SEGMENT;
	uint32_t bundles = size % LEDGER_SEGMENT / LEDGER_BUNDLE, loose = size % LEDGER_BUNDLE;
	struct hash up[LAYOUT_ROWS];
	enum from from;
	int r = 0;

	memset(t, 0, sizeof(*t));
	for (uint64_t i = 0; i < segment; i++)
		tree_add_subtree(t, 16, &s->whole[i].is, NULL, NULL);
	if (!(size % LEDGER_SEGMENT))
		return 0;
	if (segment < s->n_whole)
		r = true_bundles(s, segment, up, &from);
	else
		memcpy(up, s->rest_up, sizeof(up));
	for (uint32_t b = 0; b < bundles && !r; b++)
		tree_add_subtree(t, 8, &up[b], NULL, NULL);
	if (!r && loose)
		r = segment < s->n_pruned ? -ENODATA : add_leaves(s, t, segment, bundles, &up[bundles], loose);
	return r;
}

/* A slot of `size` smaller than the checkpoint: the tree has only grown since, or it is another one. */
static int check_slots(struct settle *s, struct err *e)
{
	const struct slots *slots = &s->p->slots;
	const struct slot *differs;
	struct tree t;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (!slots->s[i].valid || slots->s[i].size >= s->p->sealed || tree_at(s, slots->s[i].size, &t))
			continue;
		differs = slots_differ(slots, &t);
		if (differs)
			return slots_forked(differs, e);
	}
	return 0;
}

int plan_settle(struct plan *p, int dir, struct err *e)
{
	struct settle s = {.p = p, .dir = dir, .n_whole = p->sealed / LEDGER_SEGMENT,
		.n_pruned = p->first / LEDGER_SEGMENT, .rest = p->sealed % LEDGER_SEGMENT};
	bool found = false;
	int r;

	hashes_open(&s.files, dir);
	r = look(&s);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]) && !found && !r; i++)
		found = try(&s, &attempts[i]);
	if (!r && !found)
		r = refuse(&s, e);
	else if (r || (r = mend(&s)))
		r = err_set(e, -r, "out of memory");
	if (!r)
		r = check_slots(&s, e);
	hashes_close(&s.files);
	free(s.whole);
	free(s.unsure);
	free(s.seg);
	return r;
}
