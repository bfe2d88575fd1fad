/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/arm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "trap/xen/mem.h"
#include "util/clock.h"

/*
 * When to rest, and how long: after so many events in a window of time. The next rest is twice as long if it begins within
 * the calm after the last. A burst of ours costs some 1 % of a processor by then; of others' there are 26 while
 * Linux boots, and none later.
 */
static const struct {
	unsigned most;
	int64_t window_ms, shortest_ms, longest_ms, calm_ms;
} limit[XEN_RESTS] = {
	[XEN_REST_BURST] = {32, 100, 100, 1000, 1000},
	[XEN_REST_FOREIGN] = {100, 10000, 1000, 60000, 20000},
};

#define LOCK_MS 2000 /* for the guardians of a worker that has just died to end */
#define LOCK_STEP_MS 5

static bool rests(const struct xen_arm *a)
{
	return a->catching.c->turns & 1;
}

static void turn(struct xen_arm *a)
{
	__atomic_add_fetch(&a->catching.c->turns, 1, __ATOMIC_RELEASE);
}

/* ---- answers ---- */

static void answer(struct xen_arm *a, struct xen_event *ev, uint32_t flags)
{
	ev->flags = (ev->flags & XEN_EVENT_PAUSED) | flags;
	xen_ring_answer(&a->ring, ev);
}

/* Go on behind the site. */
static void step_over(struct xen_arm *a, struct xen_event *ev)
{
	ev->regs.rip += XEN_SITE_LEN;
	answer(a, ev, XEN_EVENT_SET_REGS);
}

static void missed(struct xen_arm *a)
{
	__atomic_add_fetch(&a->catching.c->missed, 1, __ATOMIC_RELEASE);
}

/* The vCPU goes on, copied or not. */
static void let_go(struct xen_arm *a, unsigned vcpu)
{
	struct xen_caught *w = &a->catching.c->vcpu[vcpu];

	if (!a->until_ms[vcpu])
		return;
	if (__atomic_exchange_n(&w->state, XEN_CAUGHT_NONE, __ATOMIC_ACQ_REL) != XEN_CAUGHT_TAKEN)
		missed(a);
	a->until_ms[vcpu] = 0;
	step_over(a, &a->waiting[vcpu]);
}

static void let_all_go(struct xen_arm *a)
{
	for (unsigned v = 0; v < XEN_RING_SLOTS; v++)
		let_go(a, v);
}

void xen_arm_copied(struct xen_arm *a)
{
	bool any = false;

	xen_catch_heard(a->catching.done);
	a->behind = false;
	for (unsigned v = 0; v < XEN_RING_SLOTS; v++) {
		if (!a->until_ms[v] ||
			__atomic_load_n(&a->catching.c->vcpu[v].state, __ATOMIC_ACQUIRE) != XEN_CAUGHT_TAKEN)
			continue;
		let_go(a, v);
		any = true;
	}
	if (any)
		xen_ring_notify(&a->ring);
}

/* ---- resting ---- */

static void rest(struct xen_arm *a, enum xen_rest why)
{
	struct xen_often *o = &a->often[why];
	const int64_t now = clock_mono_ms();

	o->rest_ms = !o->rest_ms || now - a->woke_ms > limit[why].calm_ms ? limit[why].shortest_ms : o->rest_ms * 2;
	if (o->rest_ms > limit[why].longest_ms)
		o->rest_ms = limit[why].longest_ms;
	a->catching.c->why = why;
	turn(a);
	a->lib->monitor_descriptor_access(a->xch, a->dom->id, false);
	let_all_go(a);
	a->wake_ms = now + o->rest_ms;
	xen_catch_ring(a->catching.rung);
}

static void wake(struct xen_arm *a)
{
	a->woke_ms = clock_mono_ms();
	for (unsigned i = 0; i < XEN_RESTS; i++)
		a->often[i].n = 0;
	a->lib->monitor_descriptor_access(a->xch, a->dom->id, true);
	turn(a);
	xen_catch_ring(a->catching.rung);
}

/* Another event: rest, if there were too many. True: it does. */
static bool too_many(struct xen_arm *a, enum xen_rest kind)
{
	struct xen_often *o = &a->often[kind];
	const int64_t now = clock_mono_ms();

	if (now - o->since_ms >= limit[kind].window_ms) {
		o->since_ms = now;
		o->n = 0;
	}
	if (rests(a) || ++o->n < limit[kind].most)
		return false;
	rest(a, kind);
	return true;
}

