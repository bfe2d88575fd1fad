/* SPDX-License-Identifier: BSD-3-Clause */
/* hook.c - load the trap's program, and empty the rings it fills. */
#include "trap/kvm/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "trap/kvm/bpf/hook.skel.h"
#include "trap/kvm/host/scan.h"
#include "util/clock.h"

static uint32_t round_up(uint32_t n)
{
	uint32_t p = HOOK_RING_MIN;

	while (p < n && p < 1u << 30)
		p <<= 1;
	return p;
}

void hook_init(struct hook *h)
{
	memset(h, 0, sizeof(*h));
	h->last = h->worker_life = h->guardian_life = -1;
	gate_init(&h->gate);
}

/* Take @map's descriptor away from libbpf, which is left with one of no meaning. */
static int sole_fd(const struct bpf_map *map)
{
	int fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || null < 0 || dup3(null, bpf_map__fd(map), O_CLOEXEC) < 0) {
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (null >= 0)
		close(null);
	return fd;
}

/* Has the host's kernel bpf_rdonly_cast()? From 6.2 on. */
static bool casts(void)
{
	struct utsname u;
	unsigned major, minor;

	return !uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
		(major > 6 || (major == 6 && minor >= 2));
}

/* Of the four programs that are the same but for how they read, and what time it is, the one to be loaded. */
static void pick(struct hook *h, bool cast)
{
	struct bpf_program *const all[2][2] = {
		{h->skel->progs.hook_calls_clock, h->skel->progs.hook_calls},
		{h->skel->progs.hook_loads_clock, h->skel->progs.hook_loads},
	};

	h->prog = all[cast][h->has_tsc];
	for (unsigned i = 0; i < 4; i++)
		bpf_program__set_autoload(all[i / 2][i % 2], all[i / 2][i % 2] == h->prog);
}

/* Open the program and load it, with casts or without. 0 or -errno. */
static int load(struct hook *h, const struct hook_vm *vm, bool cast)
{
	hook_bpf__destroy(h->skel);
	h->skel = hook_bpf__open();
	if (!h->skel)
		return -ENOMEM;
	h->skel->rodata->has_cast = cast;
	pick(h, cast);
	bpf_program__set_expected_attach_type(h->prog, gate_type());
	h->skel->rodata->vm_creator = vm->creator;
	h->skel->rodata->ring_mask = h->size - 1;
	h->skel->rodata->high_water = h->size / 4 * 3;
	h->skel->rodata->full_water = h->size - HOOK_SLACK;
	bpf_map__set_value_size(h->skel->maps.rings, sizeof(struct hook_ring) + h->size + HOOK_SLACK);
	bpf_map__set_max_entries(h->skel->maps.rings, h->vcpus);
	return hook_bpf__load(h->skel);
}

static int prepare(struct hook *h, const struct hook_vm *vm, struct err *e)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	bool cast = casts();
	int r = load(h, vm, cast);
	void *at;

	if (r && cast) {
		r = load(h, vm, false);
		h->calls = true;
	}
	if (r)
		return scan_explain(-r, e);
	h->kvm = vm->kvm;
	h->worker_life = sole_fd(h->skel->maps.worker_life);
	h->guardian_life = sole_fd(h->skel->maps.guardian_life);
	if (h->worker_life < 0 || h->guardian_life < 0)
		return err_set(e, errno, "cannot keep a BPF map: %s", strerror(errno));
	h->stride = (sizeof(struct hook_ring) + h->size + HOOK_SLACK + 7) & ~(size_t)7; /* as the kernel lays out an array */
	h->rings_len = (h->stride * h->vcpus + page - 1) / page * page;
	at = mmap(NULL, h->rings_len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(h->skel->maps.rings), 0);
	if (at == MAP_FAILED)
		return err_set(e, errno, "cannot map the rings: %s", strerror(errno));
	h->rings = at;
	at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, hook_call_fd(h), 0);
	if (at == MAP_FAILED)
		return err_set(e, errno, "cannot map a ring buffer: %s", strerror(errno));
	h->heard = at;
	at = mmap(NULL, page, PROT_READ, MAP_SHARED, hook_call_fd(h), (off_t)page);
	if (at == MAP_FAILED)
		return err_set(e, errno, "cannot map a ring buffer: %s", strerror(errno));
	h->called = at;
	/* What is written while a VM stands still for it is here already. */
	memset(&h->skel->bss->sites, 0, sizeof(h->skel->bss->sites));
	memset(h->skel->bss->args, 0, sizeof(h->skel->bss->args));
	memset(h->skel->bss->pages, 0, sizeof(h->skel->bss->pages));
	return 0;
}

