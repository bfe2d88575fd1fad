/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - copies of what vCPUs are about to log, made while they stand still (catch.h). */
#include <stdio.h>
#include <string.h>

#include "guest/arch/x86.h"
#include "trap/vmm/virt.h"
#include "trap/xen/xen.h"
#include "util/clock.h"

/* Copy what vCPU @v, caught as @w says, is about to log; how many bytes, or negative. */
static int copy(struct xen_vm *x, const struct xen_caught *w, struct xen_copy *to)
{
	const struct xen_event_regs *r = &w->regs;
	const struct gcpu cpu = {.cr0 = r->cr0, .cr3 = r->cr3, .cr4 = r->cr4, .efer = r->efer, .rip = r->rip};
	const struct fetch_regs regs = {r->rdi, r->rsi, r->rdx, r->rcx, r->r8, r->r9, .gs = r->gs_base, .cr3 = r->cr3};
	const struct gmem pages = {.read = xen_mem_read_pages, .ctx = &x->mem};
	const struct ptable t = ptable_of(&pages, &cpu, 0);
	const struct fetch_mem mem = virt_of(&t);
	const struct xen_site *s = w->site < XEN_SITES_MAX ? &x->site[w->site] : NULL;

	if (!s || !s->used)
		return -1;
	to->owner = s->owner;
	to->tag = s->tag;
	to->time_ns = w->time_ns;
	return s->fetch->run(&mem, &regs, s->arg, to->data, sizeof(to->data));
}

static bool here(const struct xen_caught *w)
{
	return __atomic_load_n(&w->state, __ATOMIC_ACQUIRE) == XEN_CAUGHT_HERE;
}

/* A copy counts if the vCPU stood still until it was made. */
static bool taken(struct xen_caught *w)
{
	uint32_t was = XEN_CAUGHT_HERE;

	return __atomic_compare_exchange_n(&w->state, &was, XEN_CAUGHT_TAKEN, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void xen_take(struct xen_vm *x)
{
	struct xen_catch *c = x->guardian.catching.c;
	bool any = false;

	for (unsigned v = 0; v < XEN_RING_SLOTS && x->copied - x->told < XEN_COPIES; v++) {
		struct xen_copy *to = &x->copy[x->copied & (XEN_COPIES - 1)];
		int n;

		if (!here(&c->vcpu[v]))
			continue;
		n = copy(x, &c->vcpu[v], to);
		if (!taken(&c->vcpu[v]))
			continue;
		any = true;
		to->vcpu = v;
		to->len = n < 0 ? 0 : (size_t)n;
		x->copied += n >= 0;
		x->failed += n < 0;
	}
	if (any)
		xen_catch_ring(x->guardian.catching.done);
}

static bool tell_copy(struct xen_vm *x, struct trap_event *ev)
{
	const struct xen_copy *c = &x->copy[x->told & (XEN_COPIES - 1)];

	if (x->told == x->copied)
		return false;
	x->told++; /* its place is not used again before the next xen_take() */
	ev->type = TRAP_COPY;
	ev->owner = c->owner;
	ev->tag = c->tag;
	ev->vcpu = c->vcpu;
	ev->time_us = clock_offset_us(CLOCK_MONOTONIC) + c->time_ns / 1000;
	ev->data = c->data;
	ev->len = c->len;
	return true;
}

static bool tell_lost(struct xen_vm *x, struct trap_event *ev)
{
	const uint32_t missed = __atomic_load_n(&x->guardian.catching.c->missed, __ATOMIC_ACQUIRE);

	if (missed == x->missed && !x->failed)
		return false;
	ev->type = TRAP_LOST;
	ev->lost = missed - x->missed;
	ev->failed = x->failed;
	x->missed = missed;
	x->failed = 0;
	return true;
}

/* One turn at a time; those of rests that began and ended meanwhile are one. */
static bool tell_rest(struct xen_vm *x, struct trap_event *ev)
{
	const struct xen_catch *c = x->guardian.catching.c;
	const uint32_t behind = __atomic_load_n(&c->turns, __ATOMIC_ACQUIRE) - x->turns;

	if (!behind)
		return false;
	x->turns += ((behind - 1) & ~1u) + 1;
	ev->type = x->turns & 1 ? TRAP_RESTS : TRAP_AWAKE;
	if (x->turns & 1 && c->why == XEN_REST_FOREIGN)
		snprintf(ev->text, sizeof(ev->text), "programs in the guest execute SLDT, STR, SGDT or SIDT at such a rate "
			"that trapping would slow it down; the log is polled for a while");
	return true;
}

bool xen_tell(struct xen_vm *x, struct trap_event *ev)
{
	return tell_copy(x, ev) || tell_rest(x, ev) || tell_lost(x, ev);
}
