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
 * The low half of a pointer, as a number: the verifier allows no other arithmetic on kernel
 * pointers. (A 32-bit move, which clang makes of a cast only from -mcpu=v3 on.)
 */
static __always_inline __u32 low_half(const void *p)
{
	__u64 n;

	asm volatile("r1 = %1; w1 = w1; %0 = r1" : "=r"(n) : "r"(p) : "r1");
	return n;
}

/* @ctx are the arguments: this vCPU is the first. */
static __always_inline void pass(void *ctx, const struct kvm_vcpu *v)
{
	__u64 vm = (__u64)v->kvm, at;
	__u32 i = gate_hash(low_half(v->kvm));

	for (int n = 0; n < GATE_PROBES; n++) {
		at = table.vm[i & (GATE_SLOTS - 1)];
		if (at == vm)
			bpf_tail_call(ctx, &hooks, i & (GATE_SLOTS - 1)); /* comes back if there is none */
		if (at == GATE_EMPTY)
			break;
		i++;
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
