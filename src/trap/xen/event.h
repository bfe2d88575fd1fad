/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.h - an event of Xen's monitor as it stands in the ring: struct vm_event_st of xen/vm_event.h, interface version
 * 7 (Xen 4.17 to 4.20), said again here as far as it is used, since no header of Xen is needed to build.
 */
#ifndef LOGVISOR_TRAP_XEN_EVENT_H
#define LOGVISOR_TRAP_XEN_EVENT_H

#include <stddef.h>
#include <stdint.h>

#define XEN_EVENT_VERSION 7 /* VM_EVENT_INTERFACE_VERSION */

/* VM_EVENT_FLAG_* */
#define XEN_EVENT_PAUSED (1u << 0)    /* the vCPU stands still; in an answer: it goes on */
#define XEN_EVENT_EMULATE (1u << 2)   /* an answer: Xen emulates the instruction */
#define XEN_EVENT_SET_REGS (1u << 8)  /* an answer: with these registers */
#define XEN_EVENT_NESTED (1u << 12)   /* of a guest in the guest */

#define XEN_EVENT_DESCRIPTOR 13u /* VM_EVENT_REASON_DESCRIPTOR_ACCESS */
#define XEN_EVENT_LDTR 3u        /* VM_EVENT_DESC_LDTR */

/* struct vm_event_regs_x86 */
struct xen_event_regs {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rflags, dr6, dr7, rip, cr0, cr2, cr3, cr4;
	uint64_t sysenter[3], efer, star, lstar, gdtr_base, npt_base, vmtrace;
	uint32_t base[4];
	uint64_t fs_base, gs_base;
	uint32_t segment[6];
	uint64_t shadow_gs;
	uint16_t gdtr_limit, cs, ss, ds, es, fs, gs, pad;
};

struct xen_event {
	uint32_t version, flags, reason, vcpu;
	uint16_t altp2m, pad[3];
	uint8_t arch[16];            /* of struct vm_event_desc_access */
	uint8_t descriptor, is_write;
	uint8_t rest[14];
	struct xen_event_regs regs;
};

_Static_assert(sizeof(struct xen_event_regs) == 344, "as Xen has it");
_Static_assert(offsetof(struct xen_event_regs, rip) == 152 && offsetof(struct xen_event_regs, cs) == 330, "so too");
_Static_assert(offsetof(struct xen_event, regs) == 56 && sizeof(struct xen_event) == 400, "and so");

#endif
