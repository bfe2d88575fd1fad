/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk.bpf.h - the kernel's log: fetch/printk_fetch.h in the exit. Its argument is a struct prb_geometry with
 * the arrays in the VMM's addresses where they are contiguous there; state[0] is the id of the newest
 * record copied.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_PRINTK_BPF_H
#define LOGVISOR_TRAP_KVM_BPF_PRINTK_BPF_H

#include "trap/kvm/bpf/mem.bpf.h"

#include "fetch/printk_fetch.h"

/* The short way. False: nothing of it counts. */
static __always_inline bool printk_fast(struct kvm_vcpu *v, const struct kvm *kvm, struct hook_ring *r, struct hook_arg *a,
	struct prb_copy *c)
{
	struct near_ctx ctx = {v, r, has_cast};
	bool copied = !prb_fetch_fast(&ctx, (struct prb_geometry *)a->bytes, v->arch.regs[VCPU_REGS_RDI], &a->state[0], c);

	/* Also if not: what stood on a page that is another's by now may have been the reason. */
	if (near_end(kvm, &r->seq)) {
		if (!copied)
			r->near[PRB_NEAR_FRAME].page = 0; /* the guest's own page table may have changed */
		return copied;
	}
	for (int i = 0; i < FETCH_NEAR_MAX; i++)
		r->near[i].page = 0;
	return false;
}

/*
 * The long way, and once more if a remembered translation of the stack's page may have been the reason
 * why it led nowhere. Not inlined: it is rare, and would cost the short way its registers.
 */
static __noinline int printk_slow(struct kvm_vcpu *v, struct hook_arg *a, struct prb_copy *c)
{
	struct prb_geometry *g = (struct prb_geometry *)a->bytes;
	struct cpu cpu = {v->arch.cr3, v->arch.cr4};
	__u64 entry = v->arch.regs[VCPU_REGS_RDI];
	__u32 p = entry / PAGE % HOOK_PAGES;
	__u64 cached = pages[p].gva;
	int err = prb_fetch_commit(&cpu, g, entry, c);

	if (err && cached == (entry & ~(PAGE - 1)) + 1) {
		pages[p].gva = 0;
		pages[(p + 1) % HOOK_PAGES].gva = 0;
		stats.stale++;
		err = prb_fetch_commit(&cpu, g, entry, c);
	}
	if (!err && (__s64)((c->id - a->state[0]) << 2) > 0)
		a->state[0] = c->id;
	return err;
}

/* Bytes written to @c, or negative: nothing could be followed. */
static __always_inline long printk_run(struct kvm_vcpu *v, const struct kvm *kvm, struct hook_ring *r,
	struct hook_arg *a, struct prb_copy *c)
{
	if (printk_fast(v, kvm, r, a, c))
		a->state[0] = c->id;
	else if (printk_slow(v, a, c))
		return -1;
	return prb_copy_size(c);
}

#endif
