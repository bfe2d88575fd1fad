/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"
#include "util/among.h"
#include "util/hash.h"

#define LOOK 256      /* records of a channel looked at: late ones come out of order */
#define GAPS_MAX 4096 /* newer than the newest record: more are not looked at */
/* The newest leaves that are looked at, some ten seconds' work: what is older than all of them is not gone on from. */
#define LEAVES_MAX (1u << 24)

/* ---- while records are stored ---- */

static void note_record(struct source_resume *at, const struct record *r)
{
	bool same = at->known && span_is(r->boot, at->boot);

	if (same && r->seq < at->seq)
		return; /* filled in late */
	if (!same || r->seq >= at->next)
		at->next = r->seq + 1;
	if (!span_is(r->boot, at->boot))
		at->n_open = 0;
	at->known = true;
	memset(at->boot, 0, sizeof(at->boot));
	if (r->boot.n < sizeof(at->boot))
		memcpy(at->boot, r->boot.p, r->boot.n);
	at->seq = r->seq;
	at->guest_ns = r->guest_ns;
	at->text_hash = hash64(r->msg.p, r->msg.n);
}

/* Accounted for; nothing to recognise the boot by. */
static void note_gap(struct source_resume *at, uint64_t first, uint64_t count)
{
	if (first + count > at->next)
		at->next = first + count;
}

/* Remember what gap records name until it is stored after all. */
static void note_open(struct source_resume *at, uint64_t first, uint64_t count)
{
	if (count > SOURCE_OPEN_MAX)
		return; /* so many were overwritten */
	for (uint64_t i = 0; i < count; i++) {
		if (at->n_open == SOURCE_OPEN_MAX)
			memmove(at->open, at->open + 1, --at->n_open * sizeof(*at->open));
		at->open[at->n_open++] = first + i;
	}
}

void resume_note(struct resume *all, const struct record *r)
{
	struct source_resume *at = &all->at[r->channel];
	uint64_t first, count;

	if (r->channel == RECORD_META)
		return;
	if (r->has_seq) {
		note_record(at, r);
		for (unsigned i = at->n_open; i-- > 0;)
			if (at->open[i] == r->seq && span_is(r->boot, at->boot))
				at->open[i] = at->open[--at->n_open];
	} else if (at->known && span_is(r->boot, at->boot) && meta_get_gap(r, &first, &count)) {
		note_gap(at, first, count);
		note_open(at, first, count);
	}
}

bool resume_fills(const struct resume *all, const struct record *r)
{
	const struct source_resume *at = &all->at[r->channel];

	/* Out of order it can only be one that a gap record named and that was finished since. */
	return r->fidelity == RECORD_LATE && r->has_seq && r->seq < at->next && span_is(r->boot, at->boot);
}

/* ---- from the ledger ---- */

struct gap {
	char boot[17];
	uint64_t first, count;
};

struct look {
	uint64_t seqs[LOOK]; /* of the newest boot's records looked at */
	unsigned n_seqs;
	bool done;
	struct gap *gaps; /* newest first; of other boots than at->boot too while that is not known */
	unsigned n_gaps, cap_gaps;
};

struct pass {
	struct ledger_reader *reader;
	uint32_t leaves;
	struct record r;
	char scratch[RECORD_LEAF_MAX];
	struct look look[RECORD_CHANNELS];
};

/* The next older record that is of a channel of the guest: 1 with k->r, 0 far enough back, or -errno. */
static int older(struct pass *k, struct err *e)
{
	struct span leaf;
	uint64_t index;
	int r;

	while ((r = k->leaves++ < LEAVES_MAX ? ledger_reader_prev(k->reader, &leaf, &index, e) : 0) == 1)
		if (!record_decode(leaf.p, leaf.n, &k->r, k->scratch, sizeof(k->scratch), NULL) &&
			k->r.channel != RECORD_META)
			break;
	return r;
}

/* Of the newest boot the record with the highest number; late ones come after it. */
static void look_at_record(struct look *k, struct source_resume *at, const struct record *r)
{
	if (at->known && !span_is(r->boot, at->boot)) {
		k->done = true;
		return;
	}
	k->seqs[k->n_seqs++] = r->seq;
	k->done = k->n_seqs == LOOK;
	if (at->known && r->seq <= at->seq)
		return;
	at->known = false;
	note_record(at, r);
}

