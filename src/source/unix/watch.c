/* SPDX-License-Identifier: BSD-3-Clause */
/* watch.c - the queues that are watched, and the sites they want. */
#include "source/unix/watch_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

#define SOON_MS 250   /* between two looks through all sockets, without a watchpoint on their table */
#define SELDOM_MS 2000
#define COST 50       /* times as long as a look took: what it costs at most is 1/COST of a processor */
#define POLL_MS 5     /* of queues without a watchpoint */

static int layouts(struct watch *w, struct err *e)
{
	uint32_t next, prev, head_next, head_prev, size;
	int r = task_layout_find(&w->tasks, w->g, e);

	if (r || w->audit)
		return r;
	r = unix_layout_find(&w->socks, w->g, e);
	r = r ? r : path_layout_find(&w->paths, w->g, e);
	if (r)
		return r;
	if (guest_member(w->g, "sk_buff", "next", &next, &size) || guest_member(w->g, "sk_buff", "prev", &prev, &size) ||
		guest_member(w->g, "sk_buff_head", "next", &head_next, &size) ||
		guest_member(w->g, "sk_buff_head", "prev", &head_prev, &size) || next != QUEUE_NEXT ||
		head_next != QUEUE_NEXT || prev != QUEUE_PREV || head_prev != QUEUE_PREV)
		return err_set(e, ENOENT, "the guest's queues of messages are like none known");
	return 0;
}

int watch_open(struct watch **out, const struct guest *g, const struct app_geometry *geometry, unsigned channels,
	struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));
	uint64_t list;
	int r;

	if (!w)
		return err_set(e, ENOMEM, "out of memory");
	w->g = g;
	w->mem = guest_mem(g);
	w->channels = channels;
	w->audit = channels == 1U << RECORD_AUDIT;
	w->geometry = *geometry;
	w->geometry.at = APP_AT_QUEUE;
	w->geometry.audit = w->audit;
	w->limit = UINT32_MAX;
	w->tags = WATCH_TAG_TABLE;
	r = layouts(w, e);
	if (!r && w->audit && guest_symbol(g, "audit_queue", &list))
		r = err_set(e, ENOENT, "the guest's kernel has no audit_queue (CONFIG_AUDIT)");
	if (!r && w->audit)
		r = watch_add(w, &(struct watch_queue){.list = list, .channel = RECORD_AUDIT}) ? 0 :
			err_set(e, ENOMEM, "out of memory");
	if (r) {
		watch_close(w);
		return r;
	}
	watch_rescan(w);
	*out = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	free(w->q);
	free(w);
}

struct watch_queue *watch_add(struct watch *w, const struct watch_queue *q)
{
	struct watch_queue *more;
	unsigned cap = w->cap ? w->cap * 2 : 16;

	if (w->n == WATCH_QUEUES_MAX) {
		w->over = true;
		return NULL;
	}
	if (w->n == w->cap) {
		more = reallocarray(w->q, cap, sizeof(*more));
		if (!more) {
			w->over = true;
			return NULL;
		}
		w->q = more;
		w->cap = cap;
	}
	w->q[w->n] = *q;
	w->q[w->n].fresh = true;
	w->q[w->n].sited = true; /* until the sites there is room for were asked for */
	w->q[w->n].tag = ++w->tags ? w->tags : (w->tags = WATCH_TAG_TABLE + 1);
	return &w->q[w->n++];
}

/* ---- sites ---- */

/* Streams come last: there are many of them, and one line of a daemon is worth no more than any other's. */
static bool comes_last(const struct watch_queue *q)
{
	return q->channel == RECORD_STREAM && !q->listener;
}

static unsigned add_queues(struct watch *w, bool last, struct trap_site *sites, unsigned n, unsigned max)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct watch_queue *q = &w->q[i];

		if (comes_last(q) != last)
			continue;
		q->sited = n < max;
		if (q->sited)
			sites[n++] = (struct trap_site){.kind = SITE_WATCH, .gva = q->list + QUEUE_PREV, .len = 8,
				.tag = q->tag};
	}
	return n;
}

