/* SPDX-License-Identifier: BSD-3-Clause */
/* plant.c - the sites, as the worker has them: where they are, what stands there, and what the guardian is to do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest/arch/x86.h"
#include "trap/vmm/virt.h"
#include "trap/xen/xen.h"
#include "util/clock.h"

#define ASK_AGAIN_MS 100 /* who plants may not know yet whether it is still the same guest */
#define PAGE 4096u

/* Where @gva is in the guest's physical memory, out of any vCPU's page table. */
static int place(struct xen_vm *x, uint64_t gva, struct ptable *t, struct err *e)
{
	struct mapping m;
	struct gcpu c;
	int r;

	for (unsigned i = 0; i < x->t.vcpus; i++) {
		r = xen_guardian_regs(&x->guardian, i, &c, e);
		if (r == -ENOENT || r == -EAGAIN)
			continue;
		if (r)
			return r;
		for (unsigned half = 0; cpu_long_mode(&c) && half < PTABLES; half++) {
			*t = ptable_of(&x->t.mem, &c, half);
			if (!ptable_walk(t, gva, &m))
				return 0;
		}
	}
	return err_set(e, EFAULT, "no vCPU's page table maps 0x%" PRIx64, gva);
}

/* Fill in where the site of the function at s->entry is. */
static int find(struct xen_vm *x, struct xen_site *s, struct err *e)
{
	struct mapping m = {0}, next = {0};
	uint8_t code[ENTRY_LOOK];
	struct ptable t;
	int r = place(x, s->entry, &t, e);

	if (r)
		return r;
	r = virt_read(&t, s->entry, code, sizeof(code));
	s->want.rip = s->entry + entry_endbr(code);
	if (!r)
		r = ptable_walk(&t, s->want.rip, &m);
	if (!r && m.gpa % PAGE > PAGE - XEN_SITE_LEN)
		r = ptable_walk(&t, s->want.rip + PAGE - m.gpa % PAGE, &next);
	if (r)
		return err_set(e, EFAULT, "the guest's code at 0x%" PRIx64 " cannot be read", s->entry);
	s->want.gpa[0] = m.gpa;
	s->want.gpa[1] = next.gpa;
	if (xen_code(code + entry_endbr(code), &s->code))
		return err_set(e, EBUSY, "the guest's code at 0x%" PRIx64 " is %02x %02x %02x %02x %02x %02x %02x %02x %02x: %s",
			s->entry, code[0], code[1], code[2], code[3], code[4], code[5], code[6], code[7], code[8],
			entry_guess(code));
	return 0;
}

static int ask(struct xen_vm *x, const struct xen_site *s, struct err *e)
{
	int r = xen_guardian_plant(&x->guardian, &s->want, e);

	switch (r) {
	case 0:
	case -ESRCH:
	case -EPIPE:
		return r;
	case -EBUSY:
		return err_set(e, EBUSY, "the guest's code at 0x%" PRIx64 " changed meanwhile", s->entry);
	case -EADDRINUSE:
		return err_set(e, EBUSY, "another program monitors domain %u (by Xen's vm_event, which one at a time can); "
			"it is left alone", x->dom.id);
	case -EALREADY:
		return err_set(e, EBUSY, "another worker of Logvisor has domain %u", x->dom.id);
	case -ENOTSUP:
		return err_set(e, ENOTSUP, x->t.vcpus > XEN_RING_SLOTS ? "a domain of more than 8 vCPUs is not trapped" :
			"this Xen cannot monitor descriptor tables on this processor");
	default:
		return err_set(e, -r, "domain %u cannot be trapped: %s", x->dom.id, strerror(-r));
	}
}

static struct xen_site *known(struct xen_vm *x, const struct trap_site *site)
{
	for (unsigned i = 0; i < XEN_SITES_MAX; i++) {
		struct xen_site *s = &x->site[i];

		if (s->used && s->owner == site->owner && s->tag == site->tag && s->entry == site->gva)
			return s;
	}
	return NULL;
}

static int add(struct xen_vm *x, const struct trap_site *site, struct err *e)
{
	struct xen_site *s = x->site;
	int r;

	while (s < x->site + XEN_SITES_MAX && s->used)
		s++;
	if (s == x->site + XEN_SITES_MAX)
		return err_set(e, ENOSPC, "at most %d sites can be planted", XEN_SITES_MAX);
	*s = (struct xen_site){.owner = site->owner, .tag = site->tag, .entry = site->gva, .fetch = site->fetch};
	s->want.site = (uint32_t)(s - x->site);
	memcpy(s->arg, site->arg, site->arg_len);
	r = find(x, s, e);
	s->used = !r; /* before a vCPU can come there */
	if (!r)
		r = ask(x, s, e);
	s->used = !r;
	return r;
}

