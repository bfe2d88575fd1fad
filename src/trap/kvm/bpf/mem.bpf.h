/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mem.bpf.h - a guest's memory, read in one of its exits: through the VMM's mapping, which is current there and
 * is read without faulting, or, faster, from where the host's kernel maps the same pages for itself.
 * Included once, by hook.bpf.c, before any fetcher's text, for which it defines how memory is read.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_MEM_BPF_H
#define LOGVISOR_TRAP_KVM_BPF_MEM_BPF_H

#include "trap/kvm/bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

static __always_inline int guest_copy(void *ctx, void *dst, __u32 len, __u64 gva);
static __always_inline long near_copy(void *ctx, __u32 what, void *dst, __u64 len, __u64 gva);
#define FETCH_READ(ctx, dst, len, gva) guest_copy((ctx), (dst), (len), (gva))
/* A length that was just checked has to stay in the register that the verifier saw. */
#define FETCH_LEN(len) asm volatile("" : "+r"(len))
#define FETCH_NEAR(ctx, what, dst, len, gva) near_copy((ctx), (what), (dst), (len), (gva))

#include "guest/arch/x86_bits.h"
#include "trap/kvm/bpf/hook_rec.h"

#define PAGE 4096ULL

/* So that the compiler has what is rare pay for there being few registers that outlast a call. */
#define MOSTLY(x) __builtin_expect(!!(x), 1)
/* What is kept, and not computed again and again, or in another way. */
#define KEPT(p) asm volatile("" : "+r"(p))

/* Written by the worker, the VM being stopped. */
struct hook_slot slots[HOOK_SLOTS_MAX];
struct hook_page pages[HOOK_PAGES];
struct hook_stats stats;

/* What a walk starts from. */
struct cpu {
	__u64 cr3, cr4;
};

/*
 * Where the VMM has the guest-physical @gpa, 0 if nowhere. (These three are global functions, which the
 * verifier checks once each and not at every call.)
 */
__noinline __u64 hva_of(__u64 gpa)
{
	for (int i = 0; i < HOOK_SLOTS_MAX; i++) {
		__u64 at = gpa - slots[i].gpa;

		if (at < slots[i].len)
			return slots[i].hva + at;
		if (!slots[i].len)
			break;
	}
	return 0;
}

/* Translate by the guest's page table. Returns the HVA of @gva's byte, 0 if it is not mapped. */
__noinline __u64 walk(__u64 gva, __u64 cr3, __u64 cr4)
{
	__u64 table = cr3 & PTE_ADDR, entry, hva;
	int shift = cr4 & CR4_LA57 ? 48 : 39;

	__sync_fetch_and_add(&stats.walks, 1);
	for (int i = 0; i < 5; i++) {
		hva = hva_of(table + (gva >> shift & 511) * 8);
		if (!hva || bpf_probe_read_user(&entry, sizeof(entry), (void *)hva))
			return 0;
		if (!(entry & PTE_PRESENT))
			return 0;
		if (shift == 12 || (entry & PTE_LARGE && shift <= 30)) {
			__u64 mask = (1ULL << shift) - 1;

			return hva_of((entry & PTE_ADDR & ~mask) | (gva & mask));
		}
		table = entry & PTE_ADDR;
		shift -= 9;
	}
	return 0;
}

/* Walk, and remember. */
__noinline __u64 walk_page(__u64 page, __u64 cr3, __u64 cr4)
{
	struct hook_page *p = &pages[page / PAGE % HOOK_PAGES];
	__u64 hva = walk(page, cr3, cr4);

	if (!hva)
		return 0;
	p->gva = 0;
	p->hva = hva;
	p->gva = page + 1;
	return hva;
}

static __always_inline __u64 translate(const struct cpu *cpu, __u64 gva)
{
	const struct hook_page *p = &pages[gva / PAGE % HOOK_PAGES];
	__u64 page = gva & ~(PAGE - 1), hva;

	if (p->gva == page + 1)
		return p->hva + (gva - page);
	hva = walk_page(page, cpu->cr3, cpu->cr4);
	return hva ? hva + (gva - page) : 0;
}

