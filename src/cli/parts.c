/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/parts.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"
#include "record/meta.h"
#include "util/clock.h"

#define LOOK 4096 /* leaves looked at in either direction: parts follow each other closely */
#define LATELY 64
#define PARTS_MAX 512 /* of one message */
#define PAUSE_MS 10

struct key {
	uint64_t part, parts, id;
	enum record_channel channel;
};

struct parts {
	char dir[4096];
	struct ledger_reader *reader;
	struct {
		uint64_t id;
		enum record_channel channel;
	} lately[LATELY];
	unsigned n_lately;
	char *text;
	size_t n, cap;
	struct record r;
	char scratch[RECORD_LEAF_MAX];
};

struct parts *parts_new(const char *dir)
{
	struct parts *p = calloc(1, sizeof(*p));
	size_t n = strlen(dir);

	if (p && n < sizeof(p->dir))
		memcpy(p->dir, dir, n + 1);
	return p;
}

void parts_free(struct parts *p)
{
	if (!p)
		return;
	if (p->reader)
		ledger_reader_close(p->reader);
	free(p->text);
	free(p);
}

static bool key_of(const struct record *r, struct key *k)
{
	k->channel = r->channel;
	return meta_get_u64(r, "part", &k->part) && meta_get_u64(r, "parts", &k->parts) &&
		meta_get_u64(r, "id", &k->id) && k->part >= 1 && k->part <= k->parts && k->parts <= PARTS_MAX;
}

bool parts_is(const struct record *r)
{
	enum meta_kind kind;
	struct key k;

	return r->channel != RECORD_KMSG && !meta_is(r, &kind) && key_of(r, &k);
}

static bool seen_lately(struct parts *p, const struct key *k)
{
	for (unsigned i = 0; i < p->n_lately && i < LATELY; i++)
		if (p->lately[i].id == k->id && p->lately[i].channel == k->channel)
			return true;
	p->lately[p->n_lately % LATELY].id = k->id;
	p->lately[p->n_lately++ % LATELY].channel = k->channel;
	return false;
}

bool parts_met(struct parts *p, const struct record *r)
{
	struct key k;

	return key_of(r, &k) && seen_lately(p, &k);
}

void parts_forget(struct parts *p)
{
	p->n_lately = 0;
}

/* Is @leaf a part of the message that @k is of? Then it is in p->r. */
static bool belongs(struct parts *p, struct span leaf, const struct key *k, struct key *its)
{
	return record_peek_channel(leaf.p, leaf.n) == (int)k->channel &&
		!record_decode(leaf.p, leaf.n, &p->r, p->scratch, sizeof(p->scratch), NULL) &&
		key_of(&p->r, its) && its->id == k->id && its->parts == k->parts;
}

static bool append(struct parts *p, struct span s)
{
	if (p->n + s.n > p->cap) {
		size_t cap = 2 * (p->n + s.n);
		char *more = realloc(p->text, cap);

		if (!more)
			return false;
		p->text = more;
		p->cap = cap;
	}
	if (s.n)
		memcpy(p->text + p->n, s.p, s.n);
	p->n += s.n;
	return true;
}

/* The index of the first part, or of the first of those that are there. */
static uint64_t find_first(struct parts *p, const struct key *k, uint64_t index)
{
	struct span leaf;
	struct key its;
	uint64_t at;

	if (k->part == 1 || ledger_reader_seek(p->reader, index, NULL))
		return index;
	for (unsigned i = 0; i < LOOK && ledger_reader_prev(p->reader, &leaf, &at, NULL) == 1; i++) {
		if (!belongs(p, leaf, k, &its) || its.part >= k->part)
			continue;
		index = at;
		if (its.part == 1)
			break;
	}
	return index;
}

/* Add up the parts in their order from entry @from on. How many there were, without one missing between them. */
static uint64_t add_up(struct parts *p, const struct key *k, uint64_t from)
{
	uint64_t done = 0, at;
	struct span leaf;
	struct key its;

	p->n = 0;
	if (ledger_reader_seek(p->reader, from, NULL))
		return 0;
	for (unsigned i = 0; i < 2 * LOOK && done < k->parts &&
		ledger_reader_next(p->reader, &leaf, &at, NULL) == 1; i++) {
		if (!belongs(p, leaf, k, &its) || its.part != done + 1)
			continue;
		if (!append(p, p->r.msg))
			break;
		done++;
	}
	return done;
}

/* What is whole is in no parts any more. */
static void forget_part(struct record *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_observed; i++)
		if (!span_is(r->observed[i].name, "part"))
			r->observed[n++] = r->observed[i];
	r->n_observed = n;
}

/* As add_up(), until the message is whole, or did not grow for @wait_ms. */
static uint64_t add_up_growing(struct parts *p, const struct key *k, uint64_t from, unsigned wait_ms)
{
	uint64_t done = add_up(p, k, from), before;

	for (unsigned ms = 0; done < k->parts && ms < wait_ms; ms = done > before ? 0 : ms + PAUSE_MS) {
		clock_sleep_ms(PAUSE_MS);
		ledger_reader_refresh(p->reader, NULL);
		before = done;
		done = add_up(p, k, from);
	}
	return done;
}

bool parts_join(struct parts *p, struct record *r, uint64_t index, unsigned wait_ms)
{
	uint64_t done;
	struct key k;

	if (!key_of(r, &k))
		return true;
	if (seen_lately(p, &k))
		return false;
	if (!p->reader && ledger_reader_open(&p->reader, p->dir, NULL))
		p->reader = NULL;
	if (!p->reader)
		return true;
	ledger_reader_refresh(p->reader, NULL);
	done = add_up_growing(p, &k, find_first(p, &k, index), wait_ms);
	if (!done) {
		r->truncated = true; /* its beginning is gone: what there is of it */
		return true;
	}
	r->msg = (struct span){p->text, p->n};
	r->truncated |= done < k.parts;
	forget_part(r);
	return true;
}
