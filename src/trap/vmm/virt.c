/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/vmm/virt.h"

int virt_read(void *ctx, uint64_t gva, void *buf, size_t len)
{
	const struct ptable *t = ctx;
	uint8_t *to = buf;

	while (len) {
		struct mapping m;
		uint64_t left;
		size_t n;
		int r = ptable_walk(t, gva, &m);

		if (r)
			return r;
		left = m.size - (m.gpa & (m.size - 1));
		n = left < len ? (size_t)left : len;
		r = gmem_read(t->mem, m.gpa, to, n);
		if (r)
			return r;
		gva += n;
		to += n;
		len -= n;
	}
	return 0;
}
