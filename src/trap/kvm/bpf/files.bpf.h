/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files.bpf.h - what befalls files: fetch/files_fetch.h in the exit, whose argument is a struct files_geometry.
 * Memory is read as for messages (unix.bpf.h).
 *
 * What is a file's first, or under another name than the last time, the VM is held for, so that user space finds
 * out which file it is while the name cannot change. So does all that is not a write, and what was written if it is
 * not wholly in the copy. For all else it runs on.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_FILES_BPF_H
#define LOGVISOR_TRAP_KVM_BPF_FILES_BPF_H

#include "trap/kvm/bpf/ring.bpf.h"
#include "trap/kvm/bpf/unix.bpf.h"

#include "fetch/files_fetch.h"

static struct files_key files_known[FILES_KNOWN];

static __always_inline long files_fast(struct kvm_vcpu *v, struct hook_cache *cache, const struct hook_arg *a,
	struct files_copy *c, bool cast)
{
	const struct far far = {v, v->kvm};
	struct unix_ctx ctx = {&far, cache, true, cast};
	int r = files_fetch(&ctx, (const struct files_geometry *)a->bytes, &cache->regs, c);

	return direct_end(&far, cache) && !r ? (long)files_copy_size(c) : -1;
}

static __noinline long files_by_loads(struct kvm_vcpu *v, struct hook_cache *cache, const struct hook_arg *a,
	struct files_copy *c)
{
	return files_fast(v, cache, a, c, true);
}

static __noinline long files_by_calls(struct kvm_vcpu *v, struct hook_cache *cache, const struct hook_arg *a,
	struct files_copy *c)
{
	return files_fast(v, cache, a, c, false);
}

/* Does user space have to look while the VM stands still? */
static __noinline bool files_hold(struct hook_ring *r, const struct hook_arg *a, struct files_copy *c)
{
	const struct files_geometry *g = (const struct files_geometry *)a->bytes;
	struct files_key *known = &files_known[files_place(&c->key)];

	if (g->at == FILES_AT_WRITE && files_same(known, &c->key)) {
		c->flags |= FILES_COPY_KNOWN;
		if (!(c->flags & (FILES_COPY_FAULT | FILES_COPY_LONG)))
			return false;
	}
	if (!hold_for_copy(r))
		return false;
	if (g->at == FILES_AT_WRITE)
		*known = c->key;
	return true;
}

/* For the copy @c in @r: bytes written, or negative. */
static __always_inline long files_take(struct kvm_vcpu *v, struct hook_ring *r, struct hook_arg *a, struct hook_copy *c,
	bool cast)
{
	struct hook_cache *cache = &r->cache;
	struct files_copy *out = (struct files_copy *)(c + 1);
	long len;

	cache->regs.rdi = v->arch.regs[VCPU_REGS_RDI];
	cache->regs.rsi = v->arch.regs[VCPU_REGS_RSI];
	cache->regs.rdx = v->arch.regs[VCPU_REGS_RDX];
	cache->regs.rax = v->arch.regs[VCPU_REGS_RAX];
	cache->regs.gs = r->gs;
	cache->regs.cr3 = v->arch.cr3;
	len = cast ? files_by_loads(v, cache, a, out) : files_by_calls(v, cache, a, out);
	if (len >= 0) {
		if (files_hold(r, a, out))
			c->flags = HOOK_HELD;
	} else if (hold_for_copy(r)) {
		__builtin_memcpy(out, &cache->regs, sizeof(cache->regs));
		c->flags = HOOK_HELD | HOOK_REGS;
		len = sizeof(cache->regs);
	}
	return len;
}

#endif
