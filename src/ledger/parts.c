/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* Parts for each thread, when there are several: one in work, one that waits for its turn. */
#define EACH 2

struct place {
	struct part part;
	bool done;
};

struct crew {
	const struct parts *o;
	struct place *slot;     /* segment s is in slot s mod n */
	unsigned n;

	pthread_mutex_t lock;
	pthread_cond_t moved;  /* `joined` was, or `error` is set */
	uint64_t next, joined; /* segments from here on are not begun, not joined */
	bool joining;
	int error;
};

static struct place *slot_of(struct crew *c, uint64_t segment)
{
	return &c->slot[segment % c->n];
}

/* Join what is done and next in order, unless another thread is at it. Called and left with the lock held. */
static void join_ready(struct crew *c)
{
	if (c->joining)
		return;
	c->joining = true;
	while (!c->error && c->joined < c->next && slot_of(c, c->joined)->done) {
		struct place *s = slot_of(c, c->joined);
		int r;

		pthread_mutex_unlock(&c->lock);
		r = c->o->join(c->o->ctx, &s->part);
		pthread_mutex_lock(&c->lock);
		s->done = false;
		c->error = r;
		c->joined++;
		pthread_cond_broadcast(&c->moved);
	}
	c->joining = false;
}

static void *work(void *ctx)
{
	struct crew *c = ctx;

	pthread_mutex_lock(&c->lock);
	while (!c->error && c->next < c->o->to) {
		uint64_t segment = c->next;

		if (segment - c->joined >= c->n) {
			pthread_cond_wait(&c->moved, &c->lock);
			continue;
		}
		c->next++;
		pthread_mutex_unlock(&c->lock);
		part_run(&slot_of(c, segment)->part, segment, c->o->covered(c->o->ctx, segment));
		pthread_mutex_lock(&c->lock);
		slot_of(c, segment)->done = true;
		join_ready(c);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void run_threads(struct crew *c)
{
	pthread_t t[PARTS_THREADS_MAX];
	unsigned started = 0;

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->moved, NULL);
	/* If no other can be had, this one does it all. */
	while (started + 1 < c->o->threads && !pthread_create(&t[started], NULL, work, c))
		started++;
	work(c);
	while (started > 0)
		pthread_join(t[--started], NULL);
	pthread_cond_destroy(&c->moved);
	pthread_mutex_destroy(&c->lock);
}

int parts_run(const struct parts *o)
{
	struct crew c = {.o = o, .next = o->from, .joined = o->from};
	unsigned init = 0;

	c.n = o->threads > 1 ? EACH * o->threads : 1;
	c.slot = calloc(c.n, sizeof(*c.slot));
	if (!c.slot)
		return -ENOMEM;
	while (init < c.n && !c.error) {
		c.error = part_init(&c.slot[init].part, o->view);
		c.slot[init++].part.host = o->host;
	}
	if (!c.error)
		run_threads(&c);
	while (init > 0)
		part_free(&c.slot[--init].part);
	free(c.slot);
	return c.error;
}
