/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.h - the five bytes: what stands at the entry of a guest kernel function, what is written over
 * it, and how it is taken back. Pure functions over bytes; nothing here touches a guest.
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
 * Every change is a row of writes of one byte each (site_steps()), and after each of them a vCPU that
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

enum site_state {
	SITE_FREE,    /* a NOP: can be planted */
	SITE_PLANTED, /* a trap of ours, perhaps of a worker that died */
	SITE_RETIRED, /* a writing or removal that was not finished: can be planted */
	SITE_TAKEN,   /* something else: another tracer's, or no such function entry */
};

/*
 * What stands at a function's entry @code (SITE_LOOK bytes)? *@off is where the site begins; it is 0
 * for SITE_TAKEN.
 */
enum site_state site_look(const uint8_t *code, size_t *off);

/* What to write to plant @from (SITE_LEN bytes: free, planted or retired). */
void site_plant(const uint8_t *from, uint8_t *to);
/* First and second phase of removal. */
void site_retire(const uint8_t *planted, uint8_t *to);
void site_original(const uint8_t *planted, uint8_t *to);

struct site_step {
	unsigned at; /* of the site's bytes */
	uint8_t byte;
};

#define SITE_STEPS_MAX (SITE_LEN + 1)

/*
 * How to get from @from to @to, both of one site in any of its states but SITE_TAKEN: the number of writes,
 * in order, in @step. From planted to original it is not to be done at once: see `retired`.
 */
unsigned site_steps(const uint8_t *from, const uint8_t *to, struct site_step *step);

/* Who wrote these bytes, for messages: "ftrace, livepatch or a kprobe (call ...)", "a breakpoint". */
const char *site_guess(const uint8_t *code);

#endif
