/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plant.c - put traps into the running guest's kernel, and take them back.
 *
 * Whenever guest text is written every thread of the VMM is stopped, so no vCPU executes it; on its
 * next entry the CPU serialises. A site is taken back in two phases, since a vCPU (or a task it
 * preempted) may be between the two instructions: see site.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/arch/x86.h"
#include "trap/kvm/kvm.h"
#include "trap/kvm/place.h"
#include "trap/vmm/entry.h"

#include "util/clock.h"

/*
 * How long the guest runs between the phases. prb_commit() and prb_final_commit() are entered with
 * interrupts off (prb_reserve() to prb_commit()), so no task is preempted there; what remains is a vCPU
 * interrupted by an NMI or by the host.
 */
#define GRACE_MS 50

/* Stop the VM unless hold() did; the result is for leave(). */
static int enter(struct kvm_vm *k, struct err *e)
{
	k->stop_ns = (uint64_t)clock_mono_ns();
	return kvm_holds(k) ? 0 : kvm_guardian_stop(&k->guardian, e);
}

/* The time counted is longer than the stop by the guardian's way here and back. */
static void leave(struct kvm_vm *k)
{
	if (kvm_holds(k))
		return;
	kvm_guardian_cont(&k->guardian, NULL);
	k->t.stopped_ns += (uint64_t)clock_mono_ns() - k->stop_ns;
}

/* ---- addresses ---- */

int kvm_table(struct kvm_vm *k, uint64_t gva, struct ptable *t, struct err *e)
{
	struct mapping m;
	struct gcpu c;
	int r = -EFAULT;

	for (unsigned i = 0; i < k->t.vcpus; i++) {
		r = kvm_cpu(k, i, &c, e);
		if (r == -ENOENT)
			continue;
		if (r)
			return r;
		if (!cpu_long_mode(&c))
			continue;
		for (unsigned half = 0; half < PTABLES; half++) {
			*t = ptable_of(&k->t.mem, &c, half);
			if (!ptable_walk(t, gva, &m))
				return 0;
		}
	}
	return err_set(e, EFAULT, "no vCPU's page table maps 0x%" PRIx64, gva);
}

/* ---- writing ---- */

/* Change @s from @from to @to, in steps of which each is harmless (site.h). */
static int write_site(struct kvm_vm *k, const struct kvm_site *s, const uint8_t *from, const uint8_t *to)
{
	struct site_step step[SITE_STEPS_MAX];
	unsigned n = site_steps(&s->code, from, to, step);

	/* A page boundary may lie inside the site, and then another slot. */
	for (unsigned i = 0; i < n; i++) {
		uint64_t left, hva = ram_hva(&k->ram, s->gpa + step[i].at, &left);

		if (!hva)
			return -EFAULT;
		if (left < step[i].len)
			return -EFAULT;
		if (pwrite(k->wr, step[i].byte, step[i].len, (off_t)hva) != (ssize_t)step[i].len)
			return errno ? -errno : -EIO;
	}
	return 0;
}

static bool site_is(const struct kvm_vm *k, const struct kvm_site *s, const uint8_t *bytes)
{
	uint8_t now[SITE_LEN];

	return !gmem_read(&k->t.mem, s->gpa, now, SITE_LEN) && !memcmp(now, bytes, SITE_LEN);
}

/* The program's table of sites. The VM is stopped. */
static bool publish(struct kvm_vm *k)
{
	struct hook_site list[HOOK_SITES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		const struct kvm_site *s = &k->site[i];

		if (s->use == KVM_SITE_ACTIVE || s->use == KVM_SITE_LOST) /* which may get its trap back */
			list[n++] = (struct hook_site){.rip = s->rip, .who = hook_who(s->owner, s->tag),
				.fetch = s->fetch->id, .arg = s->arg};
	}
	return hook_publish(&k->hook, list, n);
}

/* ---- planting ---- */

