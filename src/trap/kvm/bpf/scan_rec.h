/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan_rec.h - what scan.bpf.c tells user space: one finding at a time, through a BPF iterator.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_SCAN_REC_H
#define LOGVISOR_TRAP_KVM_BPF_SCAN_REC_H

#include <linux/types.h>

enum scan_kind { SCAN_VM = 1, SCAN_SLOT = 2, SCAN_VCPU = 3 };

enum scan_flag {
	SCAN_PRIVATE = 1 << 0, /* SEV, TDX or guest_memfd: the host cannot read its memory */
	SCAN_CROWDED = 1 << 1, /* it has more slots than are told */
};

/*
 * Slots told of one VM. What an iterator writes in one step has to fit into its buffer, 32 KiB
 * (kernel/bpf/bpf_iter.c), else reading fails for all VMs.
 */
#define SCAN_SLOTS_MAX 256

/* What the host's kernel says of a VM: members of struct kvm, 0 where this kernel has none. */
struct scan_vm_state {
	__u32 vm_type;         /* arch.vm_type: KVM_X86_*_VM, 6.8 */
	__u32 protected_state; /* arch.has_protected_state, 6.11 */
	__u32 sev_active;      /* struct kvm_svm, sev_info.active */
	__u32 memfd_slots;     /* a slot has KVM_MEM_GUEST_MEMFD, 6.8 */
};

/* 0: default, 1: software-protected, which shows in its slots, then SEV, SEV-ES, SNP and TDX. */
static inline __attribute__((always_inline)) __u32 scan_vm_flags(const struct scan_vm_state *s)
{
	return s->vm_type >= 2 || s->protected_state || s->sev_active || s->memfd_slots ? SCAN_PRIVATE : 0;
}

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
			__u32 id; /* of its local APIC */
			__u64 cr0, cr3, cr4, efer, rip;
			__u64 exits; /* from the guest, since the vCPU was made */
			__u64 tsc_ratio; /* arch.l1_tsc_scaling_ratio; 0: this kernel does not tell when the guest was left */
		} vcpu;
	};
};

#endif