unsigned watch_sites(struct watch *w, struct trap_site *sites, unsigned max)
{
	unsigned n;

	max = max < w->limit ? max : w->limit;
	n = add_queues(w, false, sites, 0, max);
	if (!w->audit && !w->no_table && n < max)
		sites[n++] = (struct trap_site){.kind = SITE_WATCH, .gva = w->socks.bound, .len = w->socks.bound_len,
			.tag = WATCH_TAG_TABLE};
	n = add_queues(w, true, sites, n, max);
	w->wanted = n;
	return n;
}

bool watch_fewer(struct watch *w)
{
	/* What is too wide for the hardware is the first to be done without. */
	if (!w->audit && !w->no_table) {
		w->no_table = true;
		return true;
	}
	if (!w->wanted)
		return false;
	w->limit = w->wanted - 1;
	return w->limit > 0;
}

void watch_planted(struct watch *w, bool all)
{
	w->planted = true;
	w->blind = !all;
	w->next_ms = 0;
}

/* ---- polls ---- */

static unsigned polled(const struct watch *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->blind || !w->q[i].sited;
	return n;
}

void watch_count(const struct watch *w, unsigned *queues, unsigned *without)
{
	*queues = w->n;
	*without = polled(w);
}

bool watch_quiet(const struct watch *w, const struct moment *m)
{
	return m->now_ms < w->next_ms;
}

int64_t watch_due(const struct watch *w)
{
	return w->next_ms;
}

static void look_into(struct watch *w, const struct moment *m, watch_take take, void *ctx)
{
	for (unsigned i = 0; i < w->n;) {
		struct watch_queue *q = &w->q[i];

		if (!watch_is_there(w, q)) {
			watch_drop(w, i, take, ctx);
			continue;
		}
		if (m->held)
			watch_held(w, i, take, ctx);
		else if (w->blind || !q->sited)
			watch_waiting(w, q, take, ctx);
		i++;
	}
	w->settled |= m->held;
}

void watch_settle(struct watch *w, const struct moment *m, watch_take take, void *ctx)
{
	watch_rescan(w); /* since it was opened */
	look_into(w, m, take, ctx);
	for (unsigned i = 0; i < w->n; i++)
		watch_being_added(w, i, take, ctx);
}

void watch_poll(struct watch *w, const struct moment *m, watch_take take, void *ctx)
{
	int64_t pause, began;

	/* At a stop watch_stopped() has seen to it. */
	if (m->rung || (!m->held && m->now_ms < w->next_ms))
		return;
	if (!m->held && !w->audit && m->now_ms >= w->rescan_ms) {
		began = clock_mono_ns();
		watch_rescan(w);
		pause = (clock_mono_ns() - began) * COST / 1000000;
		w->rescan_ms = m->now_ms + (w->no_table || w->blind ? SOON_MS : SELDOM_MS);
		if (w->rescan_ms < m->now_ms + pause)
			w->rescan_ms = m->now_ms + pause;
	}
	look_into(w, m, take, ctx);
	w->next_ms = w->audit ? m->now_ms + SELDOM_MS : w->rescan_ms;
	if (polled(w))
		w->next_ms = m->now_ms + POLL_MS;
}

const char *watch_alert(struct watch *w, char *text, size_t n)
{
	const unsigned without = w->planted ? polled(w) : 0;

	if ((w->over || w->walk_over) && !w->told_over) {
		w->told_over = true;
		snprintf(text, n, "the guest has more sockets than are looked through (%d, and %d of logs): those beyond "
			"are not followed", UNIX_WALK_MAX, WATCH_QUEUES_MAX);
		return "many-sockets";
	}
	if (without <= w->told_polled)
		return NULL;
	w->told_polled = without;
	snprintf(text, n, "%u of the guest's %u %s have no watchpoint, for the VMM has no more: they are looked into "
		"every %d ms, and a message that is taken away sooner is not seen", without, w->n,
		w->audit ? "audit queues" : "log sockets", POLL_MS);
	return "no-doorbell";
}
