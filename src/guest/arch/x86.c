/* SPDX-License-Identifier: BSD-3-Clause */
/* x86.c - page tables of a guest. */
#include "guest/arch/x86.h"

#include <errno.h>

struct ptable ptable_of(const struct gmem *mem, const struct gcpu *cpu, unsigned i)
{
	return (struct ptable){
		.mem = mem,
		.root = cpu->cr3 & CR3_ADDR & ~(i ? CR3_PTI_USER : 0),
		.la57 = cpu->cr4 & CR4_LA57,
	};
}

static bool canonical(uint64_t gva, bool la57)
{
	int64_t top = (int64_t)gva >> (la57 ? 56 : 47);

	return top == 0 || top == -1;
}

int ptable_walk(const struct ptable *t, uint64_t gva, struct mapping *out)
{
	uint64_t table = t->root & PTE_ADDR;
	bool write = true, exec = true;

	if (!canonical(gva, t->la57))
		return -EFAULT;
	for (int level = t->la57 ? 5 : 4; level >= 1; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t e, size = 1ull << shift;
		int r = gmem_read(t->mem, table + (gva >> shift & 511) * 8, &e, sizeof(e));

		if (r)
			return r;
		if (!(e & PTE_PRESENT))
			return -EFAULT;
		write &= !!(e & PTE_WRITE);
		exec &= !(e & PTE_NX);
		if (level == 1 || (level <= 3 && (e & PTE_LARGE))) {
			out->gpa = (e & PTE_ADDR & ~(size - 1)) | (gva & (size - 1));
			out->size = size;
			out->write = write;
			out->exec = exec;
			return 0;
		}
		table = e & PTE_ADDR;
	}
	return -EFAULT;
}
