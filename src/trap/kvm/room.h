/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * room.h - where gadgets are put: memory of the guest kernel's text that no function has. Between its parts, which
 * begin at multiples of 2 MiB (arch/x86/kernel/vmlinux.lds.S, ALIGN_ENTRY_TEXT_BEGIN and _END, X86_ALIGN_RODATA),
 * the linker leaves long rows of INT3, mapped and executable as the rest. The last 64 KiB before the first such
 * border that has a long row before it are the room: the same for each worker, whatever is in it by now.
 */
#ifndef LOGVISOR_TRAP_KVM_ROOM_H
#define LOGVISOR_TRAP_KVM_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "guest/arch/x86.h"
#include "trap/kvm/gadget.h"
#include "util/err.h"

#define ROOM_BYTES (64u << 10)
#define ROOM_BORDER (2ull << 20)

/* Can @gva be in the room of some guest? */
static inline bool room_may_have(uint64_t gva)
{
	return gva % ROOM_BORDER >= ROOM_BORDER - ROOM_BYTES;
}

struct room {
	uint64_t gva, gpa; /* gva 0: there is none */
	uint8_t bytes[ROOM_BYTES]; /* as they were when it was looked at */
};

/*
 * Look for the room in the text from @from to @to, and read it. 0; -ENOSPC with @e: there is none; -EFAULT, or
 * what reading returned.
 */
int room_look(struct room *r, const struct ptable *t, const uint64_t text[2], struct err *e);

/* The gadget whose code is at @gva, if there is one in the room: what its head says. */
bool room_holds(const struct room *r, uint64_t gva, struct gadget_head *out);

/* A gadget of which @site is the site, whichever: what its head says. */
bool room_of_site(const struct room *r, uint64_t site, struct gadget_head *out);

/*
 * Compose the gadget @w: where one with just these bytes stands (*@there), or else in what was never used. 0;
 * -ENOSPC with @e: all is used; gadget_make()'s errors.
 */
int room_place(const struct room *r, const struct gadget_want *w, struct gadget *g, bool *there, struct err *e);

#endif
