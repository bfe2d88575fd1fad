/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmcoreinfo.h - the note the kernel keeps for crash dumps: lines KEY=value, first OSRELEASE=.
 *
 * Written by kernel/crash_core.c (kernel/vmcore_info.c from 6.9) and arch_crash_save_vmcoreinfo() into
 * one page; documented in Documentation/admin-guide/kdump/vmcoreinfo.rst. SYMBOL() and KERNELOFFSET are
 * hexadecimal without 0x, the rest is decimal, or hexadecimal with 0x.
 */
#ifndef LOGVISOR_GUEST_VMCOREINFO_H
#define LOGVISOR_GUEST_VMCOREINFO_H

#include <stddef.h>
#include <stdint.h>

#define VMCOREINFO_MAX 4096 /* VMCOREINFO_BYTES = PAGE_SIZE on x86, include/linux/vmcore_info.h */
#define VMCOREINFO_MAGIC "OSRELEASE="

struct vmcoreinfo {
	char text[VMCOREINFO_MAX + 1];
	size_t len; /* 0: none */
};

/*
 * Take @len bytes that should be the note: cut at the first byte that is neither printable nor a
 * newline. 0, or -EBADMSG if it does not begin as the note does.
 */
int vmcoreinfo_set(struct vmcoreinfo *v, const char *buf, size_t len);

/* The number of @key, e.g. "SYMBOL(prb)"; -ENOENT, or -EBADMSG if it is no number. */
int vmcoreinfo_number(const struct vmcoreinfo *v, const char *key, uint64_t *value);

/* The text of @key. -ENOENT, or -ENOSPC if it does not fit into @cap bytes with its NUL. */
int vmcoreinfo_text(const struct vmcoreinfo *v, const char *key, char *buf, size_t cap);

#endif
