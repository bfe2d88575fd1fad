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
	const struct far *far;
	struct hook_cache *cache;
	bool near; /* by what is remembered; these two are constants wherever they are asked for, */
	bool cast; /* and this is has_cast */
};

static __always_inline long direct_read(const struct unix_ctx *c, __u32 what, const __u64 *base, void *dst,
	__u64 len, __u64 gva);
#define FETCH_DIRECT(ctx, what, base, dst, len, gva) direct_read((ctx), (what), (base), (dst), (len), (gva))

static __always_inline __u64 direct_span(const struct unix_ctx *c, __u32 what, const __u64 *base, __u64 len, __u64 gva);
#define FETCH_SPAN(ctx, what, base, len, gva) direct_span((ctx), (what), (base), (len), (gva))
static __always_inline long direct_member(const struct unix_ctx *c, __u64 span, __u32 what, const __u64 *base,
	void *dst, __u64 len, __u64 gva);
#define FETCH_MEMBER(ctx, span, what, base, dst, len, gva) \
	direct_member((ctx), (span), (what), (base), (dst), (len), (gva))

struct app_geometry;
struct app_copy;
static __noinline void unix_apart(struct kvm_vcpu *v, struct hook_cache *cache, const struct app_geometry *g,
	__u64 task, struct app_copy *c);
/* By what is remembered: not inlined, so that for most tasks it is known that there is a span. */
#define FETCH_APART(ctx, g, task, c)                                                                \
	({                                                                                           \
		const struct unix_ctx *x = (ctx);                                                     \
		if (x->near)                                                                          \
			unix_apart(x->far->v, x->cache, (g), (task), (c));                            \
		else                                                                                  \
			app_fetch_task_by((ctx), (g), (task), 0, (c));                                \
	})

#include "fetch/unix_fetch.h"

/* What a filter reads on its way, behind what the fetcher does. */
#define NEAR_FILTER APP_NEAR_END
_Static_assert(NEAR_FILTER + HOOK_HOPS_MAX < HOOK_THINGS, "a place for each thing");

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

/*
 * Where the host's kernel has the byte at @gva, which is not where the thing @n lay the last time; remembers it there.
 * 0: nowhere. (Struct unix_ctx is not passed on: it is in registers then.)
 */
static __noinline __u64 direct_seek(struct kvm_vcpu *v, struct hook_cache *cache, struct hook_near *n, __u64 base,
	__u64 gva)
{
	__u64 i = gva / PAGE % HOOK_NEARS, page = gva & ~(PAGE - 1);
	struct hook_near *known = &cache->page[i].at;

	if (known->page != page || cache->page[i].seq != cache->seq) {
		if (!direct_find(v, known, base, page))
			return 0;
		cache->page[i].seq = cache->seq;
	}
	n->page = page;
	n->at = known->at;
	return n->at + (gva - page);
}

/* What is elsewhere, or on two pages, fails or takes the VMM's mapping. */
static __always_inline long direct_read(const struct unix_ctx *c, __u32 what, const __u64 *base, void *dst,
	__u64 len, __u64 gva)
{
	struct hook_near *n = &c->cache->thing[what];
	__u64 at;

	if (c->near) {
		if (MOSTLY(gva - n->page <= PAGE - len))
			return direct_copy(c->cast, dst, len, gva - n->page + n->at);
		at = (gva & (PAGE - 1)) <= PAGE - len ? direct_seek(c->far->v, c->cache, n, *base, gva) : 0;
		if (at)
			return direct_copy(c->cast, dst, len, at);
	}
	at = hva_of(gva - *base);
	return at ? bpf_probe_read_user(dst, len, (void *)at) : -1;
}

/* How far from the guest's address the host's kernel has an object that lies on one page; 0: not to be had. */
static __always_inline __u64 direct_span(const struct unix_ctx *c, __u32 what, const __u64 *base, __u64 len, __u64 gva)
{
	struct hook_near *n = &c->cache->thing[what];
	__u64 in = gva & (PAGE - 1), at;

	if (!c->near || !MOSTLY(in + len <= PAGE))
		return 0;
	if (MOSTLY(gva - in == n->page))
		return n->at - n->page;
	at = direct_seek(c->far->v, c->cache, n, *base, gva);
	return at ? at - gva : 0;
}

static __always_inline long direct_member(const struct unix_ctx *c, __u64 span, __u32 what, const __u64 *base,
	void *dst, __u64 len, __u64 gva)
{
	/* An sk_buff lies on one page, as it is aligned; if one did not, there is the VMM's mapping. */
	if (c->near && what <= APP_NEAR_SKB_END && !span)
		return -1;
	return MOSTLY(span) ? direct_copy(c->cast, dst, len, gva + span) : direct_read(c, what, base, dst, len, gva);
}

/* What was read does not count: pages may be elsewhere by now, and it is forgotten where the things were. */
static __noinline void direct_forget(struct kvm_vcpu *v, struct hook_cache *cache)
{
	near_end(v->kvm, &cache->seq);
	for (int i = 0; i < HOOK_THINGS; i++)
		cache->thing[i] = (struct hook_near){0};
}

