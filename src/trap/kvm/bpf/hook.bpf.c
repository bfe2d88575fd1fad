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

/* How far RIP still is from the end of the instruction: 0 at the end of kvm_emulate_invd(). */
const volatile __u32 rip_ahead;

/* Written by the worker, the VM being stopped. */
struct hook_site sites[HOOK_PLACES]; /* each at its hook_place() */
__u64 site_seed;
struct hook_arg args[HOOK_ARGS_MAX];

static __always_inline __u64 reg_rip(struct kvm_vcpu *v)
{
	if (bpf_core_field_exists(v->arch.rip))
		return v->arch.rip;
	return v->arch.regs[VCPU_REGS_RIP];
}

/* A pointer that is kept, and not computed again and again. */
#define KEPT(p) asm volatile("" : "+r"(p))

SEC("fexit/kvm_emulate_invd")
int BPF_PROG(hook, struct kvm_vcpu *v)
{
	const struct hook_site *s;
	const struct kvm *kvm;
	struct hook_ring *r;
	struct hook_copy *c;
	struct hook_arg *a;
	__u64 rip, head, used;
	__u32 idx;
	long len;

	if (!lives(&worker_life))
		return 0;
	kvm = v->kvm;
	if ((__u32)FAR_MEMBER(kvm, userspace_pid) != vm_creator)
		return 0;
	rip = reg_rip(v) + rip_ahead;
	s = &sites[hook_place(rip, site_seed)];
	KEPT(s);
	if (s->rip != rip) {
		stats.foreign++;
		return 0;
	}
	idx = v->vcpu_idx;
	if (idx >= HOOK_VCPUS_MAX)
		return 0;
	r = &rings[idx];
	KEPT(r);
	head = r->head;
	used = head - *(volatile __u64 *)&r->tail;
	if (used >= high_water && !room(r, used))
		return 0;
	c = bpf_map_lookup_elem(&copies, &idx);
	if (!c) {
		r->fail++;
		return 0;
	}
	c = (void *)c + (head & ring_mask);
	a = &args[s->arg & (HOOK_ARGS_MAX - 1)];
	KEPT(a);
	c->flags = 0;
	/* One case for each source; what is rare in them is not inlined. */
	switch (s->fetch) {
	case FETCH_PRINTK:
		len = printk_run(v, kvm, r, a, (void *)(c + 1));
		break;
	case FETCH_UNIX:
		len = unix_take(v, r, a, c, idx);
		if (len == UNIX_UNWANTED)
			return 0;
		break;
	case FETCH_FILES:
		len = files_take(v, r, a, c, idx);
		break;
	default:
		len = -1;
	}
	if (len < 0) {
		r->fail++;
		return 0;
	}
	c->time_ns = bpf_ktime_get_ns();
	c->who = s->who;
	c->len = len;
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&r->head = head + HOOK_STEP(len);
	return 0;
}
