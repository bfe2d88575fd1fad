/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pass.c - all leaves, segment by segment: each held against the hashes stored for it, and added to the tree
 * in order, whose root is held against every root that is named on the way.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ledger/file.h"
#include "ledger/parts.h"
#include "ledger/verify/impl.h"

void verify_suspect(void *ctx, const struct suspect *s)
{
	struct verify *v = ctx;

	if (v->n_suspects < SUSPECTS)
		v->suspects[v->n_suspects++] = *s;
	else
		v->more++;
}

/* An upper hash of what was found, against the stored one, where no finer difference is known. */
static void check_up(void *ctx, unsigned level, uint64_t index, const struct hash *h)
{
	struct verify *v = ctx;
	uint64_t first = index << (8 * level), last = ((index + 1) << (8 * level)) - 1;
	struct suspect s = {.kind = FINDING_RANGE, .first = first, .last = last};
	struct hash stored;

	if (level < 3)
		return;
	if (!hashes_read(&v->hashes, level, index, 1, &stored) && !memcmp(&stored, h, sizeof(stored)))
		return;
	for (size_t i = 0; i < v->n_suspects; i++)
		if (v->suspects[i].first >= first && v->suspects[i].last <= last)
			return;
	verify_suspect(v, &s);
}

/* Leaves of @segment that are below @size. */
static uint32_t share(uint64_t size, uint64_t segment)
{
	uint64_t start = segment * LEDGER_SEGMENT;

	return size <= start ? 0 : size - start < LEDGER_SEGMENT ? (uint32_t)(size - start) : LEDGER_SEGMENT;
}

static uint32_t covered_of(const void *ctx, uint64_t segment)
{
	const struct verify *v = ctx;

	return share(v->sum->size, segment);
}

/* Beyond the checkpoint too, leaves and their hashes count as far as a root is named for them. */
static void cover_named(struct verify *v, struct part *p)
{
	uint32_t named = share(roots_named(&v->roots, UINT64_MAX), p->segment);

	if (named > p->n)
		named = share(roots_named(&v->roots, part_index(p, p->n)), p->segment);
	if (named <= p->covered || p->covered > p->n)
		return;
	p->covered = named;
	p->same = p->same && p->n_stored >= named &&
		!memcmp(p->computed, p->stored, named * sizeof(struct hash));
}

/* Is what stands above the leaf hashes what they lead to? Else what differs is a suspect. */
static bool check_stored(struct verify *v, const struct part *p)
{
	uint32_t whole = p->covered / LEDGER_BUNDLE, bundles = 0;
	struct hash row1[LAYOUT_ROWS], row2, h;
	bool has2, right;

	if (!hashes_read(&v->hashes, 1, p->segment * LAYOUT_ROWS, whole, row1))
		bundles = whole;
	while (bundles < whole &&
		!hashes_read(&v->hashes, 1, p->segment * LAYOUT_ROWS + bundles, 1, &row1[bundles]))
		bundles++;
	has2 = p->covered == LEDGER_SEGMENT && !hashes_read(&v->hashes, 2, p->segment, 1, &row2);
	right = p->same && bundles == whole && !memcmp(row1, p->up, bundles * sizeof(struct hash));
	if (right && has2) {
		tree_fold(p->up, LAYOUT_ROWS, &h);
		right = !memcmp(&h, &row2, sizeof(h));
	}
	if (!right && p->covered)
		part_diagnose(p, row1, bundles, has2 ? &row2 : NULL, verify_suspect, v);
	return right;
}

/* Its place in the tree, unless leaves before it are missing. */
static void add_to_tree(struct verify *v, const struct part *p)
{
	uint32_t n = p->covered < p->n ? p->covered : p->n, whole;

	v->broken = v->broken || p->missing || p->n < share(v->sum->size, p->segment);
	if (p->missing || v->tree.size != part_index(p, 0))
		return;
	roots_judge_leaves(&v->roots, &v->tree, p->computed, p->up, n);
	whole = n / LEDGER_BUNDLE;
	for (uint32_t b = 0; b < whole; b++)
		tree_add_subtree(&v->tree, 8, &p->up[b], check_up, v);
	for (uint32_t k = whole * LEDGER_BUNDLE; k < n; k++)
		tree_add(&v->tree, &p->computed[k], check_up, v);
}

static void tell_index(struct verify *v, const struct part *p, bool stored_right)
{
	uint64_t at = part_index(p, p->bad_row * LEDGER_BUNDLE);

	/* Its youngest rows may be missing after a crash, the file may not. */
	if (p->no_index && !p->missing && p->covered)
		verify_tell(v, FINDING_INDEX, part_index(p, 0), part_index(p, p->covered - 1), "the index of segment %"
			PRIu64 " %s%s: searches by time cannot use it; the records are judged without it",
			p->segment, p->no_index == -ENOENT ? "is missing" : "cannot be read: ",
			p->no_index == -ENOENT ? "" : file_strerror(p->no_index));
	else if (p->bad_rows && stored_right)
		verify_tell(v, FINDING_INDEX, at, at + LEDGER_BUNDLE - 1, "the index of segment %" PRIu64
			" is wrong in %" PRIu32 " rows, from record %" PRIu64 " on: searches by time may miss "
			"records; the records are judged without it", p->segment, p->bad_rows, at);
}

