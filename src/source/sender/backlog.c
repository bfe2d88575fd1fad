/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/sender/backlog.h"

#include <stdlib.h>

#include "source/sender/outbox_item.h"
#include "util/hash.h"

#define NAME_OF_BOOT 12 /* digits; the others count restored snapshots (doc/leaf.md) */

struct seen {
	uint64_t sock, text; /* hashes */
};

struct stored {
	const struct outbox *o;
	struct seen list[BACKLOG_LOOK]; /* newest first */
	unsigned n;
};

static uint64_t hash_of(struct span s)
{
	return hash64(s.p, s.n);
}

static int look(void *ctx, const struct source_stored *s)
{
	struct stored *k = ctx;
	uint64_t part;

	if (strncmp(s->boot, k->o->boot, NAME_OF_BOOT) != 0)
		return 1;
	if (meta_get_u64(s->r, "part", &part) && part > 1)
		return 0; /* the first one stands for all */
	k->list[k->n++] = (struct seen){hash_of(meta_get(s->r, "sock")), s->text_hash};
	return k->n == BACKLOG_LOOK;
}

static struct seen seen_of(const struct outbox_item *i)
{
	struct span text = i->m.text;

	text.n = text.n < OUTBOX_PART ? text.n : OUTBOX_PART;
	return (struct seen){hash_of(i->m.paths.sock), hash_of(text)};
}

/* The waiting ones of @first's channel and socket, oldest first: how many, up to as many as are stored. */
static unsigned waiting(struct outbox_item *first, struct seen *list)
{
	const uint64_t sock = seen_of(first).sock;
	unsigned n = 0;

	for (struct outbox_item *i = first; i && n < BACKLOG_LOOK; i = i->next) {
		struct seen s = seen_of(i);

		if (!i->settled && i->m.channel == first->m.channel && s.sock == sock)
			list[n++] = s;
	}
	return n;
}

/* Of one socket's @n waiting ones so many, from the oldest on, are the newest that are stored. */
static unsigned overlap(const struct stored *k, const struct seen *wait, unsigned n)
{
	static struct seen mine[BACKLOG_LOOK];
	unsigned m = 0;

	for (unsigned i = 0; i < k->n; i++)
		if (k->list[i].sock == wait->sock)
			mine[m++] = k->list[i];
	for (unsigned j = n < m ? n : m; j; j--) {
		unsigned i = 0;

		while (i < j && wait[i].text == mine[j - 1 - i].text)
			i++;
		if (i == j)
			return j;
	}
	return 0;
}

/* Of the sockets' waiting ones the first, and all of its socket, are settled. */
static void settle_socket(struct outbox *o, struct outbox_item **at, const struct stored *k)
{
	static struct seen wait[BACKLOG_LOOK];
	const struct seen first = seen_of(*at);
	const enum record_channel channel = (*at)->m.channel;
	unsigned n = waiting(*at, wait), drop = overlap(k, wait, n);

	while (*at) {
		struct outbox_item *i = *at;

		if (i->settled || i->m.channel != channel || seen_of(i).sock != first.sock) {
			at = &i->next;
			continue;
		}
		i->settled = true;
		if (!drop) {
			at = &i->next;
			continue;
		}
		drop--;
		outbox_drop(o, at);
	}
}

void backlog_settle(struct outbox *o)
{
	struct stored *k = malloc(sizeof(*k));
	enum record_channel of = RECORD_META;

	o->unsettled = false;
	for (struct outbox_item **at = &o->first; *at;) {
		if ((*at)->settled || !k || !o->boot || !o->sink->recall) {
			(*at)->settled = true;
			at = &(*at)->next;
			continue;
		}
		if ((*at)->m.channel != of) {
			of = (*at)->m.channel;
			k->o = o;
			k->n = 0;
			if (o->sink->recall(o->sink->ctx, of, look, k, NULL))
				k->n = 0;
		}
		settle_socket(o, at, k);
	}
	free(k);
}