/*
 * The ring's arrays are given in the VMM's addresses (user space: the sign bit is clear), since they
 * never move; the guest's kernel addresses have it set: the stack, and arrays that are not contiguous.
 */
static __always_inline int guest_copy(void *ctx, void *dst, __u32 len, __u64 at)
{
	__u64 hva;

	if ((__s64)at >= 0)
		return bpf_probe_read_user(dst, len, (void *)at);
	if ((at & (PAGE - 1)) + len <= PAGE) {
		hva = translate(ctx, at);
		return hva ? bpf_probe_read_user(dst, len, (void *)hva) : -1;
	}
	if (len != 24)
		return -1;
	for (int i = 0; i < 3; i++) {
		hva = translate(ctx, at + 8 * i);
		if (!hva || bpf_probe_read_user((__u64 *)dst + i, 8, (void *)hva))
			return -1;
	}
	return 0;
}

/*
 * The host's kernel maps all RAM at page_offset_base (arch/x86/include/asm/page_64.h; moved by KASLR).
 * Reading there takes half the instructions of a copy from user space, and the pages are the same. Without
 * these symbols (kptr_restrict=2, say) there is only the other way.
 */
extern const void page_offset_base __ksym __weak;
extern const void pgdir_shift __ksym __weak; /* 48 with 5 levels, else 39 */
extern const void sme_me_mask __ksym __weak; /* the bit of an address that says "encrypted" (AMD) */

/* Where the host's kernel has the byte that its page table at @pgd maps at @hva, 0 if nowhere. */
__noinline __u64 direct_map(__u64 pgd, __u64 hva)
{
	__u64 base, table = pgd, entry, sme = 0;
	__u32 shift = 39;

	if (!&page_offset_base || bpf_probe_read_kernel(&base, sizeof(base), &page_offset_base))
		return 0;
	if (&pgdir_shift && bpf_probe_read_kernel(&shift, sizeof(shift), &pgdir_shift))
		return 0;
	if (hva >> (shift + 8)) /* not the VMM's half of its page table */
		return 0;
	if (&sme_me_mask && bpf_probe_read_kernel(&sme, sizeof(sme), &sme_me_mask))
		return 0;
	__sync_fetch_and_add(&stats.nears, 1);
	for (int i = 0; i < 5; i++) {
		if (bpf_probe_read_kernel(&entry, sizeof(entry), (void *)(table + (hva >> shift & 511) * 8)) ||
			!(entry & PTE_PRESENT))
			return 0;
		entry &= ~sme;
		if (shift == 12 || (entry & PTE_LARGE && shift <= 30)) {
			__u64 mask = (1ULL << shift) - 1;

			return base + ((entry & PTE_ADDR & ~mask) | (hva & mask));
		}
		table = base + (entry & PTE_ADDR);
		shift -= 9;
	}
	return 0;
}

/*
 * A number as a pointer to kernel memory, of a structure's type: then words are read by one load each, with
 * an entry in the kernel's table of exceptions, and a call of bpf_probe_read_kernel(), which takes 70 instructions
 * before its first word, is spared. Linux 6.2 has it (kernel/bpf/helpers.c); whether the host's kernel does
 * user space says (hook.c). struct pt_regs is nothing but words.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
const volatile bool has_cast;

#define CAST_MAX 64 /* bytes; of more the call takes less */

/*
 * Copy from the direct map, by loads if @cast (has_cast). There nothing faults while near_end() finds that the page was
 * not taken away; a load that does reads 0.
 */
static __always_inline long direct_copy(bool cast, void *dst, __u64 len, __u64 at)
{
	const __u64 *from;

	if (!cast || !__builtin_constant_p(len) || len > CAST_MAX || (len % 8 && len != 4)) {
		KEPT(dst); /* which is part of something: one register for both */
		return bpf_probe_read_kernel(dst, len, (void *)at);
	}
	from = bpf_rdonly_cast((const void *)at, bpf_core_type_id_kernel(struct pt_regs));
	if (len == 4) {
		__u32 word = *(const __u32 *)from;

		KEPT(word); /* or one load may be made of this and of another from the stack, which the verifier refuses */
		*(__u32 *)dst = word;
	}
#pragma unroll
	for (int i = 0; i < CAST_MAX / 8; i++)
		if (i < (int)(len / 8))
			((__u64 *)dst)[i] = from[i];
	return 0;
}

