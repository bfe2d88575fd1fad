/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel.h - the members of the host kernel's structures that the BPF programs read. Offsets are
 * taken from the running host's BTF when a program is loaded (CO-RE), so only names matter here;
 * nothing is needed of the machine this is built on. Linux 5.17 to 7.2: include/linux/kvm_host.h,
 * arch/x86/include/asm/kvm_host.h, include/linux/fs.h.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_KERNEL_H
#define LOGVISOR_TRAP_KVM_BPF_KERNEL_H

#include <linux/bpf.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct kvm_memory_slot {
	struct hlist_node id_node[2];
	__u64 base_gfn;
	unsigned long npages;
	unsigned long userspace_addr;
	__u32 flags;
};

/* Slots are in two generations of lists; node_idx says which links belong to this one. */
struct kvm_memslots {
	struct hlist_head id_hash[128];
	int node_idx;
};

struct kvm_arch {
	unsigned long vm_type;
	bool has_private_mem;
	bool has_protected_state;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long long counter;
} atomic64_t;

/* include/linux/bpf.h */
struct bpf_map {
	atomic64_t usercnt; /* holders in user space: descriptors, mappings, pins */
};

typedef struct {
	unsigned long pgd;
} pgd_t;

struct mm_struct {
	pgd_t *pgd; /* in the host kernel's direct map */
};

struct kvm {
	struct mm_struct *mm;
	struct kvm_memslots *memslots[1];
	atomic_t online_vcpus;
	int userspace_pid; /* thread that created the VM */
	/* How often pages of the VM's memory were taken from under it, and how often just now. */
	unsigned long mmu_invalidate_seq;
	long mmu_invalidate_in_progress;
	unsigned long mmu_notifier_seq; /* the same up to 6.0 */
	long mmu_notifier_count;
	struct kvm_arch arch;
};

/* arch/x86/kvm/svm/svm.h: present if the host's kvm_amd has BTF. */
struct kvm_sev_info {
	bool active;
};

struct kvm_svm {
	struct kvm kvm;
	struct kvm_sev_info sev_info;
};

enum { VCPU_REGS_RAX = 0, VCPU_REGS_RCX = 1, VCPU_REGS_RDX = 2, VCPU_REGS_RSI = 6, VCPU_REGS_RDI = 7, VCPU_REGS_RIP = 16 };

struct kvm_vcpu_arch {
	unsigned long regs[17];
	unsigned long rip; /* 7.2: before, regs[VCPU_REGS_RIP] */
	unsigned long cr0, cr3, cr4;
	__u64 efer;
	bool guest_state_protected;
	/* The guest's TSC when it was left, and how it is made of the host's: scaled, then the offset added. */
	__u64 last_guest_tsc;
	__u64 l1_tsc_offset;
	__u64 l1_tsc_scaling_ratio;
};

struct kvm_vcpu_stat {
	__u64 exits;
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	int vcpu_idx;
	struct kvm_vcpu_stat stat;
	struct kvm_vcpu_arch arch;
};

/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	unsigned long r15;
};

struct super_block {
	unsigned long s_magic;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct super_block *d_sb;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	void *private_data;
};

struct task_struct {
	int tgid;
	struct mm_struct *mm;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