/* Does what was read count? */
static __always_inline bool direct_end(const struct far *far, struct hook_cache *cache)
{
	if (near_true(far->kvm, cache->seq))
		return true;
	direct_forget(far->v, cache);
	return false;
}

/* Does the site's filter let this time pass? What is not readable does: whoever asks the fetcher then is told. */
static __always_inline bool unix_wanted(const struct unix_ctx *c, const struct hook_arg *a, const struct fetch_regs *regs)
{
	const struct hook_filter *f = &a->filter;
	const struct app_geometry *g = (const struct app_geometry *)a->bytes;
	__u64 at = f->reg == 0 ? regs->rdi : f->reg == 1 ? regs->rsi : regs->rdx;
	__u32 word;

#pragma unroll
	for (__u32 i = 0; i < HOOK_HOPS_MAX; i++) {
		if (i >= f->hops)
			break;
		if (!app_kernel_address(at))
			return false;
		if (direct_read(c, NEAR_FILTER + i, &g->page_offset, &at, sizeof(at), at + (__s64)f->off[i]))
			return true;
	}
	if (!app_kernel_address(at))
		return false;
	if (direct_read(c, NEAR_FILTER + HOOK_HOPS_MAX, &g->page_offset, &word, sizeof(word), at + (__s64)f->at))
		return true;
	for (__u32 i = 0; i < HOOK_WORDS_MAX && i < f->words; i++)
		if (f->word[i] == word)
			return true;
	return false;
}

/* Does the filter leave this time out? */
static __noinline bool unix_unwanted(struct kvm_vcpu *v, struct hook_cache *cache, const struct hook_arg *a)
{
	const struct far far = {v, v->kvm};
	struct unix_ctx c = {&far, cache, true, has_cast};
	bool wanted = unix_wanted(&c, a, &cache->regs);

	return direct_end(&far, cache) && !wanted;
}

static __noinline void unix_apart(struct kvm_vcpu *v, struct hook_cache *cache, const struct app_geometry *g,
	__u64 task, struct app_copy *c)
{
	const struct far far = {v, v->kvm};
	struct unix_ctx ctx = {&far, cache, true, has_cast};

	app_fetch_task_by(&ctx, g, task, 0, c);
}

/*
 * By what is remembered of the pages. Bytes written to @c; negative: nothing could be followed, or a page was taken
 * away meanwhile.
 */
static __always_inline long unix_fast(const struct far *far, struct hook_cache *cache, const struct hook_arg *a,
	struct app_copy *c, bool cast)
{
	struct unix_ctx ctx = {far, cache, true, cast};
	int r = app_fetch(&ctx, (const struct app_geometry *)a->bytes, &cache->regs, c);

	/* Also if it failed: what stood on a page that is another's by now may have been the reason. */
	return direct_end(far, cache) && !r ? (long)app_copy_size(c) : -1;
}

/* The same by the VMM's mapping: rare. */
static __noinline long unix_slow(struct hook_cache *cache, const struct hook_arg *a, struct app_copy *c)
{
	const struct app_geometry *g = (const struct app_geometry *)a->bytes;
	struct unix_ctx ctx = {.cache = cache};

	return app_fetch(&ctx, g, &cache->regs, c) ? -1 : (long)app_copy_size(c);
}

/* Those that only some sites' arguments are in. */
static __always_inline void unix_more_regs(const struct kvm_vcpu *v, struct fetch_regs *regs)
{
	regs->rdx = v->arch.regs[VCPU_REGS_RDX];
	regs->rcx = v->arch.regs[VCPU_REGS_RCX];
}

#define UNIX_UNWANTED 0 /* the filter says no */

/*
 * The message and its sender, for the copy @c in @r: bytes written, UNIX_UNWANTED or negative. What is not wholly in the copy,
 * or could not be followed (the host swapped it out), user space takes from the guest's memory, the VM being held.
 */
static __always_inline long unix_take(const struct far *far, struct hook_ring *r, struct hook_arg *a,
	struct hook_copy *c, bool cast)
{
	struct hook_cache *cache = &r->cache;
	struct kvm_vcpu *v = far->v;
	struct app_copy *out = (struct app_copy *)(c + 1);
	long len;

	cache->regs.rdi = v->arch.regs[VCPU_REGS_RDI];
	cache->regs.rsi = v->arch.regs[VCPU_REGS_RSI];
	if (((const struct app_geometry *)a->bytes)->at != APP_AT_QUEUE || a->filter.hops)
		unix_more_regs(v, &cache->regs);
	if (a->filter.hops && unix_unwanted(v, cache, a))
		return UNIX_UNWANTED;
	cache->regs.gs = r->gs;
	cache->regs.cr3 = v->arch.cr3;
	len = unix_fast(far, cache, a, out, cast);
	if (len < 0)
		len = unix_slow(cache, a, out);
	if (len < 0 && hold_for_copy(r)) {
		unix_more_regs(far->v, &cache->regs);
		__builtin_memcpy(out, &cache->regs, sizeof(cache->regs));
		c->flags = HOOK_HELD | HOOK_REGS;
		len = sizeof(cache->regs);
	} else if (len > 0 && out->flags & APP_COPY_HOLD && hold_for_copy(r)) {
		c->flags = HOOK_HELD;
	}
	return len;
}

#endif
