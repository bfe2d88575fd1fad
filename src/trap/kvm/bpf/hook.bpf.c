/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook.bpf.c - the trap. Runs in the host at the end of kvm_emulate_invd(), in the vCPU's own exit: if
 * the guest came from a planted site, follow the record's pointers and copy it into this vCPU's ring.
 * One program per protected VM, reached through the host's gate (gate.bpf.c), which passes its
 * arguments on.
 *
 * At fexit, not fentry: KVM has just skipped the instruction, so that RIP, lazily cached on Intel, is
 * valid and stands behind it (arch/x86/kvm/x86.c, kvm_skip_emulated_instruction). The
 * VMM's address space is current, so guest memory is read as its user memory, without faulting.
 */
#include "trap/kvm/bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

static __always_inline int guest_copy(void *ctx, void *dst, __u32 len, __u64 gva);
static __always_inline long near_copy(void *ctx, __u32 what, void *dst, __u64 len, __u64 gva);
#define FETCH_READ(ctx, dst, len, gva) guest_copy((ctx), (dst), (len), (gva))
/* A length that was just checked has to stay in the register that the verifier saw. */
#define FETCH_LEN(len) asm volatile("" : "+r"(len))
#define FETCH_NEAR(ctx, what, dst, len, gva) near_copy((ctx), (what), (dst), (len), (gva))
#include "fetch/printk_fetch.h"
#include "trap/kvm/bpf/hook_rec.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PAGE 4096ULL
#define PTE_PRESENT 1ULL
#define PTE_PS (1ULL << 7)
#define PTE_ADDR 0x000ffffffffff000ULL /* Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.3 */
#define CR4_LA57 (1ULL << 12)
#define SIGCONT 18
#define SIGSTOP 19

/* Who made the VM this program is for: the gate goes by a VM's address, which may be used again. */
const volatile __u32 vm_creator;
/* Each vCPU has this many copies (a power of 2) in the array, one vCPU after the other. */
const volatile __u32 ring_size;
/* A ring this full stops the VM, if holding is wanted. */
const volatile __u32 high_water;

/* Written by the worker while the VM is stopped. */
struct hook_site sites[HOOK_SITES_MAX];
struct prb_geometry geometry; /* arrays: in the VMM's addresses where they are contiguous there */
struct hook_slot slots[HOOK_SLOTS_MAX];
__u64 newest; /* id of the newest record copied */

struct hook_ring rings[HOOK_VCPUS_MAX];
struct hook_page pages[HOOK_PAGES];
struct hook_stats stats;
__u32 may_hold; /* by the worker: stop the VM rather than lose */
__u32 max_hold_ms; /* for the guardian */
__u64 held_ns;  /* when the VM was stopped; the guardian lets it go and sets 0 */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hook_copy);
} copies SEC(".maps");

