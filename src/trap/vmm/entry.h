/* SPDX-License-Identifier: BSD-3-Clause */
/* entry.h - what stands at the entry of a function of Linux's kernel on x86-64, where a site may be. */
#ifndef LOGVISOR_TRAP_VMM_ENTRY_H
#define LOGVISOR_TRAP_VMM_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#define ENTRY_NOP_LEN 5
#define ENTRY_LOOK 9 /* bytes to look at from a function's entry: ENDBR64 and the NOP */

/*
 * The compiler's or ftrace's NOP of 5 bytes, and the one that Linux 5.10 has on CPUs without P6 NOPs:
 * arch/x86/include/asm/nops.h, arch/x86/kernel/ftrace.c, 5.10 to 7.2.
 */
extern const uint8_t entry_nop_p6[ENTRY_NOP_LEN], entry_nop_k8[ENTRY_NOP_LEN];

/* How long the ENDBR64, or what it was sealed with, at @code is (4 bytes are looked at): 0 if there is none. */
size_t entry_endbr(const uint8_t *code);

/* Who wrote these bytes (ENTRY_LOOK of an entry, or those of a site), for messages: "a breakpoint, as ...". */
const char *entry_guess(const uint8_t *code);

#endif
