/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook.bpf.c - the trap. Runs in the host around kvm_emulate_invd(), in the vCPU's own exit: if
 * the guest came from a planted site, run the site's fetcher and leave what it copied in this vCPU's ring.
 * One program per protected VM, reached through the host's gate (gate.bpf.c), which passes its
 * arguments on.
 *
 * At fexit: KVM has just skipped the instruction, so that RIP, lazily cached on Intel, is
 * valid and stands behind it (arch/x86/kvm/x86.c, kvm_skip_emulated_instruction). On AMD RIP is there from the
 * beginning, and fentry takes less (gate.h, gate_at_entry()). The
 * VMM's address space is current, so guest memory is read as its user memory, without faulting.
 */
#include "trap/kvm/bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "trap/kvm/bpf/mem.bpf.h"
#include "trap/kvm/bpf/ring.bpf.h"

#include "trap/kvm/bpf/printk.bpf.h"
#include "trap/kvm/bpf/unix.bpf.h"
#include "trap/kvm/bpf/files.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Who made the VM this program is for: the gate goes by a VM's address, which may be used again. */
const volatile __u32 vm_creator;

/* Written by the worker, the VM being stopped. */
struct {
	struct hook_site at[HOOK_PLACES]; /* each at its hook_place() */
	__u64 seed;
} sites;
struct hook_arg args[HOOK_ARGS_MAX];

static __always_inline __u64 reg_rip(struct kvm_vcpu *v)
{
	__u64 rip;

	if (bpf_core_field_exists(v->arch.rip)) {
		rip = v->arch.rip;
		KEPT(rip); /* or both become one load, from a place that is computed */
	} else {
		rip = v->arch.regs[VCPU_REGS_RIP];
	}
	return rip;
}

/*
 * When the vCPU left the guest. KVM has read the TSC then (vcpu_enter_guest(), 5.17 to 7.2), which takes a third of
 * asking the kernel for the time. What the guest does to its own TSC is in the offset.
 */
static __always_inline __u64 left_at(const struct kvm_vcpu *v, bool tsc)
{
	return tsc ? v->arch.last_guest_tsc - v->arch.l1_tsc_offset : bpf_ktime_get_ns();
}

/* Constants: @cast is has_cast; @tsc: a copy's time is of the host's TSC, else of CLOCK_MONOTONIC. */
static __always_inline int run(struct kvm_vcpu *v, bool cast, bool tsc)
{
	const struct hook_site *s;
	const struct kvm *kvm;
	struct hook_ring *r;
	struct hook_copy *c;
	struct hook_arg *a;
	struct far far;
	__u64 rip, used;
	__u32 idx;
	long len;

	if (!lives(&worker_life))
		return 0;
	kvm = v->kvm;
	if ((__u32)FAR_MEMBER(kvm, userspace_pid) != vm_creator)
		return 0;
	far.v = v;
	far.kvm = kvm;
	rip = reg_rip(v);
	s = &sites.at[hook_place(rip, sites.seed)];
	KEPT(s);
	if (s->rip != rip) {
		stats.foreign++;
		return 0;
	}
	idx = v->vcpu_idx;
	r = bpf_map_lookup_elem(&rings, &idx);
	if (!r)
		return 0;
	used = r->head - *(volatile __u64 *)&r->tail;
	if (used >= high_water && !room(r, used))
		return 0;
	c = (void *)(r + 1) + (r->head & ring_mask);
	KEPT(c);
	c->who = s->who;
	c->flags = 0;
	a = &args[s->arg & (HOOK_ARGS_MAX - 1)];
	KEPT(a);
	/* One case for each source; what is rare in them is not inlined. */
	switch (s->fetch) {
	case FETCH_PRINTK:
		len = printk_take(&far, v->arch.regs[VCPU_REGS_RDI], r, a, (void *)(c + 1), cast);
		break;
	case FETCH_UNIX:
		len = unix_take(&far, r, a, c, cast);
		if (len == UNIX_UNWANTED)
			return 0;
		break;
	case FETCH_FILES:
		len = files_take(far.v, r, a, c, cast);
		break;
	default:
		len = -1;
	}
	if (len < 0) {
		r->fail++;
		return 0;
	}
	c->time = left_at(far.v, tsc);
	c->len = len;
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&r->head = r->head + HOOK_STEP(len);
	return 0;
}

/* One of the four is loaded (hook.c). */
SEC("fexit/kvm_emulate_invd")
int BPF_PROG(hook_loads, struct kvm_vcpu *v)
{
	return run(v, true, true);
}

SEC("fexit/kvm_emulate_invd")
int BPF_PROG(hook_calls, struct kvm_vcpu *v)
{
	return run(v, false, true);
}

SEC("fexit/kvm_emulate_invd")
int BPF_PROG(hook_loads_clock, struct kvm_vcpu *v)
{
	return run(v, true, false);
}

SEC("fexit/kvm_emulate_invd")
int BPF_PROG(hook_calls_clock, struct kvm_vcpu *v)
{
	return run(v, false, false);
}
