/* SPDX-License-Identifier: BSD-3-Clause */
/* room.c - find the room for gadgets, and in it a gadget or a place for one. */
#include "trap/kvm/room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define INT3 0xcc
#define TEXT_MAX (256ull << 20)

static bool all_int3(const uint8_t *b, size_t n)
{
	while (n && b[n - 1] == INT3)
		n--;
	return !n;
}

/* Is there a row of INT3 at @gpa, as long as the room is? The room itself comes behind it, and may be in use. */
static bool row(const struct ptable *t, uint64_t gpa)
{
	uint8_t b[4096];

	/* Most places are functions: the first bytes tell. */
	if (gmem_read(t->mem, gpa, b, 16) || !all_int3(b, 16))
		return false;
	for (uint64_t at = 0; at < ROOM_BYTES; at += sizeof(b))
		if (gmem_read(t->mem, gpa + at, b, sizeof(b)) || !all_int3(b, sizeof(b)))
			return false;
	return true;
}

int room_look(struct room *r, const struct ptable *t, const uint64_t text[2], struct err *e)
{
	struct mapping first, m;

	r->gva = 0;
	if (text[1] <= text[0] || text[1] - text[0] > TEXT_MAX || ptable_walk(t, text[0], &first))
		return err_set(e, EFAULT, "the guest kernel's text at 0x%" PRIx64 " is not mapped", text[0]);
	for (uint64_t border = (text[0] + ROOM_BORDER) & ~(ROOM_BORDER - 1); border <= text[1]; border += ROOM_BORDER) {
		uint64_t gva = border - ROOM_BYTES, gpa = first.gpa + (gva - text[0]);

		if (gva < text[0] + ROOM_BYTES || !row(t, gpa - ROOM_BYTES))
			continue;
		/* The image is one run of physical memory; were it not, what was read is something else. */
		if (ptable_walk(t, gva, &m) || m.gpa != gpa || ptable_walk(t, border - 1, &m) ||
			m.gpa != gpa + ROOM_BYTES - 1 || !m.exec)
			continue;
		if (gmem_read(t->mem, gpa, r->bytes, ROOM_BYTES))
			continue;
		r->gva = gva;
		r->gpa = gpa;
		return 0;
	}
	return err_set(e, ENOSPC, "the guest kernel's text has no room for code between 0x%" PRIx64 " and 0x%" PRIx64,
		text[0], text[1]);
}

bool room_holds(const struct room *r, uint64_t gva, struct gadget_head *out)
{
	uint64_t at = gva - GADGET_HEAD - r->gva;

	return r->gva && at <= ROOM_BYTES - GADGET_MAX && !(at % GADGET_STEP) && gadget_read(r->bytes + at, out);
}

bool room_of_site(const struct room *r, uint64_t site, struct gadget_head *out)
{
	for (uint64_t at = 0; r->gva && at + GADGET_MAX <= ROOM_BYTES; at += GADGET_STEP)
		if (gadget_read(r->bytes + at, out) && out->site == site)
			return true;
	return false;
}

int room_place(const struct room *r, const struct gadget_want *w, struct gadget *g, bool *there, struct err *e)
{
	uint64_t at, spare = ROOM_BYTES;
	struct gadget_head h;
	int ret;

	*there = false;
	for (at = 0; at + GADGET_MAX <= ROOM_BYTES; at += GADGET_STEP) {
		if (!gadget_read(r->bytes + at, &h)) {
			if (spare == ROOM_BYTES && all_int3(r->bytes + at, GADGET_MAX))
				spare = at;
			continue;
		}
		ret = gadget_make(g, w, r->gva + at);
		if (ret)
			return err_set(e, -ret, "no code can be made for the site at 0x%" PRIx64, w->site);
		if (!memcmp(g->bytes, r->bytes + at, g->len)) {
			*there = true;
			return 0;
		}
	}
	if (spare == ROOM_BYTES)
		return err_set(e, ENOSPC, "the room for code in the guest kernel's text is used up");
	ret = gadget_make(g, w, r->gva + spare);
	return ret ? err_set(e, -ret, "no code can be made for the site at 0x%" PRIx64, w->site) : 0;
}