/* ---- events ---- */

/*
 * Which site @ev is of, XEN_SITES_MAX: of none of ours. The kernel's own code at its address, and nobody else's; and
 * registers that stand where we know of, for they are given back changed.
 */
static unsigned site_of(const struct xen_arm *a, const struct xen_event *ev)
{
	unsigned i = 0;

	if (ev->version != XEN_EVENT_VERSION || ev->reason != XEN_EVENT_DESCRIPTOR ||
		ev->descriptor != XEN_EVENT_LDTR || ev->is_write || ev->flags & XEN_EVENT_NESTED || ev->regs.cs & 3)
		return XEN_SITES_MAX;
	while (i < XEN_SITES_MAX && !(a->claim.c->site[i].used && a->rip[i] == ev->regs.rip))
		i++;
	return i;
}

/* Have the worker copy what the vCPU is about to log. False: it is not to wait. */
static bool show(struct xen_arm *a, const struct xen_event *ev, unsigned site)
{
	const int64_t now = clock_mono_ns();
	struct xen_caught *w;

	if (a->behind || rests(a) || ev->vcpu >= XEN_RING_SLOTS || a->until_ms[ev->vcpu])
		return false;
	w = &a->catching.c->vcpu[ev->vcpu];
	w->site = site;
	w->time_ns = now;
	w->regs = ev->regs;
	a->waiting[ev->vcpu] = *ev;
	a->until_ms[ev->vcpu] = now / 1000000 + XEN_CATCH_MS; /* of @now: what stands in @w the worker can write */
	__atomic_store_n(&w->state, XEN_CAUGHT_HERE, __ATOMIC_RELEASE);
	return true;
}

void xen_arm_events(struct xen_arm *a)
{
	bool answered = false, shown = false;
	struct xen_event ev;

	xen_ring_heard(&a->ring);
	while (xen_ring_next(&a->ring, &ev)) {
		const unsigned site = site_of(a, &ev);

		if (site == XEN_SITES_MAX) {
			answer(a, &ev, XEN_EVENT_EMULATE);
			answered = true;
			too_many(a, XEN_REST_FOREIGN);
			continue;
		}
		if (show(a, &ev, site)) {
			shown = true;
		} else {
			missed(a);
			step_over(a, &ev);
			answered = true;
		}
		answered |= too_many(a, XEN_REST_BURST);
	}
	if (shown)
		xen_catch_ring(a->catching.rung);
	if (answered)
		xen_ring_notify(&a->ring);
}

int64_t xen_arm_due(const struct xen_arm *a)
{
	int64_t due = INT64_MAX;

	if (!a->ring.page)
		return due;
	if (rests(a))
		due = a->wake_ms;
	for (unsigned v = 0; v < XEN_RING_SLOTS; v++)
		if (a->until_ms[v] && a->until_ms[v] < due)
			due = a->until_ms[v];
	return due;
}

void xen_arm_tick(struct xen_arm *a)
{
	const int64_t now = clock_mono_ms();
	bool any = false;

	for (unsigned v = 0; v < XEN_RING_SLOTS; v++) {
		if (!a->until_ms[v] || now < a->until_ms[v])
			continue;
		let_go(a, v);
		a->behind = any = true;
	}
	if (any)
		xen_ring_notify(&a->ring);
	if (a->ring.page && rests(a) && now >= a->wake_ms)
		wake(a);
}

/* ---- planting ---- */

/* Noted before: who dies in between is believed to have paused it, and one too many an unpause does nothing. */
int xen_arm_pause(struct xen_arm *a)
{
	if (a->claim.locked)
		a->claim.c->held++;
	if (!a->lib->pause(a->xch, a->dom->id))
		return 0;
	if (a->claim.locked)
		a->claim.c->held--;
	return -errno;
}

int xen_arm_unpause(struct xen_arm *a)
{
	int r = a->lib->unpause(a->xch, a->dom->id) ? -errno : 0;

	if (a->claim.locked && a->claim.c->held)
		a->claim.c->held--;
	return r;
}

