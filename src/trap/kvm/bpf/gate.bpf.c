/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gate.bpf.c - the one program of the host that hangs on kvm_emulate_invd(). It looks up which VM the
 * vCPU belongs to and jumps to that VM's hook (hook.bpf.c), which sees the same arguments. Nobody but a
 * trap executes INVD, so it costs nothing else on the host; and the kernel's limit of programs on one
 * function (BPF_MAX_TRAMP_LINKS, 38) is no limit of VMs.
 *
 * On its end, or on its beginning where that will do, as user space says (gate.h, gate_at_entry()).
 *
 * On kvm_emulate_wbinvd() too: where the host itself runs on a CPU that QEMU's TCG emulates, its INVD is
 * told as WBINVD (QEMU up to 8.0: target/i386/tcg/translate.c tests the wrong bit of the opcode).
 */
#include "trap/kvm/bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "trap/kvm/bpf/gate_rec.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct gate_table table;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, GATE_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} hooks SEC(".maps");

/*
 * @ctx are the arguments: this vCPU is the first. Nothing is wanted of a register after the tail call, which comes back
 * if there is no program (the VM is just leaving): so none has to be kept over it.
 */
static __always_inline void pass(void *ctx, const struct kvm_vcpu *v)
{
	__u64 vm = (__u64)v->kvm, at;
	__u32 i = gate_hash((__u32)vm); /* of a pointer the verifier allows its low half as a number, no other arithmetic */

	for (int n = 0; n < GATE_PROBES; n++, i = (i + 1) & (GATE_SLOTS - 1)) {
		at = table.vm[i];
		if (at == vm) {
			bpf_tail_call(ctx, &hooks, i);
			break;
		}
		if (at == GATE_EMPTY)
			break;
	}
}

SEC("fexit/kvm_emulate_invd")
int BPF_PROG(logvisor_gate2, struct kvm_vcpu *v)
{
	pass(ctx, v);
	return 0;
}

SEC("fexit/kvm_emulate_wbinvd")
int BPF_PROG(logvisor_gate2w, struct kvm_vcpu *v)
{
	pass(ctx, v);
	return 0;
}
