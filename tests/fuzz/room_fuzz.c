/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * room_fuzz.c - the room for gadgets, as root in the guest may have written it: whatever is there, a gadget is put only
 * over INT3, or is led to only if its bytes are just those that would be put there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trap/kvm/room.h"

#define GVA 0xffffffff81ff0000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct room r = {.gva = GVA, .gpa = 0x2ff0000};
	const struct trap_filter f = {.hops = 1, .words = 1, .word = {{'l', 'o', 'g', 0}}};
	struct gadget_want w = {.place = TRAP_CALL, .filter = &f, .site = GVA - 0x100000, .on = GVA - 0x200000};
	struct gadget_head h;
	struct gadget g;
	struct err e;
	bool there;

	if (size < 4)
		return 0;
	w.place = data[0] % 4;
	memset(r.bytes, data[1] & 1 ? 0xcc : 0x90, ROOM_BYTES);
	for (size_t at = 2; at + 2 < size;) {
		size_t to = (size_t)data[at] * GADGET_STEP, n = data[at + 1];

		at += 2;
		n = n < size - at ? n : size - at;
		memcpy(r.bytes + to, data + at, n);
		at += n;
	}
	room_of_site(&r, w.site, &h);
	room_holds(&r, GVA + GADGET_HEAD + (uint64_t)data[2] * GADGET_STEP, &h);
	if (!room_place(&r, &w, &g, &there, &e)) {
		const uint8_t *at = r.bytes + (g.gva - GVA);

		if (g.gva < GVA || g.gva + g.len > GVA + ROOM_BYTES || g.len > GADGET_MAX || g.invd > g.len)
			abort();
		for (uint32_t i = 0; i < g.len; i++)
			if (at[i] != (there ? g.bytes[i] : 0xcc))
				abort();
	}
	return 0;
}
