/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.h - the five bytes of a site: what stands in the guest's kernel, what is written over it, and how it is
 * taken back. Pure functions over bytes; nothing here touches a guest.
 *
 * At a function's entry, SITE_TRAP:
 *
 *   free      0f 1f 44 00 00   the compiler's or ftrace's 5-byte NOP (or 66 66 66 66 90, used by
 *                              Linux 5.10 on CPUs without P6 NOPs), after an optional ENDBR64
 *   planted   0f 1f 00 0f 08   3-byte NOP; INVD. In a guest INVD always exits: Intel's CPUs know no other
 *                              way, AMD's have an intercept that every hypervisor must set, since the
 *                              instruction would throw away the host's unwritten cache lines. KVM steps
 *                              over it and does nothing (kvm_emulate_invd()). It is the same on both
 *                              vendors' CPUs, changes no register, and faults in user mode.
 *                              66 66 90 0f 08 where 66 66 66 66 90 was.
 *   retired   0f 1f 44 0f 08   one NOP again, but a vCPU that stands between the two instructions
 *                              still finds the second there, and goes on (a9 66 90 0f 08, `test`)
 *
 * SITE_JUMP is the same NOP replaced by `e9 rel32`, a jump to code put elsewhere in the guest (a gadget), which
 * traps only when it is worth it and jumps back. Nothing is ever inside one instruction, so nothing is
 * retired; but a task may sleep inside the gadget, which must therefore stay.
 *
 * SITE_CALL is a direct call, `e8 rel32`, led to a gadget that goes on to where the call led. It has to be executed
 * each time, and half of a distance leads anywhere: so the four bytes are one write, within one page, and the
 * VM has to stand still for it. What is put back is the call as it was.
 *
 * Every other change is a row of writes of one byte each (site_steps()), and after each of them a vCPU that
 * comes by executes something without effect: whoever writes may die in between, and the VM, stopped for
 * it, may be continued by somebody else.
 *
 * Sources: arch/x86/include/asm/nops.h and arch/x86/kernel/ftrace.c, Linux 5.10 to 7.2; Intel SDM vol. 3,
 * 26.1.2 (instructions that cause VM exits unconditionally); AMD APM vol. 2, 15.9 (intercepts), and
 * arch/x86/kvm/svm/svm.c, init_vmcb(): INTERCEPT_INVD.
 */
#ifndef LOGVISOR_TRAP_KVM_SITE_H
#define LOGVISOR_TRAP_KVM_SITE_H

#include <stddef.h>
#include <stdint.h>

#define SITE_LEN 5
#define SITE_LOOK 9 /* bytes to look at from a function's entry: ENDBR64 and the site */

enum site_kind { SITE_TRAP, SITE_JUMP, SITE_CALL };

enum site_state {
	SITE_FREE,    /* as the guest's kernel has it: can be planted */
	SITE_PLANTED, /* a trap of ours, perhaps of a worker that died */
	SITE_RETIRED, /* a writing or removal that was not finished: can be planted */
	SITE_TAKEN,   /* something else: another tracer's, or no such function entry */
};

/* A site's own bytes. */
struct site {
	enum site_kind kind;
	uint8_t original[SITE_LEN];
	uint8_t planted[SITE_LEN];
	uint8_t retired[SITE_LEN]; /* on the way back, for as long as a vCPU may be inside */
};

/*
 * What stands at a function's entry @code (SITE_LOOK bytes)? *@off is where the site begins; it is 0
 * for SITE_TAKEN.
 */
enum site_state site_look(const uint8_t *code, size_t *off);

/*
 * Fill @s for what stands there now, @now. 0, or -EBUSY if that is not what such a site begins with: of
 * SITE_TRAP a NOP, or a trap planted or half removed; of SITE_JUMP, at @gva and to @to, a NOP; of SITE_CALL,
 * at @gva, the call of @from, to be led to @to. -ERANGE: @to is too far away; -EINVAL: the call's distance lies
 * in two pages.
 */
int site_trap(struct site *s, const uint8_t *now);
int site_jump(struct site *s, const uint8_t *now, uint64_t gva, uint64_t to);
int site_call(struct site *s, const uint8_t *now, uint64_t gva, uint64_t from, uint64_t to);

/* The five bytes of a call at @gva of @to. -ERANGE: it is too far away. */
int site_called(uint8_t *call, uint64_t gva, uint64_t to);

/* The first byte of a jump that is being written: `test $imm32,%eax`. */
#define SITE_CLOSED 0xa9

/* What stands there now, @now, as a state of @s. */
enum site_state site_state(const struct site *s, const uint8_t *now);

struct site_step {
	unsigned at, len; /* which of the site's bytes: one, or the four of a distance */
	uint8_t byte[4];
};

#define SITE_STEPS_MAX (SITE_LEN + 1)

/*
 * How to get from @from to @to, both of @s in any of its states but SITE_TAKEN: the number of writes, in
 * order, in @step. From planted to original it is not to be done at once: see `retired`.
 */
unsigned site_steps(const struct site *s, const uint8_t *from, const uint8_t *to, struct site_step *step);

#endif
