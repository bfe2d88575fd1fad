/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * x86_bits.h - bits of x86-64 registers and page-table entries, as numbers only, for BPF programs too.
 * Intel SDM volume 3, 2.2.1 (EFER), 2.5 (CR0, CR3, CR4), 4.5 (tables 4-15 to 4-20); AMD APM volume 2, 5.3.
 */
#ifndef LOGVISOR_GUEST_ARCH_X86_BITS_H
#define LOGVISOR_GUEST_ARCH_X86_BITS_H

#define CR0_PG   (1ull << 31)
#define CR3_ADDR 0x000ffffffffff000ull
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)

/*
 * With page-table isolation the user half's table is the page after the kernel's (Linux 4.15 on,
 * arch/x86/entry/calling.h: PTI_USER_PGTABLE_MASK).
 */
#define CR3_PTI_USER 0x1000ull

#define PTE_PRESENT 0x1ull
#define PTE_WRITE   0x2ull
#define PTE_LARGE   0x80ull
#define PTE_NX      (1ull << 63)
#define PTE_ADDR    0x000ffffffffff000ull

#endif