static void tell_bad(struct verify *v, const struct part *p)
{
	for (uint64_t k = 0; k < p->n_bad && k < PART_BAD; k++)
		verify_tell(v, FINDING_RECORD, part_index(p, p->bad[k].at), part_index(p, p->bad[k].at),
			"record %" PRIu64 " is no record: %s", part_index(p, p->bad[k].at),
			p->bad[k].text);
	if (p->n_bad > PART_BAD)
		v->sum->findings += p->n_bad - PART_BAD;
}

/* The disk does not give a segment's entries: what is in the others is judged all the same. */
static void pass_over(struct verify *v, const struct part *p)
{
	uint64_t last = part_index(p, p->covered ? p->covered : LEDGER_SEGMENT) - 1;

	verify_tell(v, FINDING_UNCHECKED, part_index(p, 0), last, "records %" PRIu64 " to %" PRIu64 " cannot be "
		"checked: 'log/%08" PRIu64 ".entries' cannot be read: %s; all others were", part_index(p, 0), last,
		p->segment, file_strerror(p->error));
	v->broken = true;
	v->sum->end = last + 1;
	if (v->n_unreadable < UNREADABLE)
		v->unreadable[v->n_unreadable] = p->segment;
	v->n_unreadable++;
}

/* Of more than are remembered the oldest goes. */
static void add_rekey(struct verify_sum *sum, const struct rekey *k)
{
	if (sum->n_rekeys == VERIFY_REKEYS)
		memmove(sum->rekey, sum->rekey + 1, --sum->n_rekeys * sizeof(*k));
	sum->rekey[sum->n_rekeys++] = *k;
}

/* One segment, in order: its own findings, and what it adds to the whole. */
static int join(void *ctx, struct part *p)
{
	struct verify *v = ctx;
	bool stored_right;

	if (v->ended)
		return 0;
	v->ended = p->n < LEDGER_SEGMENT && part_index(p, LEDGER_SEGMENT) > v->sum->size;
	if (p->error == -ENOMEM || p->error == -ESTALE)
		return p->error;
	if (p->error) {
		pass_over(v, p);
		return 0;
	}
	cover_named(v, p);
	stored_right = check_stored(v, p);
	add_to_tree(v, p);
	if (p->n) {
		v->sum->end = part_index(p, p->n);
		v->sum->torn = p->torn;
	}
	if (p->torn && p->covered == LEDGER_SEGMENT)
		verify_tell(v, FINDING_INSERTED, part_index(p, p->covered - 1), part_index(p, p->covered - 1),
			"%" PRIu64 " bytes that are no record follow record %" PRIu64, p->torn,
			part_index(p, p->n) - 1);
	tell_index(v, p, stored_right);
	tell_bad(v, p);
	if (p->other.n && !v->other.n)
		v->other = p->other;
	else
		v->other.n += p->other.n;
	if (p->has_time) {
		if (!v->sum->has_time || p->min_us < v->sum->min_us)
			v->sum->min_us = p->min_us;
		if (!v->sum->has_time || p->max_us > v->sum->max_us)
			v->sum->max_us = p->max_us;
		v->sum->has_time = true;
	}
	for (uint32_t i = 0; i < p->n_rekeys; i++)
		add_rekey(v->sum, &p->rekey[i]);
	continuity_join(&v->continuity, &p->continuity);
	return 0;
}

int verify_pass(struct verify *v, struct err *e)
{
	unsigned threads = v->opt->threads ? v->opt->threads : 2;
	int r = parts_run(&(struct parts){.view = &v->view, .from = v->from, .to = v->segments,
		.host = v->opt->name, .threads = threads < PARTS_THREADS_MAX ? threads : PARTS_THREADS_MAX,
		.covered = covered_of, .join = join, .ctx = v});

	if (r == -ESTALE)
		return err_set(e, ESTALE, "records were pruned while they were read, and not all segments can be "
			"held open: raise the limit of open files (ulimit -n), or run it again");
	if (r)
		return err_set(e, -r, "cannot read the records: %s", strerror(-r));
	if (v->other.n)
		verify_tell(v, FINDING_NAME, v->other.first, v->other.first, "%" PRIu64 " record%s, the first of "
			"them %" PRIu64 ", %s of '%s' (HOSTNAME), and not of '%s', whose ledger this is to "
			"be: ledgers were exchanged, or the directory was renamed", v->other.n,
			v->other.n == 1 ? "" : "s", v->other.first, v->other.n == 1 ? "is" : "are",
			v->other.host, v->opt->name);
	return 0;
}
