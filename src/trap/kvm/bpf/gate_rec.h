/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gate_rec.h - what gate.bpf.c and user space share: which VM's hook stands at which place. A
 * change of anything here, or in what a slot means, needs another GATE_NAME: workers of both versions then
 * have a gate each, side by side.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_GATE_REC_H
#define LOGVISOR_TRAP_KVM_BPF_GATE_REC_H

#include <linux/types.h>

/* Of the programs on kvm_emulate_invd() and kvm_emulate_wbinvd(): at most 15 characters. */
#define GATE_NAME "logvisor_gate2"
#define GATE_NAME_W "logvisor_gate2w"
#define GATE_SLOTS 4096 /* a power of 2 */
#define GATE_PROBES 16  /* a VM is within so many slots of the one its address hashes to */

#define GATE_EMPTY 0ULL /* nothing was ever here: no VM stands behind */
#define GATE_GONE 1ULL  /* something was */

struct gate_table {
	__u64 vm[GATE_SLOTS]; /* struct kvm *, GATE_EMPTY or GATE_GONE; written by the slot's owner */
	/* Of user space only. pid << 32 | low half of its start time (proc(5), field 22); 0: free. */
	__u64 owner[GATE_SLOTS];
	__u64 pidns; /* the pid namespace in which owners have these numbers */
};

/*
 * Where the search for a VM begins, by the low half of its address: Fibonacci hashing (Knuth,
 * vol. 3, 6.4) to 12 bits.
 */
static inline __attribute__((always_inline)) __u32 gate_hash(__u32 vm)
{
	return (__u32)(vm * 0x9e3779b1u) >> 20;
}

#endif