int hook_load(struct hook *h, const struct hook_vm *vm, unsigned bytes, struct err *e)
{
	int r;

	hook_init(h);
	if (!vm->vcpus || vm->vcpus > HOOK_VCPUS_MAX)
		return err_set(e, ENOTSUP, "%u vCPUs; at most %d can be followed", vm->vcpus, HOOK_VCPUS_MAX);
	h->vcpus = vm->vcpus;
	h->size = round_up(bytes);
	h->rip_ahead = gate_at_entry() ? 2 : 0; /* 0f 08 */
	h->has_tsc = vm->tsc && tsc_is_clock();
	tsc_start(&h->tsc);
	h->seen_full = calloc(h->vcpus, sizeof(*h->seen_full));
	h->seen_fail = calloc(h->vcpus, sizeof(*h->seen_fail));
	if (!h->seen_full || !h->seen_fail)
		r = err_set(e, ENOMEM, "out of memory");
	else
		r = prepare(h, vm, e);
	if (r)
		hook_unload(h);
	return r;
}

int hook_attach(struct hook *h, struct err *e)
{
	int r = gate_open(&h->gate, e);

	return r ? r : gate_enter(&h->gate, h->kvm, bpf_program__fd(h->prog), e);
}

void hook_unload(struct hook *h)
{
	gate_leave(&h->gate);
	gate_close(&h->gate);
	if (h->worker_life >= 0)
		close(h->worker_life);
	if (h->guardian_life >= 0)
		close(h->guardian_life);
	if (h->rings)
		munmap(h->rings, h->rings_len);
	if (h->heard)
		munmap(h->heard, (size_t)sysconf(_SC_PAGESIZE));
	if (h->called)
		munmap(h->called, (size_t)sysconf(_SC_PAGESIZE));
	hook_bpf__destroy(h->skel);
	free(h->seen_full);
	free(h->seen_fail);
	hook_init(h);
}

uint64_t hook_seed(const struct hook_site *sites, unsigned n, uint64_t seed)
{
	for (unsigned tries = 0; tries < 1u << 16; tries++) {
		uint64_t taken[HOOK_PLACES / 64] = {0};
		unsigned i;

		seed = seed * 0x5851f42d4c957f2dull + 0x14057b7ef767814full; /* Knuth's MMIX, odd every time ... */
		for (i = 0; i < n; i++) {
			uint32_t at = hook_place(sites[i].rip, seed | 1); /* ... or made so */

			if (taken[at / 64] >> (at % 64) & 1)
				break;
			taken[at / 64] |= 1ull << (at % 64);
		}
		if (i == n)
			return seed | 1;
	}
	return 0;
}

bool hook_publish(struct hook *h, struct hook_site *sites, unsigned n)
{
	struct hook_bpf__bss *b = h->skel->bss;
	uint64_t seed;

	for (unsigned i = 0; i < n; i++)
		sites[i].rip -= h->rip_ahead;
	seed = hook_seed(sites, n, b->sites.seed);
	if (!seed)
		return false;
	memset(b->sites.at, 0, sizeof(b->sites.at));
	b->sites.seed = seed;
	for (unsigned i = 0; i < n; i++)
		b->sites.at[hook_place(sites[i].rip, seed)] = sites[i];
	return true;
}

