/* SPDX-License-Identifier: BSD-3-Clause */
/* kvm.c - the kvm backend's operations. */
#include "trap/kvm/kvm.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trap/kvm/bpf/hook.skel.h"
#include "trap/kvm/room.h"
#include "trap/vmm/virt.h"
#include "util/clock.h"

#define GUARD_MS 100
/* How long wait() sleeps between looks at the rings: short after a copy, then ever longer. */
#define STEP_MIN_US 1000
#define STEP_MAX_US 100000

static struct kvm_vm *of(struct trap *t)
{
	return (struct kvm_vm *)t;
}

static int attach(struct trap **out, const char *target, struct err *e)
{
	struct kvm_vm *k = calloc(1, sizeof(*k));
	int r;

	*out = NULL;
	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	k->t.ops = &trap_kvm;
	k->wr = -1;
	kvm_guardian_init(&k->guardian);
	hook_init(&k->hook);
	k->step_us = STEP_MIN_US;
	ram_init(&k->ram);
	k->again = malloc(HOOK_OUT_MAX);
	r = k->again ? kvm_open(k, target, e) : err_set(e, ENOMEM, "out of memory");
	if (r) {
		kvm_release(k);
		free(k->again);
		free(k);
		return r;
	}
	*out = &k->t;
	return 0;
}

static int cpu(struct trap *t, unsigned vcpu, struct gcpu *out, struct err *e)
{
	return kvm_cpu(of(t), vcpu, out, e);
}

static int runs(struct trap *t, uint64_t *n, struct err *e)
{
	return kvm_exits(of(t), n, e);
}

static int plant(struct trap *t, const struct trap_site *site, struct err *e)
{
	return kvm_plant(of(t), site, e);
}

static int unplant(struct trap *t, uint32_t owner, uint32_t tag, struct err *e)
{
	return kvm_unplant(of(t), owner, tag, e);
}

static void how(struct trap *t, uint32_t owner, uint32_t tag, char *buf, size_t n)
{
	kvm_how(of(t), owner, tag, buf, n);
}

static bool lent(struct trap *t, uint64_t gva)
{
	(void)t;
	return room_may_have(gva);
}

static void prepare(struct trap *t, const struct trap_site *site)
{
	kvm_prepare(of(t), site, NULL);
}

static int hold(struct trap *t, struct err *e)
{
	struct kvm_vm *k = of(t);
	int r = kvm_holds(k) ? 0 : kvm_guardian_stop(&k->guardian, e);

	k->held = k->held || !r;
	return r;
}

static bool copies_hold(const struct kvm_vm *k)
{
	return hook_holds(&k->hook) != k->holds_taken;
}

static int resume(struct trap *t, struct err *e)
{
	struct kvm_vm *k = of(t);

	if (!kvm_holds(k))
		return 0;
	if (k->held)
		k->held = false;
	else if (!copies_hold(k))
		k->copy_stop = false;
	return kvm_holds(k) ? 0 : kvm_guardian_cont(&k->guardian, e);
}

static void limit_hold(struct trap *t, unsigned ms)
{
	struct hook_bpf__bss *b = of(t)->hook.skel->bss;

	b->max_hold_ms = ms;
	b->may_hold = ms != 0;
}

/*
 * Copies wait for which the program has stopped the VM: now all of its threads are to stand, so that none of
 * them is let go with another's hold, and for as long as the copies need.
 */
static void stop_for_copies(struct kvm_vm *k)
{
	struct hook_bpf__bss *b = k->hook.skel->bss;

	if (!copies_hold(k) || k->copy_stop)
		return;
	k->copy_stop = kvm_holds(k) || !kvm_guardian_stop(&k->guardian, NULL);
	/* Should the hold have taken too long for the guardian: here is who empties the rings. */
	b->may_hold = b->max_hold_ms != 0;
}

