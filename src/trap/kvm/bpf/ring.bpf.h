/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring.bpf.h - the rings of bytes through which copies leave the exit, and holding the VM when one of them is
 * nearly full. Included once, by hook.bpf.c.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_RING_BPF_H
#define LOGVISOR_TRAP_KVM_BPF_RING_BPF_H

#include "trap/kvm/bpf/mem.bpf.h"

#define SIGCONT 18
#define SIGSTOP 19

/* Where a ring begins again: its size, a power of 2, less 1. */
const volatile __u64 ring_mask;
/* A ring with so many bytes taken stops the VM, if holding is wanted; and with so many it takes no more. */
const volatile __u64 high_water, full_water;

__u32 may_hold; /* by the worker: stop the VM rather than lose */
__u32 max_hold_ms; /* for the guardian */
__u64 held_ns;  /* when the VM was stopped; the guardian lets it go and sets 0 */

/* For each vCPU a struct hook_ring, its bytes, and room behind them for a copy that begins at their end (hook.c). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, sizeof(struct hook_ring) + HOOK_SLACK);
} rings SEC(".maps");

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

/* Wakes the worker when a copy wants it to look before the VM goes on. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} call SEC(".maps");

/*
 * Stop the VM for the copy at hand, @r's newest. This vCPU first: a signal to the thread itself, which it finds
 * pending before it enters the guest again (one to the process may already be, from another vCPU's hold). It is
 * counted before that can be seen: the worker ends no hold while a copy waits. False: it is not allowed.
 */
static __noinline bool hold_for_copy(struct hook_ring *r)
{
	__u64 event = 0;

	if (!*(volatile __u32 *)&may_hold || !lives(&worker_life) || !lives(&guardian_life))
		return false;
	*(volatile __u64 *)&r->holds = r->holds + 1;
	bpf_send_signal_thread(SIGSTOP);
	if (!held_ns)
		held_ns = bpf_ktime_get_ns() | 1;
	__sync_fetch_and_add(&stats.holds, 1);
	if (!*(volatile __u32 *)&may_hold || !lives(&worker_life) || !lives(&guardian_life)) {
		*(volatile __u64 *)&r->holds = r->holds - 1;
		bpf_send_signal(SIGCONT);
		return false;
	}
	bpf_ringbuf_output(&wake, &event, sizeof(event), BPF_RB_FORCE_WAKEUP);
	bpf_ringbuf_output(&call, &event, sizeof(event), BPF_RB_FORCE_WAKEUP);
	return true;
}

/* @used bytes of @r are taken, more than may be without a question: may this copy be made nevertheless? */
static __noinline bool room(struct hook_ring *r, __u64 used)
{
	if (may_hold && !held_ns)
		hold();
	if (used < full_water)
		return true;
	r->full++;
	return false;
}

#endif