/* A gadget, of which nothing in the guest knows yet, so that the VM may run. */
static int write_gadget(struct kvm_vm *k, struct kvm_site *s, struct err *e)
{
	uint64_t left, hva = ram_hva(&k->ram, s->gadget_gpa, &left);

	if (!s->gadget.len || s->gadget_there)
		return 0;
	errno = EFAULT;
	/* The head last: what has none is no gadget. */
	if (!hva || left < s->gadget.len ||
		pwrite(k->wr, s->gadget.bytes + GADGET_HEAD, s->gadget.len - GADGET_HEAD,
			(off_t)(hva + GADGET_HEAD)) < 0 ||
		pwrite(k->wr, s->gadget.bytes, GADGET_HEAD, (off_t)hva) < 0)
		return err_set(e, errno, "cannot write the guest's memory: %s", strerror(errno));
	s->gadget_there = true;
	return 0;
}

/* All of the @nth place of @site that can be done while the VM runs: the kernel's text stays where it is. */
static int prepare(struct kvm_vm *k, const struct trap_site *site, unsigned nth, struct kvm_site *s, struct err *e)
{
	struct ptable t;
	int r = kvm_table(k, site->gva, &t, e);

	if (!r)
		r = kvm_place(site, nth, &t, s, s->now, e);
	if (!r)
		r = kvm_fetch_arg(k, &t, site, s->arg_given, e);
	if (!r)
		memcpy(s->arg_bytes, site->arg, site->arg_len); /* at most HOOK_ARG_MAX, as kvm_fetch_arg() found */
	return r ? r : write_gadget(k, s, e);
}

/* What is planted, where @now stands. From one jump to another by way of the NOP: whoever dies is understood then. */
static int write_planted(struct kvm_vm *k, struct kvm_site *s, const uint8_t *now)
{
	int r = 0;

	if (s->code.kind == SITE_JUMP && memcmp(now, s->code.original, SITE_LEN) != 0 &&
		memcmp(now, s->code.planted, SITE_LEN) != 0) {
		r = write_site(k, s, now, s->code.original);
		now = s->code.original;
	}
	return r ? r : write_site(k, s, now, s->code.planted);
}

/* All that is done while the VM stands still. The program knows of the site before the guest can meet it. */
static int plant_held(struct kvm_vm *k, struct kvm_site *s, struct err *e)
{
	int r;

	if (!site_is(k, s, s->now))
		return err_set(e, EBUSY, "the guest's code at 0x%" PRIx64 " changed meanwhile", s->gva);
	r = kvm_fetch_set(k, s, s->arg_given, e);
	if (r)
		return r;
	s->use = KVM_SITE_ACTIVE;
	if (!publish(k))
		return err_set(e, ENOSPC, "the site at 0x%" PRIx64 " finds no place beside the others", s->gva);
	r = write_planted(k, s, s->now);
	if (!r)
		return 0;
	s->use = KVM_SITE_UNUSED;
	publish(k);
	return err_set(e, -r, "cannot write the guest's memory: %s", strerror(-r));
}

static bool named(const struct kvm_site *s, uint32_t owner, uint32_t tag)
{
	return s->owner == owner && s->tag == tag &&
		(s->use == KVM_SITE_ACTIVE || s->use == KVM_SITE_LOST);
}

static bool gadget_is(const struct kvm_vm *k, const struct kvm_site *s)
{
	uint8_t now[GADGET_MAX];

	return !s->gadget.len || (!gmem_read(&k->t.mem, s->gadget_gpa, now, s->gadget.len) &&
		!memcmp(now, s->gadget.bytes, s->gadget.len));
}

