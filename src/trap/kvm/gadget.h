/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gadget.h - a few dozen bytes of code in the guest's kernel to which a jump or a call leads: it looks whether this
 * time counts (struct trap_filter), executes INVD if so, and goes on where the way led before. Pure functions
 * over bytes; nothing here touches a guest.
 *
 *   TRAP_ENTRY (from a NOP), TRAP_CALL               TRAP_RETURN (TRAP_RETURN_ARGS: four registers)
 *
 *          mov   off0(%rdx),%rax   the pointers             push  %rdi
 *          test  %rax,%rax                                  call  callee
 *          jz    on                                         pop   %rdi
 *          mov   at(%rax),%eax     the string's begin       test  %eax,%eax
 *          cmp   $word,%eax                                 js    out
 *          je    hit                                        the same with %r8 for %rax
 *          ...                                         out: ret
 *      on: jmp   callee, or behind the NOP             hit: invd
 *     hit: invd                                             ret
 *          jmp   the same
 *
 * RAX and the flags are free at the entry of a function that takes no variable number of arguments, and what a
 * call does not keep is free after it. That holds where the callee is in another object file. A static function could
 * be called under closer terms (-fipa-ra), but GCC gives that up for code with ftrace's NOPs: flag_ipa_ra = 0 if
 * profile_flag (gcc/toplev.cc, process_options()).
 *
 * Before the code stands a head, by which the next worker knows a gadget, whose site it was, and what bytes that
 * had. It is in the guest's memory, so it is believed only where it says nothing but what is expected.
 *
 * A task may sleep in a wrapped callee and come back to the gadget after hours. So a gadget that was ever led
 * to is neither changed nor taken away, and its memory never used again, while the guest lives.
 */
#ifndef LOGVISOR_TRAP_KVM_GADGET_H
#define LOGVISOR_TRAP_KVM_GADGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trap/kvm/site.h"
#include "trap/trap.h"

#define GADGET_HEAD 32
#define GADGET_CODE 192
#define GADGET_MAX (GADGET_HEAD + GADGET_CODE)
#define GADGET_STEP 64 /* heads begin at multiples of it */

/* What it is for. */
struct gadget_want {
	enum trap_place place;
	const struct trap_filter *filter; /* NULL: each time counts */
	uint64_t site; /* of the five bytes that lead to it */
	uint8_t original[SITE_LEN]; /* what stands there without it */
	uint64_t on; /* the callee, or the byte behind the NOP */
};

struct gadget {
	uint64_t gva; /* of its head */
	uint32_t len; /* of head and code */
	uint32_t invd; /* how far from the head the byte behind INVD is */
	uint8_t bytes[GADGET_MAX];
};

/*
 * Compose the gadget @w for its head at @gva. 0; -ERANGE: that is too far away, or too long; -EINVAL: a filter of more hops or
 * words than there may be, or one that the guest must not follow.
 */
int gadget_make(struct gadget *g, const struct gadget_want *w, uint64_t gva);

static inline uint64_t gadget_code(uint64_t head)
{
	return head + GADGET_HEAD;
}

/* What a head says. */
struct gadget_head {
	uint64_t site, on;
	uint8_t original[SITE_LEN];
	uint32_t len; /* of head and code, at most GADGET_MAX */
};

/* Is @bytes, GADGET_HEAD of them, a gadget's head? */
bool gadget_read(const uint8_t *bytes, struct gadget_head *out);

#endif
