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

/*
 * What was copied does not count, or nothing was: the short way once more, looking for pages that are others than the
 * last time. Bytes written to @c, or negative. (This and the next are not inlined: they are rare, and would cost
 * printk_take() its registers. They are two, as all that call each other have 512 bytes of stack.)
 */
static __noinline long printk_seek(struct kvm_vcpu *v, struct hook_ring *r, struct hook_arg *a, struct prb_copy *c)
{
	struct near_ctx near = {v, r, has_cast};

	/* Also if nothing was copied: what stood on a page that is another's by now may have been the reason. */
	if (!near_end(v->kvm, &r->seq))
		for (int i = 0; i < FETCH_NEAR_MAX; i++)
			r->near[i].page = 0;
	if (prb_fetch_fast(&near, (struct prb_geometry *)a->bytes, v->arch.regs[VCPU_REGS_RDI], &a->state[0], c)) {
		r->near[PRB_NEAR_FRAME].page = 0; /* the guest's own page table may have changed */
		return -1;
	}
	if (!near_true(v->kvm, r->seq)) /* which the next time finds too, and forgets them */
		return -1;
	a->state[0] = c->id;
	return prb_copy_size(c);
}

/* The long way, and once more if a remembered translation of the stack's page may have been why it led nowhere. */
static __noinline long printk_slow(struct kvm_vcpu *v, struct hook_arg *a, struct prb_copy *c)
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
	if (err)
		return -1;
	if ((__s64)((c->id - a->state[0]) << 2) > 0)
		a->state[0] = c->id;
	return prb_copy_size(c);
}

/* Bytes written to @c, or negative: nothing could be followed. @cast: has_cast. */
static __always_inline long printk_take(const struct far *far, __u64 entry, struct hook_ring *r, struct hook_arg *a,
	struct prb_copy *c, bool cast)
{
	struct near_ctx near = {NULL, r, cast};
	long len;

	if (prb_fetch_fast(&near, (struct prb_geometry *)a->bytes, entry, &a->state[0], c) || !near_true(far->kvm, r->seq)) {
		len = printk_seek(far->v, r, a, c);
		return len < 0 ? printk_slow(far->v, a, c) : len;
	}
	a->state[0] = c->id;
	return prb_copy_size(c);
}

#endif
