/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - what guest.h's opaque struct guest holds; for the files of this room only.
 */
#ifndef LOGVISOR_GUEST_STATE_H
#define LOGVISOR_GUEST_STATE_H

#include "guest/btf.h"
#include "guest/guest.h"
#include "guest/image.h"
#include "guest/kallsyms.h"
#include "guest/vmcoreinfo.h"

/* Values of the guest that differ from boot to boot; see boot.c. */
struct boot_marks {
	uint64_t bases[3]; /* page_offset_base, vmalloc_base, vmemmap_base; 0 if not randomized */
	uint64_t canary;   /* init_task's stack canary; 0 if not known */
	char banner[64];   /* how linux_banner begins */
	char note[64];     /* how VMCOREINFO begins */
};

struct guest {
	struct gmem mem;
	struct ptable table; /* the kernel's own page table once found, the vCPU's until then */
	struct image *image; /* static mapping of the kernel image */
	struct kallsyms syms;
	struct btf_index btf;
	struct vmcoreinfo note;
	struct guest_info info;

	uint64_t text;       /* GVA of _text (or _stext), where the image begins */
	uint64_t note_gva;   /* of VMCOREINFO; 0: not found by its symbol */
	uint64_t banner_gva, bases_gva[3], canary_gva; /* of the marks; 0: absent */
	uint64_t ticks_gva;  /* of jiffies_64; 0: absent */
	bool walk; /* the image and the direct map are not to be relied on */
	uint64_t direct_base, direct_len; /* the direct map; 0: not known */
	struct boot_marks marks;
};

/* @r of gmem's read, as a message. Returns @r. */
int state_unreadable(int r, struct err *e);

/* vmcoreinfo: by the symbols, or else by looking through RAM. 0, -ENOENT, -EBADMSG, -EAGAIN. */
int state_load_note(struct guest *g, struct err *e);

/*
 * Find the blob by __start_BTF or its header and load it. -ENOENT and -EBADMSG (with what is wrong with it
 * in @e) leave g->btf empty.
 */
int state_load_btf(struct guest *g, struct err *e);

/* Read the marks of this boot and derive info.boot from them. */
int state_load_boot(struct guest *g, struct err *e);

/*
 * Without a vCPU's registers: look through RAM for a kernel, and derive its page table. 0, -EAGAIN if
 * there is none, -EBADMSG.
 */
int state_scan(const struct gmem *mem, struct ptable *t, struct err *e);

#endif
