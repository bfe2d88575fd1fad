/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * diagnose.c - where does a segment differ from the hashes stored for it? Entries and leaf hashes are
 * laid side by side as two texts: what is missing in one, has been put into it, or differs in place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/file.h"
#include "ledger/part.h"

/* How far ahead two equal hashes in the same place end a difference. */
#define AHEAD 64

struct found {
	uint64_t key;  /* first bytes of a hash */
	uint32_t at;
};

static uint64_t key_of(const struct hash *h)
{
	uint64_t k;

	memcpy(&k, h, sizeof(k));
	return k;
}

static int by_key(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->key != y->key ? x->key < y->key ? -1 : 1 : x->at < y->at ? -1 : x->at > y->at;
}

static struct found *sort(const struct hash *h, uint32_t n)
{
	struct found *f = malloc((n ? n : 1) * sizeof(*f));

	for (uint32_t i = 0; f && i < n; i++)
		f[i] = (struct found){key_of(&h[i]), i};
	if (f)
		qsort(f, n, sizeof(*f), by_key);
	return f;
}

/* The first place from @from on where @h stands in @all; UINT32_MAX: nowhere. */
static uint32_t look_up(const struct found *f, uint32_t n, const struct hash *all,
	const struct hash *h, uint32_t from)
{
	struct found want = {key_of(h), from};
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (by_key(&f[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && f[lo].key == want.key; lo++)
		if (!memcmp(&all[f[lo].at], h, sizeof(*h)))
			return f[lo].at;
	return UINT32_MAX;
}

struct out {
	const struct part *p;
	void (*add)(void *ctx, const struct suspect *s);
	void *ctx;
};

static void say(const struct out *o, enum finding_kind kind, uint32_t first, uint32_t last,
	const struct hash *computed, const struct hash *stored, const char *note)
{
	struct suspect s = {.kind = kind, .first = part_index(o->p, first),
		.last = part_index(o->p, last)};

	if (computed)
		s.computed = *computed;
	if (stored)
		s.stored = *stored;
	if (note)
		snprintf(s.note, sizeof(s.note), "%s", note);
	o->add(o->ctx, &s);
}

/* Are the two in step again within AHEAD places? How many places are out of step, 0: no. */
static uint32_t in_step(const struct part *p, uint32_t i, uint32_t j, uint32_t n_stored)
{
	for (uint32_t d = 1; d <= AHEAD && i + d < p->n && j + d < n_stored; d++)
		if (!memcmp(&p->computed[i + d], &p->stored[j + d], sizeof(struct hash)))
			return d;
	return 0;
}

/* Entry @i, which should have the hash stored at @j, has another. */
static void say_altered(const struct out *o, uint32_t i, uint32_t j)
{
	const struct part *p = o->p;

	say(o, FINDING_ALTERED, j, j, &p->computed[i], &p->stored[j],
		p->off[i] == PART_NOWHERE ? "it cannot be found: the lengths around it are damaged" :
		p->off[i] == PART_LENGTH ? "its length was changed" : NULL);
}

static void align(const struct out *o, uint32_t n_stored)
{
	const struct part *p = o->p;
	struct found *stored = sort(p->stored, n_stored), *there = sort(p->computed, p->n);
	uint32_t i = 0, j = 0, end = p->n;

	/* What lies beyond the checkpoint may be there or not. */
	if (n_stored >= p->covered && end > n_stored)
		end = n_stored;
	while (stored && there && i < end && j < n_stored) {
		uint32_t step, q, k;

		if (!memcmp(&p->computed[i], &p->stored[j], sizeof(struct hash))) {
			i++;
			j++;
			continue;
		}
		step = in_step(p, i, j, n_stored);
		q = look_up(stored, n_stored, p->stored, &p->computed[i], j);
		k = look_up(there, p->n, p->computed, &p->stored[j], i);
		if (step || (q == UINT32_MAX && k == UINT32_MAX)) {
			for (step = step ? step : 1; step; step--, i++, j++)
				if (memcmp(&p->computed[i], &p->stored[j], sizeof(struct hash)))
					say_altered(o, i, j);
		} else if (q != UINT32_MAX && (k == UINT32_MAX || q - j <= k - i)) {
			say(o, FINDING_REMOVED, j, q - 1, NULL, NULL, NULL);
			j = q;
		} else {
			say(o, FINDING_INSERTED, j, j, NULL, NULL, NULL);
			i = k;
		}
	}
	if (j < p->covered && i >= p->n)
		say(o, FINDING_REMOVED, j, p->covered - 1, NULL, NULL, NULL);
	free(stored);
	free(there);
}

/* A bundle whose entries agree with their leaf hashes, but not with the hash above: what stands out? */
static void say_range(const struct out *o, uint32_t b)
{
	const struct part *p = o->p;
	uint32_t first = b * LEDGER_BUNDLE;
	char note[160] = "";

	for (uint64_t k = 0; k < p->n_bad && k < PART_BAD && !*note; k++)
		if (p->bad[k].at / LEDGER_BUNDLE == b)
			snprintf(note, sizeof(note), "record %llu is no record: %.90s",
				(unsigned long long)part_index(p, p->bad[k].at), p->bad[k].text);
	say(o, FINDING_RANGE, first, first + LEDGER_BUNDLE - 1, NULL, NULL, note);
}

/* Entries and as many leaf hashes are gone; the rows above tell from where on. False: from the end. */
static bool taken_out(const struct out *o, const struct hash *row1, uint32_t n_row1)
{
	const struct part *p = o->p;
	char note[160];

	for (uint32_t b = 0; b < p->n / LEDGER_BUNDLE && b < n_row1; b++) {
		if (!memcmp(&p->up[b], &row1[b], sizeof(struct hash)))
			continue;
		snprintf(note, sizeof(note), "%u of them were taken out, with their leaf hashes",
			p->covered - p->n);
		say(o, FINDING_REMOVED, b * LEDGER_BUNDLE, p->covered - 1, NULL, NULL, note);
		return true;
	}
	return false;
}

void part_diagnose(const struct part *p, const struct hash *row1, uint32_t n_row1,
	const struct hash *row2, void (*add)(void *ctx, const struct suspect *s), void *ctx)
{
	struct out o = {p, add, ctx};
	uint32_t n_stored = p->n_stored < p->covered ? p->n_stored : p->covered;
	uint32_t bundles = p->covered / LEDGER_BUNDLE, differ = 0;
	struct hash h, s;
	char note[160];

	if (p->missing) {
		snprintf(note, sizeof(note), "the segment's file %s%s", p->no_entries == -ENOENT ?
			"is missing" : "cannot be read: ", p->no_entries == -ENOENT ? "" :
			file_strerror(p->no_entries));
		say(&o, FINDING_REMOVED, 0, p->covered - 1, NULL, NULL, note);
		return;
	}
	if (p->n < p->covered && n_stored == p->n && taken_out(&o, row1, n_row1))
		return;
	if (n_stored < p->covered && p->n >= p->covered) {
		/* The rows above the lost hashes can still speak. */
		say(&o, FINDING_HASHES, n_stored, p->covered - 1, NULL, NULL, NULL);
		n_stored = 0;
	} else if (!p->same) {
		align(&o, n_stored);
	}
	if (p->n < p->covered)
		return;
	for (uint32_t b = 0; b < bundles; b++) {
		const struct hash *mine = p->stored + (size_t)b * LEDGER_BUNDLE;

		if (b >= n_row1 || !memcmp(&p->up[b], &row1[b], sizeof(h)))
			continue;
		differ++;
		/* If the leaf hashes lead to the row, they have named the record already. */
		if (n_stored >= (b + 1) * LEDGER_BUNDLE) {
			tree_fold(mine, LEDGER_BUNDLE, &s);
			if (!memcmp(&s, &row1[b], sizeof(s)))
				continue;
		}
		say_range(&o, b);
	}
	if (!row2 || differ || bundles < LAYOUT_ROWS)
		return;
	tree_fold(p->up, LAYOUT_ROWS, &h);
	if (memcmp(&h, row2, sizeof(h)))
		say(&o, FINDING_RANGE, 0, LEDGER_SEGMENT - 1, NULL, NULL,
			"the hashes of levels 0 and 1 were altered too");
}