int xen_arm_begin(struct xen_arm *a)
{
	int r = a->claim.locked ? 0 : xen_claim_lock(&a->claim);

	if (!r)
		r = xen_claim_heal(&a->claim, a->lib, a->xch);
	if (!r)
		xen_claim_begin(&a->claim, a->dom);
	return r;
}

static int arm(struct xen_arm *a)
{
	const int64_t until = clock_mono_ms() + LOCK_MS;
	/* Armed still: an end that failed. */
	int r = a->claim.locked && !a->claim.c->armed ? 0 : xen_arm_begin(a);

	for (; r == -EALREADY && clock_mono_ms() < until; r = xen_arm_begin(a))
		clock_sleep_ms(LOCK_STEP_MS);
	if (r)
		return r;
	if (a->dom->vcpus > XEN_RING_SLOTS)
		return -ENOTSUP;
	r = xen_ring_open(&a->ring, a->lib, a->xch, a->dom->id);
	if (r)
		return r == -EBUSY ? -EADDRINUSE : r;
	a->claim.c->remote = a->ring.remote;
	a->claim.c->armed = true;
	if (!a->lib->monitor_descriptor_access(a->xch, a->dom->id, true))
		return 0;
	r = -errno;
	xen_arm_end(a);
	return r;
}

/* Between pause and unpause of the domain. */
static int write_site(struct xen_arm *a, struct xen_claim_site *s, int fd)
{
	uint8_t now[XEN_SITE_LEN];
	int r = xen_mem_peek(fd, a->dom->id, s->gpa, now, XEN_SITE_LEN);

	if (!r)
		r = xen_code(now, &s->code);
	if (r) {
		s->used = false;
		return r;
	}
	s->used = true; /* from here on it is restored, whoever dies */
	return xen_mem_poke(fd, a->dom->id, s->gpa, s->code.planted, XEN_SITE_LEN);
}

int xen_arm_plant(struct xen_arm *a, const struct xen_want *w)
{
	struct xen_claim_site *s;
	int r, fd;

	if (w->site >= XEN_SITES_MAX)
		return -EINVAL;
	fd = xen_mem_open(a->dom->id, NULL);
	if (fd < 0)
		return fd;
	r = a->ring.page ? 0 : arm(a);
	if (!r)
		r = xen_arm_pause(a);
	if (!r) {
		s = &a->claim.c->site[w->site];
		memcpy(s->gpa, w->gpa, sizeof(s->gpa));
		a->rip[w->site] = w->rip;
		r = write_site(a, s, fd);
		xen_arm_unpause(a);
	}
	close(fd);
	if (r && a->ring.page && !xen_claim_sites(&a->claim))
		xen_arm_end(a);
	return r;
}

/* Every request there is, so that no vCPU waits: a site's bytes are its own again, or are executed as they stand. */
static void drain(struct xen_arm *a)
{
	struct xen_event ev;

	let_all_go(a);
	while (xen_ring_next(&a->ring, &ev)) {
		missed(a);
		answer(a, &ev, 0);
	}
	a->lib->monitor_resume(a->xch, a->dom->id);
}

int xen_arm_unplant(struct xen_arm *a, uint32_t site)
{
	int fd, r;

	if (site >= XEN_SITES_MAX || !a->ring.page || !a->claim.c->site[site].used)
		return 0;
	fd = xen_mem_open(a->dom->id, NULL);
	r = fd < 0 ? fd : xen_arm_pause(a);
	if (!r) {
		r = xen_claim_restore(&a->claim, &a->claim.c->site[site], fd);
		xen_arm_unpause(a);
	}
	if (fd >= 0)
		close(fd);
	if (!xen_claim_sites(&a->claim))
		xen_arm_end(a);
	return r;
}

void xen_arm_end(struct xen_arm *a)
{
	if (!a->ring.page)
		return;
	if (!xen_arm_pause(a)) {
		xen_claim_restore_all(&a->claim);
		a->lib->monitor_descriptor_access(a->xch, a->dom->id, false);
		drain(a);
		a->claim.c->armed = a->lib->monitor_disable(a->xch, a->dom->id) && errno != ESRCH;
		xen_arm_unpause(a);
	}
	xen_ring_drop(&a->ring);
	memset(a->until_ms, 0, sizeof(a->until_ms));
	if (rests(a))
		turn(a);
}
