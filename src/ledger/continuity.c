/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/continuity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/lost.h"
#include "record/meta.h"

void continuity_free(struct continuity *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->streams[i].runs);
		free(c->streams[i].lost);
	}
	free(c->streams);
	memset(c, 0, sizeof(*c));
}

/* Room for one more of @size bytes in *@v. */
static bool grow(void **v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? 2 * *cap : 4;
	void *p;

	if (n < *cap)
		return true;
	p = reallocarray(*v, more, size);
	if (!p)
		return false;
	*v = p;
	*cap = more;
	return true;
}

static bool same(const struct stream *s, enum record_channel channel, const char *boot, size_t n)
{
	return s->channel == channel && s->boot_len == n && (!n || !memcmp(s->boot, boot, n));
}

static struct stream *stream(struct continuity *c, enum record_channel channel, const char *boot,
	size_t n)
{
	struct stream *s;

	if (n > CONTINUITY_BOOT)
		n = CONTINUITY_BOOT;
	if (c->n && same(&c->streams[c->last], channel, boot, n))
		return &c->streams[c->last];
	for (size_t i = c->n; i-- > 0;) {
		if (same(&c->streams[i], channel, boot, n)) {
			c->last = i;
			return &c->streams[i];
		}
	}
	if (!grow((void **)&c->streams, c->n, &c->cap, sizeof(*s))) {
		c->failed = true;
		return NULL;
	}
	s = &c->streams[c->n];
	memset(s, 0, sizeof(*s));
	s->channel = channel;
	s->boot_len = n;
	if (n)
		memcpy(s->boot, boot, n);
	c->last = c->n++;
	return s;
}

static void add_run(struct continuity *c, struct stream *s, const struct run *r)
{
	struct run *last = s->n_runs ? &s->runs[s->n_runs - 1] : NULL;
	uint64_t expected = last ? last->last + 1 : 0;

	if (last && r->first == last->last + 1 && last->last != UINT64_MAX &&
		r->late == last->late && r->partial == last->partial) {
		last->last = r->last;
		last->last_at = r->last_at;
		return;
	}
	if (!grow((void **)&s->runs, s->n_runs, &s->cap_runs, sizeof(*r))) {
		c->failed = true;
		return;
	}
	s->runs[s->n_runs] = *r;
	s->runs[s->n_runs++].expected = expected;
}

static void add_lost(struct continuity *c, struct stream *s, const struct lost *l)
{
	if (!grow((void **)&s->lost, s->n_lost, &s->cap_lost, sizeof(*l))) {
		c->failed = true;
		return;
	}
	s->lost[s->n_lost++] = *l;
}

void continuity_add(struct continuity *c, const struct record *r, uint64_t index)
{
	struct stream *s;
	struct lost l = {.at = index};

	if (r->channel == RECORD_META && !c->has_total && meta_is(r, NULL) &&
		meta_get_u64(r, META_TOTAL_LOST, &c->total)) {
		c->has_total = true;
		c->before = c->lost;
		if (!meta_get_u64(r, META_TOTAL_BLIND, &c->total_blind))
			c->total_blind = 0;
		c->before_blind = c->blind;
	}
	if (r->channel == RECORD_META && r->boot.n == 0)
		return;
	s = stream(c, r->channel, r->boot.p, r->boot.n);
	if (!s)
		return;
	if (meta_is(r, NULL)) {
		if (meta_get_gap(r, &l.first, &l.count)) {
			add_lost(c, s, &l);
			c->lost = lost_add(c->lost, l.count);
		}
		c->blind += meta_is_blind(r);
	} else if (r->has_seq) {
		add_run(c, s, &(struct run){.first = r->seq, .last = r->seq, .first_at = index,
			.last_at = index, .late = r->fidelity == RECORD_LATE,
			.partial = r->fidelity == RECORD_PARTIAL || r->fidelity == RECORD_DIFFERS});
	}
}

void continuity_join(struct continuity *c, const struct continuity *part)
{
	c->failed = c->failed || part->failed;
	if (!c->has_total && part->has_total) {
		c->has_total = true;
		c->total = part->total;
		c->before = lost_add(c->lost, part->before);
		c->total_blind = part->total_blind;
		c->before_blind = c->blind + part->before_blind;
	}
	c->lost = lost_add(c->lost, part->lost);
	c->blind += part->blind;
	for (size_t i = 0; i < part->n; i++) {
		const struct stream *p = &part->streams[i];
		struct stream *s = stream(c, p->channel, p->boot, p->boot_len);

		for (size_t k = 0; s && k < p->n_runs; k++)
			add_run(c, s, &p->runs[k]);
		for (size_t k = 0; s && k < p->n_lost; k++)
			add_lost(c, s, &p->lost[k]);
	}
}

struct teller {
	void (*tell)(void *ctx, const struct continuity_break *b);
	void *ctx;
	const struct stream *s;
};

static void tell(const struct teller *t, enum continuity_kind kind, uint64_t a, uint64_t b, uint64_t i,
	uint64_t j)
{
	struct continuity_break br = {kind, t->s, a, b, i, j};

	t->tell(t->ctx, &br);
}

