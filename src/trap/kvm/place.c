/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - choose what is written for a site. */
#include "trap/kvm/place.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "trap/kvm/room.h"
#include "trap/vmm/entry.h"
#include "trap/vmm/virt.h"
#include "util/cleanup.h"
#include "util/load.h"

#define CALL 0xe8
#define JMP  0xe9
#define TEXT_LEN_MAX (64u << 10)
#define ENDBR_LEN 4

static const char *name_of(const struct trap_site *site)
{
	return site->name ? site->name : "the guest's code";
}

/* Is the byte at @gva, and SITE_LEN - 1 more, one run of physical memory? Then *@gpa. */
static int text_gpa(const struct ptable *t, uint64_t gva, uint64_t *gpa, struct err *e)
{
	struct mapping first, last;

	if (ptable_walk(t, gva, &first) || ptable_walk(t, gva + SITE_LEN - 1, &last) ||
		last.gpa != first.gpa + SITE_LEN - 1)
		return err_set(e, EFAULT, "the guest's code at 0x%" PRIx64 " is not readable", gva);
	*gpa = first.gpa;
	return 0;
}

/* ---- gadgets ---- */

static struct gadget_want want_of(const struct kvm_site *s)
{
	struct gadget_want w = {.place = s->want.place, .filter = s->want.filter, .site = s->gva, .on = s->on};

	memcpy(w.original, s->code.original, SITE_LEN);
	return w;
}

/* Find a gadget for @s in @r, and let @s->code lead there. */
static int lead(struct kvm_site *s, const struct room *r, struct err *e)
{
	const struct gadget_want w = want_of(s);
	uint64_t to;
	int ret = room_place(r, &w, &s->gadget, &s->gadget_there, e);

	if (ret)
		return ret;
	s->gadget_gpa = r->gpa + (s->gadget.gva - r->gva);
	s->rip = s->gadget.gva + s->gadget.invd;
	to = gadget_code(s->gadget.gva);
	ret = s->code.kind == SITE_JUMP ? site_jump(&s->code, w.original, s->gva, to) :
		site_call(&s->code, w.original, s->gva, s->on, to);
	return ret ? err_set(e, -ret, "the site at 0x%" PRIx64 " cannot lead to code at 0x%" PRIx64, s->gva,
		s->gadget.gva) : 0;
}

static struct room *look(const struct ptable *t, const struct trap_site *site, struct err *e)
{
	struct room *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	if (room_look(r, t, site->room, e)) {
		free(r);
		return NULL;
	}
	return r;
}

/* ---- the entry of a function ---- */

static bool is_nop(const uint8_t *c)
{
	struct site s;

	return !site_trap(&s, c) && !memcmp(c, s.original, SITE_LEN);
}

/* A jump that a worker left there, or was about to: at which byte of the entry? It has the NOP in its head. */
static bool left_jump(const struct room *r, uint64_t gva, const uint8_t *code, size_t *off, uint8_t *original)
{
	struct gadget_head h;

	for (size_t i = 0; i <= ENDBR_LEN; i += ENDBR_LEN) {
		if ((code[i] != JMP && code[i] != SITE_CLOSED) || !room_of_site(r, gva + i, &h) ||
			!is_nop(h.original))
			continue;
		*off = i;
		memcpy(original, h.original, SITE_LEN);
		return true;
	}
	return false;
}

static int busy(const struct trap_site *site, const uint8_t *c, struct err *e)
{
	return err_set(e, EBUSY, "%s at 0x%" PRIx64 " is %02x %02x %02x %02x %02x %02x %02x %02x %02x: %s",
		name_of(site), site->gva, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], entry_guess(c));
}

