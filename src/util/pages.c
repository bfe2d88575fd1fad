/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/pages.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Segments that are never written, relocations included, are what their file says at any time:
 * dropping their pages loses nothing. (The vDSO's are no file's; the kernel refuses, and keeps them.)
 */
static int release_object(struct dl_phdr_info *o, size_t size, void *ctx)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size, (void)ctx;
	for (unsigned i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &o->dlpi_phdr[i];
		uintptr_t from = (o->dlpi_addr + h->p_vaddr) & ~(page - 1);
		uintptr_t to = (o->dlpi_addr + h->p_vaddr + h->p_filesz) & ~(page - 1);

		if (h->p_type == PT_LOAD && !(h->p_flags & PF_W) && to > from)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void pages_release(void)
{
	malloc_trim(0);
	dl_iterate_phdr(release_object, NULL);
}
