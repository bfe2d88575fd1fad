/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook.h - the BPF program in the host's kernel that copies records, and the memory shared with it.
 */
#ifndef LOGVISOR_TRAP_KVM_HOOK_H
#define LOGVISOR_TRAP_KVM_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trap/kvm/gate.h"
#include "trap/kvm/tsc.h"
#include "trap/kvm/bpf/hook_rec.h"
#include "util/err.h"

struct bpf_program;
struct hook_bpf; /* generated */

struct hook {
	struct hook_bpf *skel;
	struct bpf_program *prog; /* of @skel, the one that is loaded */
	uint64_t kvm;
	struct gate gate; /* through which the program is called */
	/* The verifier refused reads without a call, though the kernel has bpf_rdonly_cast(): a copy takes half as long again. */
	bool calls;
	/*
	 * The only descriptors of two maps in which the program looks only for whether anybody has them:
	 * the worker keeps one, the guardian the other. Without the first it does nothing, without the
	 * second it never holds the VM.
	 */
	int worker_life, guardian_life;
	uint8_t *rings; /* mapped: a struct hook_ring with its bytes each @stride bytes */
	size_t rings_len, stride;
	unsigned vcpus;
	uint32_t size; /* bytes per vCPU, a power of 2 */
	uint64_t *seen_full, *seen_fail; /* per vCPU: counters told already */
	unsigned rip_ahead; /* how far RIP still is from the end of the instruction when the program runs */
	struct tsc tsc;
	bool has_tsc; /* a copy's time is the host's TSC, else CLOCK_MONOTONIC's nanoseconds */
	int last; /* vCPU whose copy was handed out and is not released yet, or -1 */
	uint64_t last_len; /* what it takes in the ring */
	/* Of the ring buffer by which the program wakes the worker: its positions (linux/bpf.h). */
	unsigned long *called, *heard;
};

/* Which VM: as scan.bpf.c names it. */
struct hook_vm {
	uint64_t kvm;
	uint32_t creator;
	unsigned vcpus;
	bool tsc; /* its vCPUs' TSC runs as fast as the host's */
};

void hook_init(struct hook *h);
/*
 * Load the program for @vm, whose vCPUs have a ring of @bytes (rounded up to a power of 2, at least
 * HOOK_RING_MIN) each. 0, or -errno with @e.
 */
#define HOOK_RING_MIN (64u << 10)
int hook_load(struct hook *h, const struct hook_vm *vm, unsigned bytes, struct err *e);
/* From now on the VM's traps come to the program. Errors: gate_open()'s, gate_enter()'s. */
int hook_attach(struct hook *h, struct err *e);
/* Also of what is not loaded. Takes the VM out of the gate unless the guardian is to (gate.h). */
void hook_unload(struct hook *h);

/* GS.base of vCPU @v in the guest's kernel (0: not known). The VM is stopped. */
void hook_set_gs(struct hook *h, unsigned v, uint64_t gs);

/*
 * Put these @n sites, of which RIP is the end of the instruction, into the program's table; those that were there go.
 * @sites is altered. The VM is stopped. false: they do not
 * fit, and nothing was changed.
 */
bool hook_publish(struct hook *h, struct hook_site *sites, unsigned n);

/*
 * An odd number with which no two of these sites have one place (hook_rec.h), tried from @seed on; 0: there
 * is none among some thousands.
 */
uint64_t hook_seed(const struct hook_site *sites, unsigned n, uint64_t seed);

/* The oldest copy not taken yet, or NULL. Valid until the next call; *@vcpu says whose. */
const struct hook_copy *hook_next(struct hook *h, unsigned *vcpu);
/* When it was made: host clock, microseconds since the epoch. */
int64_t hook_time_us(const struct hook *h, const struct hook_copy *c);
/* Events not copied since the last call, for want of room (*@full) or of readable memory (*@fail). */
bool hook_lost(struct hook *h, uint64_t *full, uint64_t *fail);
/* A descriptor that becomes readable when a copy wants the VM to stand still (HOOK_HELD); and: it was seen. */
int hook_call_fd(const struct hook *h);
void hook_heard(struct hook *h);
/* How many such copies there were, in all. */
uint64_t hook_holds(const struct hook *h);
/* Is every ring at most half full? */
bool hook_low(const struct hook *h);
/* Is there nothing left to take? */
bool hook_empty(const struct hook *h);

#endif