/* Put the trap of @s back, if what stands there allows it. */
static int replant(struct kvm_vm *k, struct kvm_site *s, struct err *e)
{
	uint8_t now[SITE_LEN], led[SITE_LEN];
	struct ptable t;
	int r = 0;

	/* Before the VM is stopped: it takes longer. A gadget that was altered is left to who altered it. */
	memcpy(led, s->code.planted, SITE_LEN);
	if (!gadget_is(k, s)) {
		r = kvm_table(k, s->gva, &t, e);
		if (!r)
			r = kvm_place_again(&t, s, e);
	}
	if (!r)
		r = write_gadget(k, s, e);
	if (!r)
		r = enter(k, e);
	if (r)
		return r;
	s->asked_ms = 0;
	r = gmem_read(&k->t.mem, s->gpa, now, SITE_LEN);
	if (!r && memcmp(now, led, SITE_LEN) != 0 && site_state(&s->code, now) == SITE_TAKEN)
		r = -EBUSY;
	if (!r && !publish(k))
		r = -ENOSPC;
	if (!r)
		r = write_planted(k, s, now);
	s->use = r ? KVM_SITE_LOST : KVM_SITE_ACTIVE;
	leave(k);
	if (r == -EBUSY)
		return err_set(e, EBUSY, "the guest's code at 0x%" PRIx64 " is %02x %02x %02x %02x %02x: %s", s->gva,
			now[0], now[1], now[2], now[3], now[4], entry_guess(now));
	return r ? err_set(e, -r, "cannot write the guest's memory: %s", strerror(-r)) : 0;
}

static bool prepared_for(const struct kvm_site *s, const struct trap_site *site)
{
	return s->use == KVM_SITE_PREPARED && s->owner == site->owner && s->tag == site->tag && s->entry == site->gva;
}

/* Is anything prepared for @site? With @drop it is so no more. */
static bool prepared(struct kvm_vm *k, const struct trap_site *site, bool drop)
{
	bool any = false;

	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		if (!prepared_for(&k->site[i], site))
			continue;
		any = true;
		if (drop)
			k->site[i].use = KVM_SITE_UNUSED;
	}
	return any;
}

/* The VM is stopped. */
static int plant_prepared(struct kvm_vm *k, const struct trap_site *site, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < HOOK_SITES_MAX && !r; i++)
		if (prepared_for(&k->site[i], site))
			r = plant_held(k, &k->site[i], e);
	return r;
}

static struct kvm_site *unused(struct kvm_vm *k)
{
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		if (k->site[i].use == KVM_SITE_UNUSED)
			return &k->site[i];
	return NULL;
}

int kvm_prepare(struct kvm_vm *k, const struct trap_site *site, struct err *e)
{
	struct kvm_site *s;
	unsigned n = 0;
	int r;

	if (site->kind != SITE_CODE || !site->fetch)
		return err_set(e, ENOTSUP, "the kvm backend takes code sites only");
	prepared(k, site, true);
	do {
		s = unused(k);
		r = s ? prepare(k, site, n++, s, e) :
			err_set(e, ENOSPC, "at most %d sites can be planted", HOOK_SITES_MAX);
		if (s)
			s->use = r ? KVM_SITE_UNUSED : KVM_SITE_PREPARED;
	} while (!r && site->place != TRAP_ENTRY);
	if (r < 0)
		prepared(k, site, true);
	return r < 0 ? r : 0;
}

int kvm_plant(struct kvm_vm *k, const struct trap_site *site, struct err *e)
{
	unsigned n = 0;
	int r = 0;

	for (unsigned i = 0; i < HOOK_SITES_MAX && !r; i++)
		if (named(&k->site[i], site->owner, site->tag) && k->site[i].entry == site->gva) {
			r = replant(k, &k->site[i], e);
			n++;
		}
	if (n)
		return r;
	if (!prepared(k, site, false))
		r = kvm_prepare(k, site, e);
	if (!r)
		r = enter(k, e);
	if (!r) {
		r = plant_prepared(k, site, e);
		leave(k);
	}
	prepared(k, site, true);
	if (r)
		kvm_unplant(k, site->owner, site->tag, NULL);
	return r;
}

/* ---- taking back ---- */

/*
 * Once what is retired may be: a task that was preempted between the two instructions of a trap could come back
 * after any time. Where that can be, it stays retired, which is a NOP too, and the next worker knows it.
 */
