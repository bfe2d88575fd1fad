/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * x86.h - x86-64 as far as reading a guest's memory needs it: from a vCPU's registers to page tables, and
 * through them. A walk is bounded by the number of levels (4 or 5), whatever the tables hold.
 */
#ifndef LOGVISOR_GUEST_ARCH_X86_H
#define LOGVISOR_GUEST_ARCH_X86_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/x86_bits.h"
#include "guest/gmem.h"

/* A page table: where its top level is, and how many levels there are. */
struct ptable {
	const struct gmem *mem;
	uint64_t root; /* guest-physical, 4 KiB aligned */
	bool la57;
};

struct mapping {
	uint64_t gpa;  /* of the address asked for */
	uint64_t size; /* of the page: 4 KiB, 2 MiB or 1 GiB */
	bool write, exec;
};

/* How many tables a vCPU's CR3 may stand for. */
#define PTABLES 2

/*
 * Table @i of those that @cpu is on: 0, what CR3 names; 1, the kernel's, should that be the one of user mode
 * (page-table isolation). Without isolation the second may be the same or nonsense: see what it maps.
 */
struct ptable ptable_of(const struct gmem *mem, const struct gcpu *cpu, unsigned i);

/* Walk to @gva. 0, -EFAULT if it is not mapped (or not canonical), or what gmem's read returned. */
int ptable_walk(const struct ptable *t, uint64_t gva, struct mapping *out);

/* Does @cpu translate addresses at all? Does it run 64-bit code, or 32-bit code under a 64-bit system? */
static inline bool cpu_paging(const struct gcpu *cpu)
{
	return cpu->cr0 & CR0_PG;
}

static inline bool cpu_long_mode(const struct gcpu *cpu)
{
	return cpu->efer & EFER_LMA;
}

#endif
