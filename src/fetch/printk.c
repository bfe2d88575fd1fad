/* SPDX-License-Identifier: BSD-3-Clause */
/* printk.c - the fetcher of printk records, for backends that run it in user space. */
#include "fetch/printk.h"

#include "fetch/printk_fetch.h"

static int run(const struct fetch_mem *mem, const struct fetch_regs *regs, const void *arg, void *out,
	size_t cap)
{
	if (cap < sizeof(struct prb_copy) || prb_fetch_commit((void *)mem, arg, regs->rdi, out))
		return -1;
	return (int)prb_copy_size(out);
}

const struct fetch fetch_printk = {
	.id = FETCH_PRINTK,
	.arg_len = sizeof(struct prb_geometry),
	.out_max = sizeof(struct prb_copy),
	.run = run,
};
