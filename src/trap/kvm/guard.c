/* SPDX-License-Identifier: BSD-3-Clause */
/* guard.c - watch over the planted sites: is what was planted still there? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "trap/kvm/kvm.h"
#include "trap/vmm/entry.h"
#include "util/clock.h"

#define ASK_AGAIN_MS 100 /* who plants may not know yet whether it is still the same guest */
#define GUARD_SPAN 4096 /* sites so near to each other are read at once (6.1: 2,208 bytes) */

/* The sites that are watched, so that what follows need not look at all of the table each time. */
struct guarded {
	struct kvm_site *site[HOOK_SITES_MAX];
	unsigned n;
};

static void list(struct kvm_vm *k, struct guarded *g)
{
	g->n = 0;
	for (unsigned i = 0; i < HOOK_SITES_MAX; i++) {
		struct kvm_site *s = &k->site[i];

		if (s->use != KVM_SITE_ACTIVE && s->use != KVM_SITE_LOST)
			continue;
		s->read = false;
		g->site[g->n++] = s;
	}
}

/*
 * Read the bytes of all sites, those that lie near to each other at once: two functions of one file stand
 * side by side in the image.
 */
static void read_sites(struct kvm_vm *k, const struct guarded *g)
{
	uint8_t span[GUARD_SPAN];

	for (unsigned i = 0; i < g->n; i++) {
		uint64_t lo = g->site[i]->gpa, hi = lo;

		if (g->site[i]->read)
			continue;
		for (unsigned n = i + 1; n < g->n; n++) {
			uint64_t at = g->site[n]->gpa, low = at < lo ? at : lo, high = at > hi ? at : hi;

			if (high - low <= GUARD_SPAN - SITE_LEN) {
				lo = low;
				hi = high;
			}
		}
		if (gmem_read(&k->t.mem, lo, span, hi - lo + SITE_LEN))
			continue;
		for (unsigned n = i; n < g->n; n++)
			if (g->site[n]->gpa - lo <= hi - lo) {
				memcpy(g->site[n]->now, span + (g->site[n]->gpa - lo), SITE_LEN);
				g->site[n]->read = true;
			}
	}
}

/* Are the gadgets what they were made? They lie side by side (room.h), and are read at once where they do. */
static void read_gadgets(struct kvm_vm *k, const struct guarded *g)
{
	uint8_t span[GUARD_SPAN];
	uint64_t lo = UINT64_MAX, hi = 0;

	for (unsigned i = 0; i < g->n; i++) {
		const struct kvm_site *s = g->site[i];

		if (!s->gadget.len)
			continue;
		lo = s->gadget_gpa < lo ? s->gadget_gpa : lo;
		hi = s->gadget_gpa > hi ? s->gadget_gpa : hi;
	}
	if (hi && (hi - lo > GUARD_SPAN - GADGET_MAX || gmem_read(&k->t.mem, lo, span, hi - lo + GADGET_MAX)))
		lo = UINT64_MAX;
	for (unsigned i = 0; i < g->n; i++) {
		struct kvm_site *s = g->site[i];
		uint8_t own[GADGET_MAX];
		const uint8_t *b = own;

		s->intact = true;
		if (!s->gadget.len)
			continue;
		if (lo != UINT64_MAX)
			b = span + (s->gadget_gpa - lo);
		else if (gmem_read(&k->t.mem, s->gadget_gpa, own, s->gadget.len))
			continue;
		s->intact = !memcmp(b, s->gadget.bytes, s->gadget.len);
	}
}

/* How many sites but @but have no trap? */
static unsigned without_trap(const struct guarded *g, const struct kvm_site *but)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->n; i++) {
		const struct kvm_site *s = g->site[i];

		n += s != but && s->read && (!s->intact || memcmp(s->now, s->code.planted, SITE_LEN));
	}
	return n;
}

static void describe(const struct kvm_site *s, enum site_state is, char *text, size_t n)
{
	const uint8_t *b = s->now;

	if (is == SITE_PLANTED && !s->intact)
		snprintf(text, n, "the code at 0x%" PRIx64 ", to which the trap at 0x%" PRIx64 " leads, was overwritten",
			gadget_code(s->gadget.gva), s->gva);
	else if (is == SITE_PLANTED)
		snprintf(text, n, "the trap at 0x%" PRIx64 " is in place again", s->gva);
	else
		snprintf(text, n, "the %s at 0x%" PRIx64 " %s %02x %02x %02x %02x %02x (%s)",
			s->use == KVM_SITE_LOST ? "site" : "trap", s->gva,
			s->use == KVM_SITE_LOST ? "is free again:" : "was overwritten with", b[0], b[1], b[2], b[3],
			b[4], is == SITE_TAKEN ? entry_guess(b) : "a NOP");
}

/*
 * Is there something to tell of @s? Its trap is not there; or it was known not to be, and what stands there now
 * makes room. A question that waits for its answer is not asked again at once.
 */
static bool to_tell(struct kvm_site *s, enum site_state is)
{
	int64_t now_ms;
	bool lost = s->use == KVM_SITE_LOST;

	if (is == SITE_PLANTED && !s->intact)
		lost = true; /* there is a trap, and it leads to another's code */
	if (lost ? is == SITE_TAKEN : is == SITE_PLANTED) {
		s->asked_ms = 0;
		return false;
	}
	now_ms = clock_mono_ms();
	if (s->asked_ms && now_ms - s->asked_ms < ASK_AGAIN_MS)
		return false;
	s->asked_ms = now_ms;
	return true;
}

bool kvm_guard(struct kvm_vm *k, struct trap_event *ev)
{
	struct guarded g;

	list(k, &g);
	read_sites(k, &g);
	read_gadgets(k, &g);
	for (unsigned i = 0; i < g.n; i++) {
		struct kvm_site *s = g.site[i];
		enum site_state is;

		if (!s->read)
			continue;
		is = site_state(&s->code, s->now);
		if (!to_tell(s, is))
			continue;
		describe(s, is, ev->text, sizeof(ev->text));
		ev->type = TRAP_CHANGED;
		if (is == SITE_PLANTED && s->intact) { /* somebody put ours back, a restored snapshot for one */
			s->use = KVM_SITE_ACTIVE;
			s->asked_ms = 0;
			ev->type = TRAP_ALERT;
		}
		ev->owner = s->owner;
		ev->tag = s->tag;
		ev->lost = without_trap(&g, s);
		return true;
	}
	return false;
}
