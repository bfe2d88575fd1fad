/* SPDX-License-Identifier: BSD-3-Clause */
/* guard.c - watch over the planted sites: is what was planted still there? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "trap/kvm/kvm.h"
#include "util/clock.h"

/* So long a site may be found changed in a guest that no CPU seems to run: it is about to boot, mostly. */
#define DOUBT_MS 3000
#define GUARD_SPAN 4096 /* sites so near to each other are read at once (6.1: 2,208 bytes) */

/* Is a change of @s the doing of the guest it was planted in, and not the next boot's? */
static bool still_ours(struct kvm_vm *k, struct kvm_site *s)
{
	int same = k->t.same_guest ? k->t.same_guest(k->t.same_guest_ctx) : 1;

	if (same) {
		s->doubt_ms = 0;
		return same > 0;
	}
	if (!s->doubt_ms)
		s->doubt_ms = clock_mono_ms();
	return clock_mono_ms() - s->doubt_ms >= DOUBT_MS;
}

static unsigned without_trap(const struct kvm_vm *k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		n += (k->site[i].use == KVM_SITE_ACTIVE || k->site[i].use == KVM_SITE_LOST) &&
			!kvm_site_is(k, &k->site[i], k->site[i].code.planted);
	return n;
}

/* @s holds @b instead of what was planted. True: @ev is an alert. */
static bool changed(struct kvm_vm *k, struct kvm_site *s, const uint8_t *b, struct trap_event *ev)
{
	bool was_lost = s->use == KVM_SITE_LOST, again;

	if ((was_lost && site_state(&s->code, b) == SITE_TAKEN) || !still_ours(k, s))
		return false;
	again = kvm_replant(k, s, b);
	if (was_lost && !again)
		return false;
	s->use = again ? KVM_SITE_ACTIVE : KVM_SITE_LOST;
	ev->type = TRAP_ALERT;
	ev->owner = s->owner;
	ev->tag = s->tag;
	ev->lost = without_trap(k);
	if (was_lost)
		snprintf(ev->text, sizeof(ev->text), "the site at 0x%" PRIx64 " is free again (%02x %02x %02x "
			"%02x %02x): planted again", s->gva, b[0], b[1], b[2], b[3], b[4]);
	else
		snprintf(ev->text, sizeof(ev->text), "the trap at 0x%" PRIx64 " was overwritten with %02x %02x "
			"%02x %02x %02x (%s); %s", s->gva, b[0], b[1], b[2], b[3], b[4],
			site_state(&s->code, b) == SITE_TAKEN ? site_guess(b) : "a NOP",
			again ? "planted again" : "the ring is polled until it is free");
	return true;
}

static bool guarded(const struct kvm_site *s)
{
	return s->use == KVM_SITE_ACTIVE || s->use == KVM_SITE_LOST;
}

/*
 * Read the bytes of all guarded sites, those that lie near to each other at once: two functions of one file stand
 * side by side in the image.
 */
static void read_sites(struct kvm_vm *k)
{
	uint8_t span[GUARD_SPAN];

	for (unsigned i = 0; i < HOOK_SITES_MAX; i++)
		k->site[i].read = false;
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		uint64_t lo = k->site[i].gpa, hi = lo;

		if (!guarded(&k->site[i]) || k->site[i].read)
			continue;
		for (unsigned n = i + 1; n < HOOK_SITES_MAX; n++) {
			uint64_t at = k->site[n].gpa, low = at < lo ? at : lo, high = at > hi ? at : hi;

			if (guarded(&k->site[n]) && high - low <= GUARD_SPAN - SITE_LEN) {
				lo = low;
				hi = high;
			}
		}
		if (gmem_read(&k->t.mem, lo, span, hi - lo + SITE_LEN))
			continue;
		for (unsigned n = i; n < HOOK_SITES_MAX; n++)
			if (guarded(&k->site[n]) && k->site[n].gpa - lo <= hi - lo) {
				memcpy(k->site[n].now, span + (k->site[n].gpa - lo), SITE_LEN);
				k->site[n].read = true;
			}
	}
}

bool kvm_guard(struct kvm_vm *k, struct trap_event *ev)
{
	read_sites(k);
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		struct kvm_site *s = &k->site[i];

		if (!guarded(s) || !s->read)
			continue;
		if (memcmp(s->now, s->code.planted, SITE_LEN)) {
			if (changed(k, s, s->now, ev))
				return true;
		} else if (s->use == KVM_SITE_LOST) { /* somebody put ours back, a restored snapshot for one */
			s->use = KVM_SITE_ACTIVE;
			ev->type = TRAP_ALERT;
			ev->owner = s->owner;
			ev->tag = s->tag;
			ev->lost = without_trap(k);
			snprintf(ev->text, sizeof(ev->text), "the trap at 0x%" PRIx64 " is in place again",
				s->gva);
			return true;
		}
	}
	return false;
}