/* The copy @c is of registers only: run the fetcher again, through the vCPU's page table and memory that is fetched. */
static bool run_again(struct kvm_vm *k, const struct hook_copy *c, unsigned vcpu, struct trap_event *ev)
{
	const struct fetch_regs *regs = (const void *)(c + 1);
	const struct kvm_site *s = kvm_site_of(k, ev->owner, ev->tag);
	struct fetch_mem mem;
	struct ptable t;
	struct gcpu cpu;
	int n;

	if (!s || s->fetch->out_max > HOOK_OUT_MAX || kvm_cpu(k, vcpu, &cpu, NULL))
		return false;
	t = ptable_of(&k->t.mem, &cpu, 0);
	mem = virt_of(&t);
	n = s->fetch->run(&mem, regs, s->arg_bytes, k->again, HOOK_OUT_MAX);
	ev->data = k->again;
	ev->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool take_copy(struct kvm_vm *k, struct trap_event *ev)
{
	unsigned vcpu;
	const struct hook_copy *c = hook_next(&k->hook, &vcpu);

	if (!c)
		return false;
	if (c->flags & HOOK_HELD) {
		stop_for_copies(k); /* it may have come since that was looked at */
		k->holds_taken++;
		ev->held = kvm_holds(k);
	}
	ev->type = TRAP_COPY;
	ev->owner = (uint32_t)(c->who >> 32);
	ev->tag = (uint32_t)c->who;
	ev->vcpu = vcpu;
	ev->time_us = hook_time_us(&k->hook, c);
	ev->data = c + 1;
	ev->len = c->len;
	if (c->flags & HOOK_REGS && !run_again(k, c, vcpu, ev)) {
		resume(&k->t, NULL);
		ev->type = TRAP_LOST;
		ev->held = false;
		ev->failed = 1;
	}
	return true;
}

static bool take_lost(struct kvm_vm *k, struct trap_event *ev)
{
	uint64_t full, fail;

	if (!hook_lost(&k->hook, &full, &fail))
		return false;
	ev->type = TRAP_LOST;
	ev->lost = full;
	ev->failed = fail;
	return true;
}

/*
 * If a hold is in force, end it, and allow the next: once every ring is half empty, since a guest that is held
 * until all is taken stands still for longer, and one that may not be held any more (it was for too long) loses
 * until then.
 */
static void let_go(struct kvm_vm *k)
{
	struct hook_bpf__bss *b = k->hook.skel->bss;

	if ((!b->held_ns && b->may_hold) || !hook_low(&k->hook))
		return;
	/* No vCPU is to hold for a copy between the look for such and the end of the hold, which would end that too. */
	if (b->held_ns && !kvm_holds(k)) {
		if (kvm_guardian_stop(&k->guardian, NULL))
			return;
		k->copy_stop = true;
	}
	if (copies_hold(k))
		return;
	b->may_hold = b->max_hold_ms != 0;
	if (b->held_ns)
		kvm_guardian_let_go(&k->guardian, NULL);
	resume(&k->t, NULL);
}

/* What there is to report at @now (monotonic, ms). */
static bool look(struct kvm_vm *k, int64_t now, struct trap_event *ev)
{
	/* Before the copies: a flood of them must not keep the guard away. */
	if (now >= k->next_guard_ms) {
		kvm_finish_retired(k);
		if (kvm_guard(k, ev))
			return true; /* and the other sites at once */
		k->next_guard_ms = now + GUARD_MS;
	}
	stop_for_copies(k);
	let_go(k);
	return take_copy(k, ev) || take_lost(k, ev);
}

static int wait(struct trap *t, int timeout_ms, struct trap_event *ev, struct err *e)
{
	struct kvm_vm *k = of(t);
	int64_t now = clock_mono_ms(), until = now + timeout_ms;

	memset(ev, 0, sizeof(*ev));
	ev->type = TRAP_IDLE;
	ev->vcpu = UINT32_MAX;
	for (;; now = clock_mono_ms()) {
		struct pollfd p[] = {{.fd = k->ram.pidfd, .events = POLLIN}, {.fd = k->guardian.ctl},
			{.fd = hook_call_fd(&k->hook), .events = POLLIN}};
		struct timespec step;
		int64_t left;
		int r;

		ev->emptied = false;
		if (look(k, now, ev)) {
			k->step_us = STEP_MIN_US;
			return 0;
		}
		ev->emptied = true;
		left = until - now;
		if (left <= 0)
			return 0;
		/* A step cut short is no reason for the next to be short: an idle VM is to wake once for each wait. */
		step = (struct timespec){.tv_nsec = (k->step_us < left * 1000 ? k->step_us : left * 1000) * 1000L};
		r = ppoll(p, 3, &step, NULL);
		if (r < 0)
			return 0; /* a signal */
		if (p[2].revents && !p[0].revents && !p[1].revents) {
			hook_heard(&k->hook);
			continue;
		}
		if (p[1].revents && !p[0].revents)
			return err_set(e, EPIPE, "the guardian process ended; attach again");
		if (r > 0) {
			if (!hook_empty(&k->hook))
				continue;
			ev->type = TRAP_GONE;
			return 0;
		}
		k->step_us = k->step_us * 2 < STEP_MAX_US ? k->step_us * 2 : STEP_MAX_US;
	}
}

static unsigned detach(struct trap *t)
{
	struct kvm_vm *k = of(t);
	unsigned left;

	if (kvm_holds(k)) {
		k->copy_stop = false; /* what waits will not be taken any more */
		k->held = true;
		resume(t, NULL);
	}
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		kvm_unplant(k, k->site[i].owner, k->site[i].tag, NULL);
	for (int i = 0; i < 20 && kvm_any_retired(k) && !ram_vmm_gone(&k->ram); i++) {
		poll(NULL, 0, 20);
		kvm_finish_retired(k);
	}
	left = kvm_left(k);
	kvm_release(k);
	free(k->again);
	free(k);
	return left;
}

const struct trap_ops trap_kvm = {
	.name = "kvm",
	.caps = TRAP_CODE,
	.attach = attach,
	.cpu = cpu,
	.prepare = prepare,
	.plant = plant,
	.how = how,
	.lent = lent,
	.unplant = unplant,
	.wait = wait,
	.hold = hold,
	.resume = resume,
	.runs = runs,
	.limit_hold = limit_hold,
	.detach = detach,
};
