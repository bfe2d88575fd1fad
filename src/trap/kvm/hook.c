/* SPDX-License-Identifier: BSD-3-Clause */
/* hook.c - load the trap's program, and empty the rings it fills. */
#include "trap/kvm/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trap/kvm/hook.skel.h"
#include "trap/kvm/scan.h"

static uint32_t round_up(uint32_t n)
{
	uint32_t p = 16;

	while (p < n && p < 1u << 20)
		p <<= 1;
	return p;
}

int hook_load(struct hook *h, uint64_t kvm, unsigned vcpus, unsigned copies, struct err *e)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;
	int r;

	memset(h, 0, sizeof(*h));
	h->last = -1;
	h->vcpus = vcpus;
	h->size = round_up(copies);
	if (!vcpus || vcpus > HOOK_VCPUS_MAX)
		return err_set(e, ENOTSUP, "%u vCPUs; at most %d can be followed", vcpus, HOOK_VCPUS_MAX);
	h->seen_full = calloc(vcpus, sizeof(*h->seen_full));
	h->seen_fail = calloc(vcpus, sizeof(*h->seen_fail));
	h->skel = hook_bpf__open();
	if (!h->skel || !h->seen_full || !h->seen_fail) {
		r = err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	h->skel->rodata->vm = kvm;
	h->skel->rodata->ring_size = h->size;
	h->skel->rodata->high_water = h->size / 4 * 3;
	bpf_map__set_max_entries(h->skel->maps.copies, h->size * vcpus);
	r = hook_bpf__load(h->skel);
	if (r) {
		r = scan_explain(-r, e);
		goto fail;
	}
	h->copies_len = (sizeof(struct hook_copy) * h->size * vcpus + page - 1) / page * page;
	at = mmap(NULL, h->copies_len, PROT_READ, MAP_SHARED, bpf_map__fd(h->skel->maps.copies), 0);
	if (at == MAP_FAILED) {
		r = err_set(e, errno, "cannot map the rings: %s", strerror(errno));
		goto fail;
	}
	h->copies = at;
	return 0;
fail:
	hook_unload(h);
	return r;
}

int hook_attach(struct hook *h, struct err *e)
{
	if (h->link)
		return 0;
	h->link = bpf_program__attach(h->skel->progs.hook);
	if (h->link)
		return 0;
	if (errno == E2BIG)
		return err_set(e, E2BIG, "38 programs hang on kvm_emulate_hypercall already, which is all the "
			"host's kernel allows; use the gdb backend for this VM");
	return scan_explain(errno, e);
}

void hook_unload(struct hook *h)
{
	bpf_link__destroy(h->link);
	if (h->copies)
		munmap(h->copies, h->copies_len);
	hook_bpf__destroy(h->skel);
	free(h->seen_full);
	free(h->seen_fail);
	memset(h, 0, sizeof(*h));
	h->last = -1;
}

static uint64_t head_of(const struct hook *h, unsigned v)
{
	return __atomic_load_n(&h->skel->bss->rings[v].head, __ATOMIC_ACQUIRE);
}

static void release(struct hook *h)
{
	struct hook_ring *r;

	if (h->last < 0)
		return;
	r = &h->skel->bss->rings[h->last];
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
	h->last = -1;
}

const struct hook_copy *hook_next(struct hook *h, unsigned *vcpu)
{
	const struct hook_copy *best = NULL;

	release(h);
	for (unsigned v = 0; v < h->vcpus; v++) {
		uint64_t tail = h->skel->bss->rings[v].tail;
		const struct hook_copy *c;

		if (head_of(h, v) == tail)
			continue;
		c = &h->copies[v * h->size + (tail & (h->size - 1))];
		if (!best || c->time_ns < best->time_ns) {
			best = c;
			*vcpu = v;
		}
	}
	if (best)
		h->last = (int)*vcpu;
	return best;
}

bool hook_lost(struct hook *h, uint64_t *full, uint64_t *fail)
{
	*full = *fail = 0;
	for (unsigned v = 0; v < h->vcpus; v++) {
		uint64_t a = __atomic_load_n(&h->skel->bss->rings[v].full, __ATOMIC_RELAXED);
		uint64_t b = __atomic_load_n(&h->skel->bss->rings[v].fail, __ATOMIC_RELAXED);

		*full += a - h->seen_full[v];
		*fail += b - h->seen_fail[v];
		h->seen_full[v] = a;
		h->seen_fail[v] = b;
	}
	return *full || *fail;
}

bool hook_empty(const struct hook *h)
{
	for (unsigned v = 0; v < h->vcpus; v++)
		if (head_of(h, v) != h->skel->bss->rings[v].tail + (h->last == (int)v))
			return false;
	return true;
}
