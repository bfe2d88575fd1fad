/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch_stop.c - what a stop means.
 *
 * When several vCPUs write watched words at once, QEMU tells of the last one only, and of the others later, when
 * they went on, or with nothing to tell. So every stop is a reason to look at all queues: where a message is being
 * added the vCPU that adds it stands still too. It is told then and marked, until its queue is seen in another
 * state, so that its own stop, should it follow, does not tell it again. A stop that names a queue, by the vCPU
 * that adds to it, is one more write: the same address being added, told at such a stop already, is the next
 * message.
 */
#include <string.h>

#include "fetch/unix.h"
#include "fetch/unix_fetch.h"
#include "source/unix/watch_impl.h"

/* Where registers come from, NULL: from nowhere; which vCPU the stop is said to be of; and who is told. */
struct stop {
	struct trap *trap;
	uint32_t vcpu;
	watch_take take;
	void *ctx;
};

/* Who adds a message. */
struct writer {
	bool known;
	uint32_t vcpu;
	struct trap_gregs regs;
};

static void tell(struct watch *w, const struct watch_queue *q, const struct stop *s, enum watched_what what,
	enum record_fidelity fid, uint32_t from)
{
	const struct watched told = {.what = what, .channel = q->channel, .fidelity = fid, .sock = q->sock,
		.copy = what == WATCHED_MESSAGE ? &w->copy : NULL, .geometry = &w->geometry, .from = from};

	s->take(s->ctx, &told);
}

/* ---- who ---- */

static bool holds(const struct trap_gregs *r, uint64_t skb)
{
	for (unsigned i = 0; i < 16; i++)
		if (r->gpr[i] == skb)
			return true;
	return false;
}

static bool writes(const struct stop *s, uint32_t vcpu, uint64_t skb, struct writer *by)
{
	by->vcpu = vcpu;
	by->known = !s->trap->ops->gregs(s->trap, vcpu, &by->regs, NULL) && holds(&by->regs, skb);
	return by->known;
}

/* The vCPU that has just written @skb into a queue, most likely the one that the stop is of. */
static void find_writer(const struct stop *s, uint64_t skb, struct writer *by)
{
	by->known = false;
	if (!s->trap->ops->gregs || (s->vcpu < s->trap->vcpus && writes(s, s->vcpu, skb, by)))
		return;
	for (unsigned i = 0; i < s->trap->vcpus; i++)
		if (i != s->vcpu && writes(s, i, skb, by))
			return;
}

/* The sender by the message's credentials, if it lives. */
static void by_credentials(struct watch *w, struct app_copy *c)
{
	uint64_t pid, task = 0;

	if (w->audit || w->mem.read(w->mem.ctx, c->skb + w->geometry.cb_pid, &pid, sizeof(pid)) || !pid ||
		task_of_pid(&w->mem, &w->tasks, pid, &task))
		task = 0;
	c->flags &= ~(uint32_t)(APP_COPY_NOTASK | APP_COPY_NOEXE | APP_COPY_NOCGROUP | APP_COPY_NOPARENT |
		APP_COPY_NOCREDS);
	app_fetch_task(&w->mem, &w->geometry, task, c);
	c->flags |= APP_COPY_BY_CREDS;
}

/* ---- what ---- */

/* @by: NULL, or who adds it. */
static void message(struct watch *w, struct watch_queue *q, const struct stop *s, uint64_t skb,
	enum record_fidelity fid, uint32_t from, const struct writer *by)
{
	struct fetch_regs regs = {.rdi = q->list, .rsi = skb};
	const bool known = by && by->known;

	if (known) {
		regs.gs = by->regs.gs;
		regs.cr3 = by->regs.cr3;
	}
	if (fetch_unix.run(&w->mem, &regs, &w->geometry, &w->copy, sizeof(w->copy)) < 0) {
		tell(w, q, s, WATCHED_LOST, fid, 0);
		return;
	}
	if (!known)
		by_credentials(w, &w->copy);
	else if (w->copy.task && !task_on(w->g, &w->tasks, w->copy.task, regs.cr3))
		w->copy.flags |= APP_COPY_UNSURE;
	q->last_len = w->copy.len;
	if (from < w->copy.len || !from)
		tell(w, q, s, WATCHED_MESSAGE, fid, from);
}

/* A connection that waits to be accepted: its other end's queue is where the client's bytes go. */
static void connection(struct watch *w, const struct watch_queue *listener, const struct stop *s, uint64_t skb, bool live)
{
	const struct watch_queue l = *listener;
	struct unix_socket end;
	uint64_t sock;

	if (w->mem.read(w->mem.ctx, skb + w->geometry.skb_sk, &sock, sizeof(sock)) ||
		unix_socket_read(&w->mem, &w->socks, sock, &end) || end.dentry != l.dentry || end.mnt != l.mnt ||
		end.type != UNIX_STREAM)
		return;
	for (unsigned i = 0; i < w->n; i++)
		if (w->q[i].sock == sock) {
			/* A connection that is just made at an address known: that of one which has ended. */
			if (live && !w->q[i].fresh) {
				tell(w, &w->q[i], s, WATCHED_CLOSED, RECORD_LIVE, 0);
				w->q[i].fresh = true;
			}
			return;
		}
	watch_add(w, &(struct watch_queue){.list = sock + w->socks.queue, .sock = sock, .mnt = end.mnt,
		.dentry = end.dentry, .type = end.type, .channel = l.channel});
}

static void one(struct watch *w, unsigned i, const struct stop *s, uint64_t skb, enum record_fidelity fid,
	const struct writer *by)
{
	struct watch_queue *q = &w->q[i];

	q->last = skb;
	if (q->listener)
		connection(w, q, s, skb, fid == RECORD_LIVE);
	else
		message(w, q, s, skb, fid, 0, by);
}

