/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seg.h - one run of a guest's RAM, as a backend learned of it: from QEMU's monitor (gdb) or from the
 * host kernel's memory slots (kvm).
 */
#ifndef LOGVISOR_TRAP_VMM_SEG_H
#define LOGVISOR_TRAP_VMM_SEG_H

#include <stdint.h>

#define RAM_SEGS_MAX 64

/* Guest-physical [gpa, gpa + len). */
struct ram_seg {
	uint64_t gpa, len;
	uint64_t hva; /* where the VMM process has it; 0 if unknown */
	char name[48]; /* of the memory region: "pc.ram" */
	uint64_t off; /* of its first byte in that region */
};

#endif
