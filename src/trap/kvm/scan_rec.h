/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_rec.h - what scan.bpf.c tells user space: one finding at a time, through a BPF iterator.
 */
#ifndef LOGVISOR_TRAP_KVM_SCAN_REC_H
#define LOGVISOR_TRAP_KVM_SCAN_REC_H

#include <linux/types.h>

enum scan_kind { SCAN_VM = 1, SCAN_SLOT = 2, SCAN_VCPU = 3 };

enum scan_flag {
	SCAN_PRIVATE = 1 << 0, /* SEV, TDX or guest_memfd: the host cannot read its memory */
	SCAN_HYPERV = 1 << 1,  /* hypercalls are decoded as Hyper-V's */
	SCAN_XEN = 1 << 2,     /* hypercalls are decoded as Xen's */
};

struct scan_rec {
	__u32 kind;
	__u32 pid; /* of the VMM process, in the host's initial pid namespace */
	__u64 kvm; /* the kernel's struct kvm: equal for all findings of one VM */
	union {
		struct {
			__u32 vcpus;
			__u32 flags; /* enum scan_flag */
			__u32 creator; /* thread that created it */
		} vm;
		struct {
			__u64 gpa, len, hva;
			__u32 flags; /* KVM_MEM_*, linux/kvm.h */
		} slot;
		struct {
			__u32 idx;
			__u32 flags; /* enum scan_flag */
			__u64 cr0, cr3, cr4, efer, rip;
		} vcpu;
	};
};

#endif