/* Did somebody add to the message told last (splice on Linux before 6.5)? It must not have been freed yet. */
static void grown(struct watch *w, struct watch_queue *q, const struct stop *s)
{
	uint32_t len;

	if (q->channel != RECORD_STREAM || q->listener || !q->last ||
		w->mem.read(w->mem.ctx, q->last + w->geometry.skb_len, &len, sizeof(len)) || len <= q->last_len)
		return;
	message(w, q, s, q->last, RECORD_LATE, q->last_len, NULL);
}

/* All that waits: what was told last is where it begins, if it is still there. */
static void backlog(struct watch *w, unsigned i, const struct stop *s, enum record_fidelity fid)
{
	uint64_t skb[QUEUE_BACKLOG_MAX];
	unsigned n, from = 0;

	queue_backlog(&w->mem, w->q[i].list, skb, QUEUE_BACKLOG_MAX, &n);
	for (unsigned k = 0; w->q[i].last && k < n; k++)
		if (skb[k] == w->q[i].last)
			from = k + 1;
	for (unsigned k = from; k < n; k++)
		one(w, i, s, skb[k], fid, NULL);
	if (!n)
		w->q[i].last = 0;
}

void watch_drop(struct watch *w, unsigned i, watch_take take, void *ctx)
{
	const struct stop s = {.take = take, .ctx = ctx};

	if (w->q[i].channel == RECORD_STREAM && !w->q[i].listener)
		tell(w, &w->q[i], &s, WATCHED_CLOSED, RECORD_LIVE, 0);
	w->q[i] = w->q[--w->n];
}

/* ---- when ---- */

/* A message is being added to queue @i. */
static void adding(struct watch *w, unsigned i, const struct stop *s, const struct queue_look *now, bool named)
{
	struct watch_queue *q = &w->q[i];
	const bool told = q->mark != WATCH_UNMARKED && q->adding == now->tail;
	struct writer by;

	/* Without registers nobody knows by whom: its own stop is about to come. */
	if (!s->trap || (told && !named))
		return;
	find_writer(s, now->tail, &by);
	named = named && by.known && by.vcpu == s->vcpu;
	if (told && !(named && q->mark == WATCH_NAMED)) {
		q->mark = named ? WATCH_NAMED : q->mark;
		return;
	}
	if (now->before && now->before == q->last)
		grown(w, q, s);
	one(w, i, s, now->tail, RECORD_LIVE, &by);
	q = &w->q[i];
	q->adding = now->tail;
	q->mark = named ? WATCH_NAMED : WATCH_BYSTANDER;
}

/* Queue @i, the VM being held; @named: the stop is for a write to it. */
static void look(struct watch *w, unsigned i, const struct stop *s, bool named)
{
	struct watch_queue *q = &w->q[i];
	const struct queue_look now = queue_look(&w->mem, q->list);

	if (q->fresh) {
		q->fresh = false;
		q->last = 0;
		q->mark = WATCH_UNMARKED;
		backlog(w, i, s, w->settled ? RECORD_LATE : RECORD_BACKFILL);
		q = &w->q[i];
	}
	switch (now.state) {
	case QUEUE_ADDING:
		adding(w, i, s, &now, named);
		return;
	case QUEUE_TAKING:
		if (q->last != now.tail)
			grown(w, q, s);
		q->last = now.tail;
		break;
	case QUEUE_STILL:
		if (now.tail != q->last)
			backlog(w, i, s, RECORD_LATE);
		break;
	case QUEUE_EMPTY:
	case QUEUE_BROKEN:
		q->last = 0;
		break;
	}
	w->q[i].mark = WATCH_UNMARKED;
}

void watch_held(struct watch *w, unsigned i, watch_take take, void *ctx)
{
	const struct stop s = {w->trap, UINT32_MAX, take, ctx};

	look(w, i, &s, false);
}

void watch_being_added(struct watch *w, unsigned i, watch_take take, void *ctx)
{
	const struct stop s = {.take = take, .ctx = ctx};
	const struct queue_look now = queue_look(&w->mem, w->q[i].list);

	if (now.state != QUEUE_ADDING || now.tail == w->q[i].last)
		return;
	one(w, i, &s, now.tail, RECORD_BACKFILL, NULL);
	w->q[i].adding = now.tail;
	w->q[i].mark = WATCH_NAMED;
}

void watch_waiting(struct watch *w, struct watch_queue *q, watch_take take, void *ctx)
{
	const struct stop s = {.take = take, .ctx = ctx};

	q->fresh = false;
	backlog(w, (unsigned)(q - w->q), &s, w->settled ? RECORD_LATE : RECORD_BACKFILL);
}

void watch_stopped(struct watch *w, const struct trap_event *ev, const struct moment *m, watch_take take, void *ctx)
{
	const struct stop s = {ev->trap, ev->vcpu, take, ctx};
	/* One vCPU writes one word at a time. */
	const bool all = !ev->gva || !ev->trap || ev->trap->vcpus != 1;

	(void)m;
	w->trap = ev->trap;
	if (all || ev->gva == w->socks.bound)
		watch_rescan_bound(w);
	for (unsigned i = 0; i < w->n;) {
		const bool named = ev->gva == w->q[i].list + QUEUE_PREV;

		if (!all && !named && !w->q[i].fresh) {
			i++;
		} else if (!watch_is_there(w, &w->q[i])) {
			watch_drop(w, i, take, ctx);
		} else {
			look(w, i, &s, named);
			i++;
		}
	}
}
