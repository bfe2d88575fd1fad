/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.h - the five bytes: what stands at the entry of a guest kernel function, what is written over
 * it, and how it is taken back. Pure functions over bytes; nothing here touches a guest.
 *
 *   free      0f 1f 44 00 00   the compiler's or ftrace's 5-byte NOP (or 66 66 66 66 90, used by
 *                              Linux 5.10 on CPUs without P6 NOPs), after an optional ENDBR64
 *   planted   31 c0 0f 01 d9   xor %eax,%eax; vmmcall   (c1: vmcall): hypercall number 0, which KVM
 *                              answers with -ENOSYS. 33 c0 is the same instruction encoded the other
 *                              way; it marks a site whose original was 66 66 66 66 90.
 *   retired   66 90 0f 1f 00   2-byte NOP; 3-byte NOP: a task parked between the two instructions
 *                              goes on at an instruction's beginning
 *
 * Sources: arch/x86/include/asm/nops.h and arch/x86/kernel/ftrace.c, Linux 5.10 to 7.2; AMD APM vol. 3
 * VMMCALL, Intel SDM vol. 3 VMCALL.
 */
#ifndef LOGVISOR_TRAP_KVM_SITE_H
#define LOGVISOR_TRAP_KVM_SITE_H

#include <stddef.h>
#include <stdint.h>

#define SITE_LEN 5
#define SITE_LOOK 9 /* bytes to look at from a function's entry: ENDBR64 and the site */

enum site_state {
	SITE_FREE,    /* a NOP: can be planted */
	SITE_PLANTED, /* a hypercall of ours, perhaps of a worker that died */
	SITE_RETIRED, /* a removal that was not finished: can be planted */
	SITE_TAKEN,   /* something else: another tracer's, or no such function entry */
};

/*
 * What stands at a function's entry @code (SITE_LOOK bytes)? *@off is where the site begins; it is 0
 * for SITE_TAKEN.
 */
enum site_state site_look(const uint8_t *code, size_t *off);

/* What to write to plant @from (SITE_LEN bytes: free, planted or retired). @amd: vmmcall. */
void site_plant(const uint8_t *from, int amd, uint8_t *to);
/* Is @code a hypercall of ours for the other vendor's CPU? It would fault here. */
int site_other_vendor(const uint8_t *code, int amd);
/* First and second phase of removal. */
void site_retire(uint8_t *to);
void site_original(const uint8_t *planted, uint8_t *to);

/* Who wrote these bytes, for messages: "ftrace, livepatch or a kprobe (call ...)", "a breakpoint". */
const char *site_guess(const uint8_t *code);

#endif
