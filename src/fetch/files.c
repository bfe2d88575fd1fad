/* SPDX-License-Identifier: BSD-3-Clause */
/* files.c - the fetcher of what befalls files, for backends that run it in user space. */
#include "fetch/files.h"

#include "fetch/files_fetch.h"

static int run(const struct fetch_mem *mem, const struct fetch_regs *regs, const void *arg, void *out,
	size_t cap)
{
	if (cap < sizeof(struct files_copy) || files_fetch((void *)mem, arg, regs, out))
		return -1;
	return (int)files_copy_size(out);
}

const struct fetch fetch_files = {
	.id = FETCH_FILES,
	.arg_len = sizeof(struct files_geometry),
	.out_max = sizeof(struct files_copy),
	.run = run,
};