/* What is wanted rarely, or at the end once more: in memory, so that more registers that outlast a call are left. */
struct far {
	struct kvm_vcpu *volatile v;
	const struct kvm *volatile kvm;
};

struct near_ctx {
	struct kvm_vcpu *v; /* NULL: only what lies where it lay the last time */
	struct hook_ring *r;
	bool cast; /* has_cast */
};

/* Find @page, and remember. Not inlined: it is rare. */
static __noinline bool near_find(struct kvm_vcpu *v, struct hook_near *n, __u64 page)
{
	struct cpu cpu = {v->arch.cr3, v->arch.cr4};
	__u64 hva = (__s64)page < 0 ? translate(&cpu, page) : page;

	n->page = page;
	n->at = hva ? direct_map((__u64)BPF_CORE_READ(v, kvm, mm, pgd), hva) : 0; /* as a number */
	if (!n->at)
		n->page = 0;
	return n->at;
}

/*
 * FETCH_NEAR, @ctx being a struct near_ctx: what lies in one page, from the host's direct map; what is in the VMM's
 * addresses from there at worst.
 */
static __always_inline long near_copy(void *ctx, __u32 what, void *dst, __u64 len, __u64 at)
{
	const struct near_ctx *c = ctx;
	struct hook_near *n = &c->r->near[what];
	__u64 in = at - n->page;

	if (in > PAGE - len) {
		if (!c->v)
			return -1;
		in = at & (PAGE - 1);
		if (in > PAGE - len || !near_find(c->v, n, at - in))
			return (__s64)at < 0 ? -1 : bpf_probe_read_user(dst, len, (void *)at);
	}
	return direct_copy(c->cast, dst, len, n->at + in);
}

/* Members that are too far away for a load: struct kvm has the memory slots' hash tables in it (6.1). */
#define FAR_MEMBER(kvm, member)                                                                           \
	({                                                                                                \
		__u64 off = bpf_core_field_offset((kvm)->member);                                         \
		asm volatile("" : "+r"(off));                                                             \
		*(typeof((kvm)->member) *)((const char *)(kvm) + off);                                    \
	})

/*
 * KVM's protocol for who remembers where a page is (include/linux/kvm_host.h, mmu_invalidate_retry()):
 * before the host's kernel takes any page of the VM's memory away it has in_progress count up, and after it
 * seq, then in_progress down. So if after a read in_progress is 0, and seq what it was when the page was
 * looked up, then what was read was that page.
 */
static __always_inline __u64 invalidate_seq(const struct kvm *kvm)
{
	if (bpf_core_field_exists(kvm->mmu_invalidate_seq))
		return FAR_MEMBER(kvm, mmu_invalidate_seq);
	if (bpf_core_field_exists(kvm->mmu_notifier_seq))
		return FAR_MEMBER(kvm, mmu_notifier_seq);
	return 0;
}

/*
 * After a row of reads by what is remembered: does it count? @seq was KVM's before any of the remembered pages was
 * looked up. A host's kernel that has neither is believed nothing: there the long way is the only one.
 */
static __always_inline bool near_true(const struct kvm *kvm, __u64 seq)
{
	asm volatile("" ::: "memory");
	if (bpf_core_field_exists(kvm->mmu_invalidate_in_progress))
		return !FAR_MEMBER(kvm, mmu_invalidate_in_progress) && FAR_MEMBER(kvm, mmu_invalidate_seq) == seq;
	if (bpf_core_field_exists(kvm->mmu_notifier_count))
		return !FAR_MEMBER(kvm, mmu_notifier_count) && FAR_MEMBER(kvm, mmu_notifier_seq) == seq;
	return false;
}

/*
 * The same, for what is rare. False: the caller has to forget the pages, and *@seq is the one for what is looked up
 * from now on. (What was not true does not become so again: seq counts up before in_progress goes back.)
 */
static __always_inline bool near_end(const struct kvm *kvm, __u64 *seq)
{
	if (near_true(kvm, *seq))
		return true;
	stats.moved++;
	*seq = invalidate_seq(kvm);
	return false;
}

#endif
