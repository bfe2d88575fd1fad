/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.bpf.c - find every KVM VM of the host through the files that user space holds of them: an
 * iterator over all open files picks "kvm-vm" and "kvm-vcpu:N" and tells what the kernel knows of
 * each. Works for any VMM.
 */
#include "trap/kvm/bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "trap/kvm/bpf/scan_rec.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ANON_INODE_FS_MAGIC 0x09041934 /* linux/magic.h */
#define KVM_MEM_GUEST_MEMFD (1u << 2)  /* linux/kvm.h, 6.8 */

const volatile __u32 only_pid; /* 0: all processes */

/*
 * Slots told of the VM at hand. In memory of which the verifier knows no value: on the stack it would follow
 * each count by itself through the loop over the buckets, and give up (E2BIG on 7.2).
 */
__u32 told;

struct slot_walk {
	struct seq_file *seq;
	struct kvm_memslots *slots;
	__u32 pid;
	__u32 private;
	__u32 crowded;
	__u64 kvm;
	int node;
};

/* Emit the slots of one hash bucket; a bucket has more than one only if a VM has many slots. */
static long emit_bucket(__u32 i, struct slot_walk *w)
{
	struct kvm_memslots *slots = w->slots;
	struct hlist_node *n = BPF_CORE_READ(slots, id_hash[i & 127].first);
	struct scan_rec r = {.kind = SCAN_SLOT, .pid = w->pid, .kvm = w->kvm};
	__u64 off = bpf_core_field_offset(struct kvm_memory_slot, id_node);

	if (w->node == 1)
		off += sizeof(struct hlist_node) * 2; /* {next, pprev} */
	for (int k = 0; k < 8 && n; k++) {
		struct kvm_memory_slot *s = (void *)n - off;

		if (told >= SCAN_SLOTS_MAX) {
			w->crowded = 1;
			return 1;
		}
		told++;
		r.slot.gpa = BPF_CORE_READ(s, base_gfn) << 12;
		r.slot.len = BPF_CORE_READ(s, npages) << 12;
		r.slot.hva = BPF_CORE_READ(s, userspace_addr);
		r.slot.flags = BPF_CORE_READ(s, flags);
		if (r.slot.flags & KVM_MEM_GUEST_MEMFD)
			w->private = 1;
		if (bpf_seq_write(w->seq, &r, sizeof(r)))
			return 1;
		n = BPF_CORE_READ(n, next);
	}
	if (n)
		w->crowded = 1;
	return 0;
}

static __always_inline __u32 vm_flags(struct kvm *kvm, __u32 memfd_slots)
{
	struct scan_vm_state s = {.memfd_slots = memfd_slots};
	bool b = false;

	if (bpf_core_field_exists(kvm->arch.vm_type)) /* its size differs between kernels */
		s.vm_type = (__u32)BPF_CORE_READ_BITFIELD_PROBED(kvm, arch.vm_type);
	if (bpf_core_field_exists(kvm->arch.has_protected_state)) {
		BPF_CORE_READ_INTO(&b, kvm, arch.has_protected_state);
		s.protected_state = b;
	}
	if (bpf_core_field_exists(struct kvm_svm, sev_info)) {
		struct kvm_svm *svm = (void *)kvm; /* its first member */

		b = false;
		BPF_CORE_READ_INTO(&b, svm, sev_info.active);
		s.sev_active = b;
	}
	return scan_vm_flags(&s);
}

static __always_inline void emit_vm(struct seq_file *seq, struct kvm *kvm, __u32 pid)
{
	struct scan_rec r = {.kind = SCAN_VM, .pid = pid, .kvm = (__u64)kvm};
	struct slot_walk w = {.seq = seq, .pid = pid, .kvm = (__u64)kvm};
	struct kvm_memslots *slots = BPF_CORE_READ(kvm, memslots[0]);

	told = 0;
	w.slots = slots;
	w.node = BPF_CORE_READ(slots, node_idx);
	bpf_loop(128, emit_bucket, &w, 0);
	r.vm.vcpus = BPF_CORE_READ(kvm, online_vcpus.counter);
	r.vm.creator = BPF_CORE_READ(kvm, userspace_pid);
	r.vm.flags = vm_flags(kvm, w.private);
	if (w.crowded)
		r.vm.flags |= SCAN_CROWDED;
	bpf_seq_write(seq, &r, sizeof(r));
}

static __always_inline void emit_vcpu(struct seq_file *seq, struct kvm_vcpu *v, __u32 pid)
{
	struct scan_rec r = {.kind = SCAN_VCPU, .pid = pid};
	bool b = false;

	r.kvm = (__u64)BPF_CORE_READ(v, kvm);
	r.vcpu.idx = BPF_CORE_READ(v, vcpu_idx);
	r.vcpu.id = BPF_CORE_READ(v, vcpu_id);
	r.vcpu.cr0 = BPF_CORE_READ(v, arch.cr0);
	r.vcpu.cr3 = BPF_CORE_READ(v, arch.cr3);
	r.vcpu.cr4 = BPF_CORE_READ(v, arch.cr4);
	r.vcpu.efer = BPF_CORE_READ(v, arch.efer);
	if (bpf_core_field_exists(v->arch.rip))
		r.vcpu.rip = BPF_CORE_READ(v, arch.rip);
	else
		r.vcpu.rip = BPF_CORE_READ(v, arch.regs[VCPU_REGS_RIP]);
	r.vcpu.exits = BPF_CORE_READ(v, stat.exits);
	if (bpf_core_field_exists(v->arch.l1_tsc_scaling_ratio) && bpf_core_field_exists(v->arch.last_guest_tsc) &&
		bpf_core_field_exists(v->arch.l1_tsc_offset))
		r.vcpu.tsc_ratio = BPF_CORE_READ(v, arch.l1_tsc_scaling_ratio);
	if (bpf_core_field_exists(v->arch.guest_state_protected)) {
		BPF_CORE_READ_INTO(&b, v, arch.guest_state_protected);
		if (b)
			r.vcpu.flags |= SCAN_PRIVATE;
	}
	bpf_seq_write(seq, &r, sizeof(r));
}

SEC("iter/task_file")
int scan(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct seq_file *seq = ctx->meta->seq;
	struct dentry *d;
	char name[16] = "";
	void *data;

	if (!task || !file || (only_pid && (__u32)task->tgid != only_pid))
		return 0;
	d = BPF_CORE_READ(file, f_path.dentry);
	if (BPF_CORE_READ(d, d_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(d, d_name.name));
	if (name[0] != 'k' || name[1] != 'v' || name[2] != 'm' || name[3] != '-' || name[4] != 'v')
		return 0;
	data = BPF_CORE_READ(file, private_data);
	if (!data)
		return 0;
	/* A file passed on to another process is not another VM. */
	if (name[5] == 'm' && name[6] == 0) {
		if (BPF_CORE_READ((struct kvm *)data, mm) == BPF_CORE_READ(task, mm))
			emit_vm(seq, data, task->tgid);
	} else if (name[5] == 'c' && name[6] == 'p' && name[7] == 'u' && name[8] == ':') {
		if (BPF_CORE_READ((struct kvm_vcpu *)data, kvm, mm) == BPF_CORE_READ(task, mm))
			emit_vcpu(seq, data, task->tgid);
	}
	return 0;
}