static struct hook_ring *ring_of(const struct hook *h, unsigned v)
{
	return (struct hook_ring *)(h->rings + v * h->stride);
}

void hook_set_gs(struct hook *h, unsigned v, uint64_t gs)
{
	if (v < h->vcpus)
		ring_of(h, v)->gs = gs;
}

static uint64_t head_of(const struct hook *h, unsigned v)
{
	return __atomic_load_n(&ring_of(h, v)->head, __ATOMIC_ACQUIRE);
}

static void release(struct hook *h)
{
	struct hook_ring *r;

	if (h->last < 0)
		return;
	r = ring_of(h, (unsigned)h->last);
	__atomic_store_n(&r->tail, r->tail + h->last_len, __ATOMIC_RELEASE);
	h->last = -1;
}

const struct hook_copy *hook_next(struct hook *h, unsigned *vcpu)
{
	const struct hook_copy *best = NULL;

	release(h);
	tsc_look(&h->tsc);
	/*
	 * Twice: what made way in the guest for the one that was found, under a lock say, was in its ring before that, but maybe
	 * not yet when that ring was looked at.
	 */
	for (unsigned i = 0; i < 2 * h->vcpus && (best || i < h->vcpus); i++) {
		const unsigned v = i % h->vcpus;
		const struct hook_ring *ring = ring_of(h, v);
		uint64_t tail = ring->tail;
		const struct hook_copy *c;

		if (head_of(h, v) == tail)
			continue;
		c = (const void *)((const uint8_t *)(ring + 1) + (tail & (h->size - 1)));
		if (!best || (int64_t)(c->time - best->time) < 0) {
			best = c;
			*vcpu = v;
		}
	}
	if (best) {
		h->last = (int)*vcpu;
		h->last_len = HOOK_STEP(best->len);
	} else {
		tsc_none_before(&h->tsc);
	}
	return best;
}

int64_t hook_time_us(const struct hook *h, const struct hook_copy *c)
{
	int64_t ns = h->has_tsc ? tsc_mono_ns(&h->tsc, c->time) : (int64_t)c->time;

	return clock_offset_us(CLOCK_MONOTONIC) + ns / 1000;
}

bool hook_lost(struct hook *h, uint64_t *full, uint64_t *fail)
{
	*full = *fail = 0;
	for (unsigned v = 0; v < h->vcpus; v++) {
		uint64_t a = __atomic_load_n(&ring_of(h, v)->full, __ATOMIC_RELAXED);
		uint64_t b = __atomic_load_n(&ring_of(h, v)->fail, __ATOMIC_RELAXED);

		*full += a - h->seen_full[v];
		*fail += b - h->seen_fail[v];
		h->seen_full[v] = a;
		h->seen_fail[v] = b;
	}
	return *full || *fail;
}

int hook_call_fd(const struct hook *h)
{
	return bpf_map__fd(h->skel->maps.call);
}

void hook_heard(struct hook *h)
{
	__atomic_store_n(h->heard, __atomic_load_n(h->called, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

uint64_t hook_holds(const struct hook *h)
{
	uint64_t n = 0;

	for (unsigned v = 0; v < h->vcpus; v++)
		n += __atomic_load_n(&ring_of(h, v)->holds, __ATOMIC_ACQUIRE);
	return n;
}

bool hook_low(const struct hook *h)
{
	for (unsigned v = 0; v < h->vcpus; v++)
		if (head_of(h, v) - ring_of(h, v)->tail > h->size / 2)
			return false;
	return true;
}

bool hook_empty(const struct hook *h)
{
	for (unsigned v = 0; v < h->vcpus; v++)
		if (head_of(h, v) != ring_of(h, v)->tail + (h->last == (int)v ? h->last_len : 0))
			return false;
	return true;
}