static bool ends_retired(const struct kvm_site *s)
{
	return s->code.kind == SITE_TRAP && s->want.preempted;
}

static void retire(struct kvm_vm *k, struct kvm_site *s)
{
	/* Only what is still ours: the guest may have rebooted, or another tracer come. */
	if (s->use != KVM_SITE_ACTIVE || !site_is(k, s, s->code.planted) ||
		write_site(k, s, s->code.planted, s->code.retired) || s->code.kind != SITE_TRAP || ends_retired(s)) {
		s->use = KVM_SITE_UNUSED;
		return;
	}
	s->use = KVM_SITE_RETIRED;
	s->since_ms = clock_mono_ms();
}

int kvm_unplant(struct kvm_vm *k, uint32_t owner, uint32_t tag, struct err *e)
{
	bool any = false;
	int r;

	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		any |= named(&k->site[i], owner, tag);
	if (!any)
		return 0;
	r = enter(k, e);
	if (r)
		return r;
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		if (named(&k->site[i], owner, tag))
			retire(k, &k->site[i]);
	publish(k);
	leave(k);
	return 0;
}

bool kvm_any_retired(const struct kvm_vm *k)
{
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		if (k->site[i].use == KVM_SITE_RETIRED)
			return true;
	return false;
}

unsigned kvm_left(const struct kvm_vm *k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		const struct kvm_site *s = &k->site[i];

		n += s->use != KVM_SITE_UNUSED && s->use != KVM_SITE_PREPARED && (site_is(k, s, s->code.planted) ||
			(s->code.kind == SITE_TRAP && site_is(k, s, s->code.retired)));
	}
	return n;
}

/* Does a vCPU stand between the two instructions of @s? The VM is stopped. */
static bool inside(struct kvm_vm *k, const struct kvm_site *s)
{
	struct gcpu c;

	for (unsigned i = 0; i < k->t.vcpus; i++)
		if (!kvm_cpu(k, i, &c, NULL) && c.rip > s->gva && c.rip < s->gva + SITE_LEN)
			return true;
	return false;
}

void kvm_finish_retired(struct kvm_vm *k)
{
	bool due = false;
	int64_t t;

	if (!kvm_any_retired(k))
		return;
	t = clock_mono_ms();
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		due |= k->site[i].use == KVM_SITE_RETIRED && t - k->site[i].since_ms >= GRACE_MS;
	if (!due || kvm_holds(k) || enter(k, NULL))
		return;
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		struct kvm_site *s = &k->site[i];

		if (s->use != KVM_SITE_RETIRED || t - s->since_ms < GRACE_MS || inside(k, s))
			continue;
		if (site_is(k, s, s->code.retired))
			write_site(k, s, s->code.retired, s->code.original);
		s->use = KVM_SITE_UNUSED;
	}
	leave(k);
}

const struct kvm_site *kvm_site_of(const struct kvm_vm *k, uint32_t owner, uint32_t tag)
{
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		if (named(&k->site[i], owner, tag))
			return &k->site[i];
	return NULL;
}

void kvm_how(const struct kvm_vm *k, uint32_t owner, uint32_t tag, char *buf, size_t n)
{
	static const char *const place[] = {[TRAP_ENTRY] = "a jump", [TRAP_CALL] = "a call",
		[TRAP_RETURN] = "a call and its return", [TRAP_RETURN_ARGS] = "a call and its return",
		[TRAP_LEAVE] = "the entry and the return"};
	const struct kvm_site *s = kvm_site_of(k, owner, tag);

	*buf = 0;
	if (s && s->gadget.len)
		snprintf(buf, n, "%s led through %u bytes at 0x%" PRIx64 "%s", place[s->want.place],
			s->gadget.len - GADGET_HEAD, gadget_code(s->gadget.gva),
			s->want.filter ? ", which filter in the guest" : "");
	else if (s)
		snprintf(buf, n, "trapped each time%s", s->exit_filter ? ", filtered in the exit" : "");
}