/*
 * Runs as they stand in the ledger. A number lower than one before it, in a record not marked late, is
 * out of order; two single records that have each other's number were exchanged.
 */
static void check_order(const struct teller *t, const struct stream *s)
{
	size_t told = 0; /* runs up to this one are explained by an exchange */

	for (size_t i = 1; i < s->n_runs; i++) {
		const struct run *x = &s->runs[i];

		for (size_t k = i + 1; x->first == x->last && x->first > x->expected &&
			k < s->n_runs && k < i + 1000; k++) {
			const struct run *y = &s->runs[k];

			if (y->first != y->last || y->first != x->expected || y->expected != x->first)
				continue;
			tell(t, CONTINUITY_EXCHANGED, x->first, y->first, x->first_at, y->first_at);
			told = k > told ? k : told;
			break;
		}
		if (i > told && !x->late && !x->partial && x->first < x->expected)
			tell(t, CONTINUITY_ORDER, x->first, x->expected, x->first_at, x->first_at);
	}
}

static int by_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->first != y->first ? x->first < y->first ? -1 : 1 :
		x->first_at < y->first_at ? -1 : x->first_at > y->first_at;
}

static int lost_by_first(const void *a, const void *b)
{
	const struct lost *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/*
 * Tell of the numbers from..to, between two runs, that no gap record covers. *cursor: the first gap
 * record that does not end before all holes still to come.
 */
static void check_hole(const struct teller *t, const struct stream *s, size_t *cursor, uint64_t from,
	uint64_t to, uint64_t i, uint64_t j)
{
	for (size_t k = *cursor; k < s->n_lost && from <= to; k++) {
		const struct lost *l = &s->lost[k];
		uint64_t end; /* last number lost: meta_get_gap() has seen to it that this is one */

		end = l->first + l->count - 1;
		if (end < from) {
			*cursor += *cursor == k;
			continue;
		}
		if (l->first > to)
			break;
		if (l->first > from)
			tell(t, CONTINUITY_MISSING, from, l->first - 1, i, j);
		if (end == UINT64_MAX)
			return;
		from = end + 1;
	}
	if (from <= to)
		tell(t, CONTINUITY_MISSING, from, to, i, j);
}

static void check_numbers(const struct teller *t, struct stream *s)
{
	size_t cursor = 0;
	struct run reach;

	if (s->n_runs == 0)
		return;
	qsort(s->runs, s->n_runs, sizeof(*s->runs), by_first);
	if (s->n_lost)
		qsort(s->lost, s->n_lost, sizeof(*s->lost), lost_by_first);
	reach = s->runs[0];
	for (size_t i = 1; i < s->n_runs; i++) {
		const struct run *x = &s->runs[i];

		if (x->first <= reach.last) {
			if (!x->partial && !reach.partial)
				tell(t, CONTINUITY_TWICE, x->first,
					x->last < reach.last ? x->last : reach.last, reach.last_at,
					x->first_at);
		} else if (x->first > reach.last + 1) {
			check_hole(t, s, &cursor, reach.last + 1, x->first - 1, reach.last_at, x->first_at);
		}
		if (x->last >= reach.last)
			reach = *x;
	}
}

/* Numbers that gap records name and that followed late after all. */
static uint64_t followed(const struct stream *s)
{
	uint64_t sum = 0;
	size_t i = 0;

	for (size_t k = 0; k < s->n_lost; k++) {
		const struct lost *l = &s->lost[k];
		uint64_t end = l->count > UINT64_MAX - l->first ? UINT64_MAX : l->first + l->count;

		while (i < s->n_runs && s->runs[i].last < l->first)
			i++;
		for (size_t j = i; j < s->n_runs && s->runs[j].first < end; j++) {
			uint64_t from = s->runs[j].first > l->first ? s->runs[j].first : l->first;
			uint64_t to = s->runs[j].last < end ? s->runs[j].last + 1 : end;

			sum += to > from ? to - from : 0;
		}
	}
	return sum;
}

int continuity_end(struct continuity *c, struct continuity_sum *sum,
	void (*f)(void *ctx, const struct continuity_break *b), void *ctx)
{
	memset(sum, 0, sizeof(*sum));
	if (c->failed)
		return -ENOMEM;
	sum->lost = c->lost;
	sum->blind = c->blind;
	sum->earlier_blind = c->has_total && c->total_blind > c->before_blind ?
		c->total_blind - c->before_blind : 0;
	sum->earlier = c->has_total && c->total > c->before ? c->total - c->before : 0;
	for (size_t i = 0; i < c->n; i++) {
		struct stream *s = &c->streams[i];
		struct teller t = {f, ctx, s};
		bool known = false;
		uint64_t late;

		for (size_t k = 0; k < i && !known; k++)
			known = c->streams[k].boot_len == s->boot_len &&
				!memcmp(c->streams[k].boot, s->boot, s->boot_len);
		sum->boots += s->boot_len && !known;
		sum->gaps += s->n_lost;
		check_order(&t, s);
		check_numbers(&t, s);
		late = followed(s);
		sum->lost -= late < sum->lost ? late : sum->lost;
	}
	return 0;
}
