/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gmem.h - a guest's physical memory, as a trap backend lends it. Everything read through it was
 * written by an attacker until proven otherwise, and may change between two reads.
 */
#ifndef LOGVISOR_GUEST_GMEM_H
#define LOGVISOR_GUEST_GMEM_H

#include <stddef.h>
#include <stdint.h>

struct gmem {
	/*
	 * Copy @len bytes at guest-physical @gpa. All or nothing: 0, or -EFAULT if any byte is not
	 * RAM, or another negative errno if the VM is gone (-ESRCH).
	 */
	int (*read)(void *ctx, uint64_t gpa, void *buf, size_t len);
	/*
	 * The next range of RAM at or after @gpa that was ever touched (untouched RAM is all zero and
	 * must stay unallocated): 0 and [*start, *end), or -ENOENT when there is no more.
	 */
	int (*next)(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end);
	void *ctx;
	uint64_t ram_bytes; /* total RAM, for messages */
};

/* The registers from which a walk of guest memory starts. One vCPU, at one moment. */
struct gcpu {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t rip;
};

static inline int gmem_read(const struct gmem *m, uint64_t gpa, void *buf, size_t len)
{
	return m->read(m->ctx, gpa, buf, len);
}

#endif
