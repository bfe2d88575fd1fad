/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unix.bpf.h - messages to log sockets and to auditd: fetch/unix_fetch.h in the exit, whose argument is a struct
 * app_geometry; and a site's filter, where it does not run in the guest.
 *
 * What is read are two dozen small things, all in the guest's direct map, so the guest's page table is
 * not walked: the address in the VMM follows from the memory slots. The pages are mostly those of the last
 * message; where the host's kernel has them is remembered (struct hook_cache), as for the kernel's log.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_UNIX_BPF_H
#define LOGVISOR_TRAP_KVM_BPF_UNIX_BPF_H

#include "trap/kvm/bpf/mem.bpf.h"
#include "trap/kvm/bpf/ring.bpf.h"

struct unix_ctx {
	struct kvm_vcpu *v;
	struct hook_cache *cache;
	bool near; /* by what is remembered */
	__u64 seq; /* the VM's */
};

static __always_inline long direct_read(const struct unix_ctx *c, __u64 base, void *dst, __u64 len, __u64 gva);
#define FETCH_DIRECT(ctx, base, dst, len, gva) direct_read((ctx), (base), (dst), (len), (gva))

#include "fetch/unix_fetch.h"

/* GS.base of each vCPU in the guest's kernel; 0: not known. Written by the worker, the VM being stopped. */
__u64 vcpu_gs[HOOK_VCPUS_MAX];

/* One for each vCPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hook_cache);
} caches SEC(".maps");

/* Find @page of the direct map that begins at @base, and remember it in @n. */
static __noinline bool direct_find(struct kvm_vcpu *v, struct hook_near *n, __u64 base, __u64 page)
{
	__u64 hva = hva_of(page - base);

	n->page = page;
	n->at = hva ? direct_map((__u64)BPF_CORE_READ(v, kvm, mm, pgd), hva) : 0;
	if (!n->at)
		n->page = 0;
	return n->at;
}

/* What is elsewhere, or on two pages, fails or takes the VMM's mapping. */
static __always_inline long direct_read(const struct unix_ctx *c, __u64 base, void *dst, __u64 len, __u64 gva)
{
	__u64 i = gva / PAGE % HOOK_NEARS, in, hva;
	struct hook_near *n = &c->cache->page[i].at;

	if (c->near) {
		in = gva - n->page;
		if (in <= PAGE - len && c->cache->page[i].seq == c->seq)
			return direct_copy(dst, len, n->at + in);
		in = gva & (PAGE - 1);
		if (in <= PAGE - len && direct_find(c->v, n, base, gva - in)) {
			c->cache->page[i].seq = c->seq;
			return direct_copy(dst, len, n->at + in);
		}
	}
	hva = hva_of(gva - base);
	return hva ? bpf_probe_read_user(dst, len, (void *)hva) : -1;
}

/* Does the site's filter let this time pass? What is not readable does: whoever asks the fetcher then is told. */
static __noinline bool unix_wanted(const struct unix_ctx *c, const struct hook_arg *a, const struct fetch_regs *regs)
{
	const struct hook_filter *f = &a->filter;
	const struct app_geometry *g = (const struct app_geometry *)a->bytes;
	__u64 at = f->reg == 0 ? regs->rdi : f->reg == 1 ? regs->rsi : regs->rdx;
	__u32 word;

	for (__u32 i = 0; i < HOOK_HOPS_MAX && i < f->hops; i++) {
		if (!app_kernel_address(at))
			return false;
		if (direct_read(c, g->page_offset, &at, sizeof(at), at + (__s64)f->off[i]))
			return true;
	}
	if (!app_kernel_address(at))
		return false;
	if (direct_read(c, g->page_offset, &word, sizeof(word), at + (__s64)f->at))
		return true;
	for (__u32 i = 0; i < HOOK_WORDS_MAX && i < f->words; i++)
		if (f->word[i] == word)
			return true;
	return false;
}

#define UNIX_UNWANTED 0 /* the filter says no */

/*
 * Bytes written to @c; UNIX_UNWANTED; negative: nothing could be followed, or a page was taken away meanwhile. By what is
 * remembered of the pages.
 */
static __noinline long unix_fast(struct kvm_vcpu *v, struct hook_cache *cache, const struct hook_arg *a, struct app_copy *c)
{
	const struct app_geometry *g = (const struct app_geometry *)a->bytes;
	struct unix_ctx ctx = {.v = v, .cache = cache, .near = true, .seq = invalidate_seq(v->kvm)};

	if (a->filter.hops && !unix_wanted(&ctx, a, &cache->regs) && near_end(v->kvm, ctx.seq))
		return UNIX_UNWANTED;
	if (app_fetch(&ctx, g, &cache->regs, c) || !near_end(v->kvm, ctx.seq))
		return -1;
	return app_copy_size(c);
}

/* The same without: rare. */
static __noinline long unix_slow(struct hook_cache *cache, const struct hook_arg *a, struct app_copy *c)
{
	const struct app_geometry *g = (const struct app_geometry *)a->bytes;
	struct unix_ctx ctx = {.cache = cache};

	return app_fetch(&ctx, g, &cache->regs, c) ? -1 : (long)app_copy_size(c);
}

/*
 * The same for the copy @c in @r. What is not wholly in the copy, or could not be followed (the host swapped it out),
 * user space takes from the guest's memory, the VM being held.
 */
static __always_inline long unix_take(struct kvm_vcpu *v, struct hook_ring *r, struct hook_arg *a, struct hook_copy *c,
	__u32 idx)
{
	struct hook_cache *cache = bpf_map_lookup_elem(&caches, &idx);
	struct app_copy *out = (struct app_copy *)(c + 1);
	long len;

	if (!cache)
		return -1;
	cache->regs.rdi = v->arch.regs[VCPU_REGS_RDI];
	cache->regs.rsi = v->arch.regs[VCPU_REGS_RSI];
	cache->regs.rdx = v->arch.regs[VCPU_REGS_RDX];
	cache->regs.rcx = v->arch.regs[VCPU_REGS_RCX];
	cache->regs.gs = vcpu_gs[idx & (HOOK_VCPUS_MAX - 1)];
	cache->regs.cr3 = v->arch.cr3;
	len = unix_fast(v, cache, a, out);
	if (len < 0)
		len = unix_slow(cache, a, out);
	if (len < 0 && hold_for_copy(r)) {
		__builtin_memcpy(out, &cache->regs, sizeof(cache->regs));
		c->flags = HOOK_HELD | HOOK_REGS;
		len = sizeof(cache->regs);
	} else if (len > 0 && out->flags & APP_COPY_HOLD && hold_for_copy(r)) {
		c->flags = HOOK_HELD;
	}
	return len;
}

#endif