int xen_plant(struct xen_vm *x, const struct trap_site *site, struct err *e)
{
	struct xen_site *s = known(x, site);
	int r;

	if (site->kind != SITE_CODE || site->place != TRAP_ENTRY || site->filter || !site->fetch)
		return err_set(e, ENOTSUP, "the xen backend traps the entries of functions only");
	if (site->arg_len != site->fetch->arg_len || site->arg_len > XEN_ARG_MAX || site->fetch->out_max > XEN_OUT_MAX)
		return err_set(e, ENOTSUP, "the xen backend has no room for this site's fetcher");
	if (x->state != XEN_HERE)
		return err_set(e, ESRCH, "the domain has ended");
	if (!s)
		return add(x, site, e);
	s->asked_ms = 0;
	r = ask(x, s, e);
	s->lost = r;
	return r;
}

int xen_unplant(struct xen_vm *x, uint32_t owner, uint32_t tag, struct err *e)
{
	int ret = 0;

	for (unsigned i = 0; i < XEN_SITES_MAX; i++) {
		struct xen_site *s = &x->site[i];
		int r = 0;

		if (!s->used || s->owner != owner || s->tag != tag)
			continue;
		if (x->state == XEN_HERE)
			r = xen_guardian_unplant(&x->guardian, s->want.site, e);
		s->used = false;
		ret = ret ? ret : r;
	}
	return ret;
}

unsigned xen_unplant_all(struct xen_vm *x)
{
	unsigned left = 0;

	for (unsigned i = 0; i < XEN_SITES_MAX; i++)
		if (x->site[i].used) {
			int r = xen_unplant(x, x->site[i].owner, x->site[i].tag, NULL);

			left += r && r != -ESRCH;
		}
	return left;
}

void xen_forget_sites(struct xen_vm *x)
{
	for (unsigned i = 0; i < XEN_SITES_MAX; i++)
		x->site[i].used = false;
	x->told = x->copied;
}

/* ---- are they there still? ---- */

static bool read_site(struct xen_vm *x, const struct xen_site *s, uint8_t *now)
{
	const unsigned room = PAGE - (unsigned)(s->want.gpa[0] % PAGE), n = room < XEN_SITE_LEN ? room : XEN_SITE_LEN;

	return !gmem_read(&x->t.mem, s->want.gpa[0], now, n) &&
		(n == XEN_SITE_LEN || !gmem_read(&x->t.mem, s->want.gpa[1], now + n, XEN_SITE_LEN - n));
}

/* Is there something to tell of @s? A question that waits for its answer is not asked again at once. */
static bool to_tell(struct xen_site *s, const uint8_t *now, bool *there)
{
	const int64_t at = clock_mono_ms();

	*there = !memcmp(now, s->code.planted, XEN_SITE_LEN);
	if (s->lost ? !xen_code_ours(&s->code, now) : *there) {
		s->asked_ms = 0;
		return false;
	}
	if (s->asked_ms && at - s->asked_ms < ASK_AGAIN_MS)
		return false;
	s->asked_ms = at;
	return true;
}

static unsigned without_trap(struct xen_vm *x, const struct xen_site *but)
{
	uint8_t now[XEN_SITE_LEN];
	unsigned n = 0;

	for (unsigned i = 0; i < XEN_SITES_MAX; i++) {
		const struct xen_site *s = &x->site[i];

		n += s->used && s != but && read_site(x, s, now) && memcmp(now, s->code.planted, XEN_SITE_LEN);
	}
	return n;
}

bool xen_guard(struct xen_vm *x, struct trap_event *ev)
{
	for (unsigned i = 0; i < XEN_SITES_MAX; i++) {
		struct xen_site *s = &x->site[i];
		uint8_t now[XEN_SITE_LEN];
		bool there;

		if (!s->used || !read_site(x, s, now) || !to_tell(s, now, &there))
			continue;
		ev->type = there ? TRAP_ALERT : TRAP_CHANGED;
		if (there) { /* somebody put ours back */
			s->lost = false;
			s->asked_ms = 0;
			snprintf(ev->text, sizeof(ev->text), "the trap at 0x%" PRIx64 " is in place again", s->want.rip);
		} else {
			snprintf(ev->text, sizeof(ev->text), "the %s at 0x%" PRIx64 " %s %02x %02x %02x %02x %02x (%s)",
				s->lost ? "site" : "trap", s->want.rip, s->lost ? "is free again:" :
				"was overwritten with", now[0], now[1], now[2], now[3], now[4],
				xen_code_ours(&s->code, now) ? "a NOP" : entry_guess(now));
		}
		ev->owner = s->owner;
		ev->tag = s->tag;
		ev->lost = without_trap(x, s);
		return true;
	}
	return false;
}
