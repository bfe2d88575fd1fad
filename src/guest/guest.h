/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest.h - what is running in there: finds a Linux kernel, its symbols and its types in a guest's
 * RAM, with no profile and nothing but the memory and one vCPU's registers.
 *
 * Everything found was written by the guest and is validated against something else before it is
 * used; each step says what it found or why it failed, by name.
 */
#ifndef LOGVISOR_GUEST_GUEST_H
#define LOGVISOR_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/gmem.h"
#include "util/err.h"

struct guest; /* owned by the caller of guest_find, freed by guest_free */

struct guest_info {
	char release[128];    /* OSRELEASE of VMCOREINFO, e.g. "6.1.0-40-cloud-amd64" */
	char build_id[41];    /* hex; empty if the kernel does not tell (before 5.10+) */
	uint64_t kaslr_virt;  /* KERNELOFFSET */
	uint64_t kaslr_phys;  /* where the image's first byte is, guest-physical */
	bool la57;            /* 5-level paging */
	uint64_t cr3;         /* a page table that maps the kernel */
	char kallsyms_layout[32];
	uint32_t kallsyms_count;
	uint64_t btf_bytes;   /* 0: there is none, or: */
	char btf_why[128];    /* what is wrong with it, so that it is not used; empty if nothing is */
	char boot[17];        /* 16 hex digits naming this boot of the guest; doc/format.md */
	bool boot_marked;     /* another boot has another name: there is KASLR, or a canary that is known */
	struct { const char *name; uint32_t us; } step[12]; /* time each step took */
	unsigned steps;
};

/*
 * Find the kernel that @cpu is running. 0 and *out; -EAGAIN with @e if no booted Linux kernel is there
 * *yet* (firmware, boot loader, decompressor: worth waiting); -EINPROGRESS if there is one in its first
 * moments, or made to look so; -ENOEXEC if there is something else and waiting will not help; -EBADMSG if
 * guest memory contradicts itself; -ESRCH if the VM is gone.
 * @cpu may be NULL: then RAM is scanned, and stale kernels of earlier boots may be found.
 */
int guest_find(struct guest **out, const struct gmem *mem, const struct gcpu *cpu, struct err *e);
void guest_free(struct guest *g);
const struct guest_info *guest_info(const struct guest *g);

/* Release what only finding needed (the symbol index, BTF), once all questions were asked. */
void guest_trim(struct guest *g);

/*
 * Does the kernel found still run, going by memory alone? 0 yes; -ESTALE with @e if its marks changed
 * (the guest rebooted or kexec'd); -ESRCH VM gone. Cheap: a few reads, to be called often.
 */
int guest_alive(const struct guest *g, struct err *e);
/*
 * The marks changed although the kernel found runs on, as its owner knows: somebody altered them. Take those
 * of now for its marks; @e says which changed. 0, -EFAULT, -ESRCH.
 */
int guest_remark(struct guest *g, struct err *e);

/*
 * Is @cpu running the kernel found, going by its page table? 0 yes; -ESTALE with @e if it runs another
 * kernel or none (firmware after a reset); -ESRCH VM gone. RAM of an earlier boot may outlive a reset
 * by seconds, so ask this when guest_alive() says yes and nothing moves. @cpu's page table is a process's:
 * if the VM ran on and the process ended since @cpu was read, -ESTALE is wrong; find the guest again, the
 * same boot id tells.
 */
int guest_runs_on(const struct guest *g, const struct gcpu *cpu, struct err *e);

/*
 * Address of kallsyms symbol @name (exact; the first of namesakes), or -ENOENT. Symbols of the kernel
 * image only, not of modules. After guest_trim() there are none.
 */
int guest_symbol(const struct guest *g, const char *name, uint64_t *gva);
/* The addresses of all symbols called @name, at most @max of them; how many were stored. */
unsigned guest_symbols(const struct guest *g, const char *name, uint64_t *gva, unsigned max);

/* Call @f for each symbol in kallsyms order until it returns non-zero, which is returned. */
int guest_each_symbol(const struct guest *g,
	int (*f)(void *ctx, const char *name, char type, uint64_t gva), void *ctx);

/*
 * Byte offset and size of a member from the guest's BTF, e.g. ("printk_info", "seq"); nested members
 * by dots ("desc_ring.head_id"), through anonymous structs and unions. -ENOENT if there is none.
 */
int guest_member(const struct guest *g, const char *type, const char *member, uint32_t *offset,
	uint32_t *size);
/* The same in bits, exact for bit-fields: ("printk_info", "level"). */
int guest_bits(const struct guest *g, const char *type, const char *member, uint64_t *bit,
	uint64_t *bits);
int guest_sizeof(const struct guest *g, const char *type, uint32_t *size);
int guest_enum(const struct guest *g, const char *enumerator, int64_t *value);
/* NUMBER/OFFSET/SIZE/LENGTH/SYMBOL entries of VMCOREINFO, by the whole key: "OFFSET(prb.desc_ring)". */
int guest_vmcoreinfo(const struct guest *g, const char *key, uint64_t *value);

/*
 * The kernel's count of timer ticks (jiffies_64), which goes on while it runs and is not idle: 0 and *@n; -ENOENT
 * if it has none that can be found, or what guest_read() returned. Works after guest_trim().
 */
int guest_ticks(const struct guest *g, uint64_t *n);

/* Guest-virtual to guest-physical by the kernel's page table; -EFAULT if not mapped. */
int guest_translate(const struct guest *g, uint64_t gva, uint64_t *gpa, uint64_t *page_size);
/*
 * guest_read() takes the kernel's image and the direct map for linear, as they were when it was found. Are
 * [@gva, @gva + @len) still mapped there? 0; -ESTALE: no; -EFAULT and others: cannot be told. Some five reads
 * for each page of the page table.
 */
int guest_maps(const struct guest *g, uint64_t gva, uint64_t len);
/* From now on let guest_read() walk the page table for each page. */
void guest_walk(struct guest *g);
/* Copy from kernel virtual memory; crosses pages; all or nothing (-EFAULT). */
int guest_read(const struct guest *g, uint64_t gva, void *buf, size_t len);
/* The same for fetchers, which know no guest. Valid as long as @g is. */
struct fetch_mem guest_mem(const struct guest *g);

#endif
