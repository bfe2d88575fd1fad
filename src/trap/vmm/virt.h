/* SPDX-License-Identifier: BSD-3-Clause */
/* virt.h - a guest's memory by guest-virtual address, through one page table: what fetchers read with. */
#ifndef LOGVISOR_TRAP_VMM_VIRT_H
#define LOGVISOR_TRAP_VMM_VIRT_H

#include "fetch/fetch.h"
#include "guest/arch/x86.h"

/* struct fetch_mem's read; @ctx is a const struct ptable. 0, -EFAULT, or what reading returned. */
int virt_read(void *ctx, uint64_t gva, void *buf, size_t len);

static inline struct fetch_mem virt_of(const struct ptable *t)
{
	return (struct fetch_mem){.read = virt_read, .ctx = (void *)t};
}

#endif