/*
 * Maps without contents: the worker and the guardian have one descriptor each, so the kernel's count of
 * their users says who lives, at any moment and however it ended (hook.h).
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} worker_life SEC(".maps"), guardian_life SEC(".maps");

/* Wakes the guardian when a hold begins. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} wake SEC(".maps");

static __always_inline bool lives(void *life)
{
	return ((struct bpf_map *)life)->usercnt.counter != 0;
}

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
		if (shift == 12 || (entry & PTE_PS && shift <= 30)) {
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
		if (shift == 12 || (entry & PTE_PS && shift <= 30)) {
			__u64 mask = (1ULL << shift) - 1;

			return base + ((entry & PTE_ADDR & ~mask) | (hva & mask));
		}
		table = base + (entry & PTE_ADDR);
		shift -= 9;
	}
	return 0;
}

struct near_ctx {
	struct kvm_vcpu *v;
	struct hook_ring *r;
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

/* What lies in one page, from the host's direct map; what is in the VMM's addresses from there at worst. */
static __always_inline long near_copy(void *ctx, __u32 what, void *dst, __u64 len, __u64 at)
{
	const struct near_ctx *c = ctx;
	struct hook_near *n = &c->r->near[what];
	__u64 in = at - n->page;

	if (in > PAGE - len) {
		in = at & (PAGE - 1);
		if (in > PAGE - len || !near_find(c->v, n, at - in))
			return (__s64)at < 0 ? -1 : bpf_probe_read_user(dst, len, (void *)at);
	}
	return bpf_probe_read_kernel(dst, len, (void *)(n->at + in));
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

/* A host's kernel that has neither is believed nothing: there the long way is the only one. */
static __always_inline bool invalidating(const struct kvm *kvm)
{
	if (bpf_core_field_exists(kvm->mmu_invalidate_in_progress))
		return FAR_MEMBER(kvm, mmu_invalidate_in_progress) != 0;
	if (bpf_core_field_exists(kvm->mmu_notifier_count))
		return FAR_MEMBER(kvm, mmu_notifier_count) != 0;
	return true;
}

/* The short way. False: nothing of it counts. */
static __always_inline bool fetch_fast(struct kvm_vcpu *v, struct hook_ring *r, struct prb_copy *c)
{
	const struct kvm *kvm = v->kvm;
	struct near_ctx ctx = {v, r};
	__u64 seq = invalidate_seq(kvm);

	if (r->seq != seq) {
		for (int i = 0; i < PRB_NEAR_END; i++)
			r->near[i].page = 0;
		r->seq = seq;
	}
	if (prb_fetch_fast(&ctx, &geometry, v->arch.regs[VCPU_REGS_RDI], &newest, c)) {
		r->near[PRB_NEAR_FRAME].page = 0; /* the guest's own page table may have changed */
		return false;
	}
	asm volatile("" ::: "memory");
	if (invalidating(kvm) || invalidate_seq(kvm) != seq) {
		stats.moved++;
		return false;
	}
	return true;
}

static __always_inline __u64 reg_rip(struct kvm_vcpu *v)
{
	if (bpf_core_field_exists(v->arch.rip))
		return v->arch.rip;
	return v->arch.regs[VCPU_REGS_RIP];
}

/*
 * Stop the VM. Only while both live who would let it go, and looked at again afterwards: whoever dies
 * later than this makes the kernel continue the VM (guardian.c, lifeline), whoever died before is seen
 * here. And only while it is allowed: the guardian forbids it, then looks for a mark to undo; here the mark
 * is set, then looked whether it is allowed. One of the two sees the other (the barrier: x86 has a load
 * overtake a store).
 */
static __always_inline void hold(void)
{
	__u64 event = 0;

	if (!lives(&worker_life) || !lives(&guardian_life))
		return;
	/* In this order: whoever sees held_ns may rely on the signal being there to be undone. */
	bpf_send_signal(SIGSTOP);
	held_ns = bpf_ktime_get_ns() | 1;
	__sync_fetch_and_add(&stats.holds, 1);
	if (*(volatile __u32 *)&may_hold && lives(&worker_life) && lives(&guardian_life))
		bpf_ringbuf_output(&wake, &event, sizeof(event), BPF_RB_FORCE_WAKEUP);
	else
		bpf_send_signal(SIGCONT);
}

/* May this record be copied into @r? If the ring is nearly full the VM is stopped, if it may be. */
static __always_inline bool room(struct hook_ring *r)
{
	__u64 used = r->head - *(volatile __u64 *)&r->tail;

	if (used < high_water)
		return true;
	if (may_hold && !held_ns)
		hold();
	if (used < ring_size)
		return true;
	r->full++;
	return false;
}

/*
 * The long way, and once more if a remembered translation of the stack's page may have been the reason
 * why it led nowhere. Not inlined: it is rare, and would cost the short way its registers.
 */
static __noinline int fetch(struct kvm_vcpu *v, struct prb_copy *c)
{
	struct cpu cpu = {v->arch.cr3, v->arch.cr4};
	__u64 entry = v->arch.regs[VCPU_REGS_RDI];
	__u32 p = entry / PAGE % HOOK_PAGES;
	__u64 cached = pages[p].gva;
	int err = prb_fetch_commit(&cpu, &geometry, entry, c);

	if (err && cached == (entry & ~(PAGE - 1)) + 1) {
		pages[p].gva = 0;
		pages[(p + 1) % HOOK_PAGES].gva = 0;
		stats.stale++;
		err = prb_fetch_commit(&cpu, &geometry, entry, c);
	}
	if (!err && (__s64)((c->id - newest) << 2) > 0)
		newest = c->id;
	return err;
}

SEC("fexit/kvm_emulate_invd")
int BPF_PROG(hook, struct kvm_vcpu *v, int ret)
{
	const struct hook_site *s = sites;
	struct hook_copy *copy;
	struct hook_ring *r;
	__u32 idx, slot;
	__u64 rip;

	if (!lives(&worker_life) || (__u32)FAR_MEMBER(v->kvm, userspace_pid) != vm_creator)
		return 0;
	rip = reg_rip(v);
#pragma unroll
	for (int i = 0; i < HOOK_SITES_MAX; i++, s++)
		if (s->rip == rip)
			goto planted;
	stats.foreign++;
	return 0;
planted:
	idx = v->vcpu_idx;
	if (idx >= HOOK_VCPUS_MAX)
		return 0;
	r = &rings[idx];
	asm volatile("" : "+r"(r)); /* kept, not computed again and again */
	if (!room(r))
		return 0;
	slot = idx * ring_size + (r->head & (ring_size - 1));
	copy = bpf_map_lookup_elem(&copies, &slot);
	if (!copy) {
		r->fail++;
		return 0;
	}
	if (fetch_fast(v, r, &copy->copy)) {
		newest = copy->copy.id;
	} else if (fetch(v, &copy->copy)) {
		r->fail++;
		return 0;
	}
	copy->time_ns = bpf_ktime_get_ns();
	copy->owner = s->owner;
	copy->tag = s->tag;
	copy->len = prb_copy_size(&copy->copy);
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&r->head = r->head + 1;
	return 0;
}