static int place_entry(const struct ptable *t, struct kvm_site *s, uint8_t *now, struct err *e)
{
	const struct trap_filter *f = s->want.filter;
	uint8_t code[SITE_LOOK], original[SITE_LEN];
	_cleanup_free_ struct room *r = NULL;
	size_t off;
	enum site_state is;
	int ret;

	if (virt_read((void *)t, s->entry, code, SITE_LOOK))
		return err_set(e, EFAULT, "the guest's code at 0x%" PRIx64 " is not readable", s->entry);
	is = site_look(code, &off);
	if (f && !f->wild && s->want.room[1])
		r = look(t, &s->want, NULL);
	memcpy(original, code + off, SITE_LEN);
	if (is == SITE_TAKEN && !(r && left_jump(r, s->entry, code, &off, original)))
		return busy(&s->want, code, e);
	s->gva = s->entry + off;
	ret = text_gpa(t, s->gva, &s->gpa, e);
	if (ret)
		return ret;
	memcpy(now, code + off, SITE_LEN);
	/* Of a trap not taken out, or not wholly, another trap is made; no jump, since somebody may be inside. */
	if (r && (is == SITE_FREE || is == SITE_TAKEN)) {
		s->code.kind = SITE_JUMP;
		memcpy(s->code.original, original, SITE_LEN);
		s->on = s->gva + SITE_LEN;
		if (!lead(s, r, NULL))
			return 0;
		memset(&s->gadget, 0, sizeof(s->gadget));
	}
	if (s->want.place == TRAP_LEAVE || (f && f->climb))
		return err_set(e, ENOSPC, "%s at 0x%" PRIx64 ": no code can be put into the guest for it", name_of(&s->want),
			s->entry);
	s->rip = s->gva + SITE_LEN;
	s->exit_filter = f;
	return site_trap(&s->code, now) ? busy(&s->want, code, e) : 0;
}

/* ---- a call in a function ---- */

/* Where the call whose five bytes @c are at @gva leads. */
static uint64_t leads_to(const uint8_t *c, uint64_t gva)
{
	return gva + SITE_LEN + (uint64_t)(int64_t)(int32_t)load_u32(c + 1);
}

/* Calls lead to a function's first byte, or, from some compilers, behind its ENDBR64. */
static bool is_callee(const struct trap_site *site, uint64_t to)
{
	return to == site->callee || to == site->callee + ENDBR_LEN;
}

/* Where the call at @gva led before a worker led it elsewhere, or leads still; false: it is no such call. */
static bool is_call(const struct trap_site *site, const struct room *r, const uint8_t *c, uint64_t gva, uint64_t *on)
{
	struct gadget_head h;

	if (*c != CALL)
		return false;
	*on = leads_to(c, gva);
	if (is_callee(site, *on))
		return true;
	if (!room_holds(r, *on, &h) || h.site != gva || !is_callee(site, h.on))
		return false;
	*on = h.on;
	return true;
}

static int place_call(unsigned nth, const struct ptable *t, struct kvm_site *s, uint8_t *now, struct err *e)
{
	const struct trap_site *site = &s->want;
	uint32_t len = site->text_len < TEXT_LEN_MAX ? site->text_len : TEXT_LEN_MAX;
	_cleanup_free_ struct room *r = look(t, site, e);
	_cleanup_free_ uint8_t *text = calloc(1, len + 1);
	unsigned n = 0;
	uint64_t on;
	int ret;

	if (!r)
		return -ENOSPC;
	if (!text || virt_read((void *)t, s->entry, text, len))
		return err_set(e, EFAULT, "the guest's code at 0x%" PRIx64 " is not readable", s->entry);
	/*
	 * Every byte is looked at, not only where instructions begin: that another's four bytes are just this
	 * distance happens once in 2^32 times.
	 */
	for (uint32_t i = 0; i + SITE_LEN <= len; i++)
		if (is_call(site, r, text + i, s->entry + i, &on) && n++ == nth) {
			s->gva = s->entry + i;
			s->on = on;
			memcpy(now, text + i, SITE_LEN);
		}
	if (!n)
		return err_set(e, ENOENT, "%s: there is no such call in the function at 0x%" PRIx64, name_of(site),
			s->entry);
	if (nth >= n)
		return 1;
	ret = text_gpa(t, s->gva, &s->gpa, e);
	if (ret)
		return ret;
	s->code.kind = SITE_CALL;
	site_called(s->code.original, s->gva, s->on);
	return lead(s, r, e);
}

/* ---- */

int kvm_place(const struct trap_site *site, unsigned nth, const struct ptable *t, struct kvm_site *s, uint8_t *now,
	struct err *e)
{
	*s = (struct kvm_site){
		.use = KVM_SITE_ACTIVE,
		.owner = site->owner,
		.tag = site->tag,
		.fetch = site->fetch,
		.entry = site->gva,
		.want = *site,
	};
	if (site->filter) {
		s->filter = *site->filter;
		s->want.filter = &s->filter;
	}
	if (site->place != TRAP_ENTRY && site->place != TRAP_LEAVE)
		return place_call(nth, t, s, now, e);
	return nth ? 1 : place_entry(t, s, now, e);
}

int kvm_place_again(const struct ptable *t, struct kvm_site *s, struct err *e)
{
	_cleanup_free_ struct room *r = look(t, &s->want, e);
	struct kvm_site old = *s;
	int ret = r ? lead(s, r, e) : -ENOSPC;

	if (ret)
		*s = old;
	return ret;
}