/* The boot it must be of is not known until a record is found. */
static int look_at_gap(struct look *k, const struct record *r)
{
	struct gap *more;
	uint64_t first, count;

	if (!meta_get_gap(r, &first, &count) || r->boot.n >= sizeof(more->boot) || k->n_gaps == GAPS_MAX)
		return 0;
	if (k->n_gaps == k->cap_gaps) {
		k->cap_gaps = k->cap_gaps ? 2 * k->cap_gaps : 16;
		more = realloc(k->gaps, k->cap_gaps * sizeof(*more));
		if (!more)
			return -ENOMEM;
		k->gaps = more;
	}
	more = &k->gaps[k->n_gaps++];
	*more = (struct gap){.first = first, .count = count};
	memcpy(more->boot, r->boot.p, r->boot.n);
	return 0;
}

/* What the gaps of that boot account for, and of what they name what no record looked at has, up to a few. */
static void apply_gaps(const struct look *k, struct source_resume *at)
{
	for (unsigned n = 0; n < k->n_gaps; n++) {
		const struct gap *g = &k->gaps[n];

		if (!at->known || strcmp(g->boot, at->boot) != 0)
			continue;
		note_gap(at, g->first, g->count);
		if (g->count > SOURCE_OPEN_MAX)
			continue;
		for (uint64_t i = 0; i < g->count && at->n_open < SOURCE_OPEN_MAX; i++)
			if (!among(g->first + i, k->seqs, k->n_seqs) &&
				!among(g->first + i, at->open, at->n_open))
				at->open[at->n_open++] = g->first + i;
	}
}

static int pass(struct pass *k, struct resume *all, unsigned channels, struct err *e)
{
	int r;

	while (channels && (r = older(k, e)) != 0) {
		enum record_channel c = k->r.channel;
		struct look *look = &k->look[c];

		if (r < 0)
			return r;
		if (!(channels & 1u << c))
			continue;
		if (k->r.has_seq)
			look_at_record(look, &all->at[c], &k->r);
		else if (look_at_gap(look, &k->r))
			return err_set(e, ENOMEM, "out of memory");
		if (look->done)
			channels &= ~(1u << c);
	}
	return 0;
}

int resume_find(struct resume *all, unsigned channels, const char *dir, struct err *e)
{
	struct pass *k = calloc(1, sizeof(*k));
	int r;

	memset(all, 0, sizeof(*all));
	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	r = ledger_reader_open(&k->reader, dir, e);
	if (!r)
		r = ledger_reader_seek(k->reader, ledger_reader_end(k->reader), e);
	if (!r)
		r = pass(k, all, channels, e);
	for (unsigned c = 0; c < RECORD_CHANNELS; c++) {
		if (!r)
			apply_gaps(&k->look[c], &all->at[c]);
		free(k->look[c].gaps);
	}
	ledger_reader_close(k->reader);
	free(k);
	return r;
}

int resume_recall(const char *dir, enum record_channel channel, source_known known, void *ctx,
	struct err *e)
{
	struct pass *k = calloc(1, sizeof(*k));
	struct source_stored stored;
	enum meta_kind kind;
	char boot[17];
	int r, done = 0;

	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	r = ledger_reader_open(&k->reader, dir, e);
	if (!r)
		r = ledger_reader_seek(k->reader, ledger_reader_end(k->reader), e);
	while (!r && !done && (r = older(k, e)) == 1) {
		r = 0;
		if (k->r.channel != channel || meta_is(&k->r, &kind) || k->r.boot.n >= sizeof(boot))
			continue;
		snprintf(boot, sizeof(boot), "%.*s", (int)k->r.boot.n, k->r.boot.p);
		stored = (struct source_stored){boot, k->r.seq, k->r.guest_ns, hash64(k->r.msg.p, k->r.msg.n), &k->r};
		done = known(ctx, &stored);
	}
	ledger_reader_close(k->reader);
	free(k);
	return r;
}
