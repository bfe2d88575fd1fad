/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_rec.h - what hook.bpf.c and user space share: the sites, what is known of the VM's memory, and
 * the rings through which copies of records leave the exit.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_HOOK_REC_H
#define LOGVISOR_TRAP_KVM_BPF_HOOK_REC_H

#include "fetch/printk_rec.h"

#define HOOK_VCPUS_MAX 1024 /* KVM_MAX_VCPUS of Linux 6.1 */
#define HOOK_SITES_MAX 8
#define HOOK_SLOTS_MAX 32
#define HOOK_PAGES 64 /* cached translations, a power of 2 */

/* A planted site. */
struct hook_site {
	__u64 rip; /* after the trap's instruction: the site + 5 */
	__u32 owner, tag;
};

/* A memory slot; the largest first. */
struct hook_slot {
	__u64 gpa, len, hva;
};

struct hook_page {
	__u64 gva; /* of a 4 KiB page + 1; 0: empty */
	__u64 hva;
};

/* Where the host's kernel has a page of 4 KiB, for itself: in its direct map of all RAM. */
struct hook_near {
	__u64 page; /* its address in the VMM or, sign bit set, in the guest; 0: none */
	__u64 at;
};

/*
 * One vCPU's ring: the vCPU is its only producer, the worker its only consumer, so that neither a
 * lock nor an atomic operation is needed; x86 keeps stores in order.
 */
struct hook_ring {
	__u64 head; /* copies made, written by the vCPU */
	__u64 tail; /* copies consumed, written by the worker */
	__u64 full; /* not copied: the ring was full */
	__u64 fail; /* not copied: the guest's memory could not be followed */
	/* Of the vCPU alone: the pages it read last, true as long as the VM's mmu_invalidate_seq is seq. */
	__u64 seq;
	struct hook_near near[PRB_NEAR_END];
	__u64 pad[5];
};

struct hook_stats {
	__u64 foreign; /* times the guest executed the instruction, but not at a site */
	__u64 walks;   /* page-table walks */
	__u64 stale;   /* cached translations found out of date */
	__u64 nears;   /* pages looked for in the host's direct map */
	__u64 moved;   /* copies made anew since a page was taken away meanwhile */
	__u64 holds;   /* times the VM was stopped because a ring was nearly full */
};

/* One copy. `copy` is the last member: only what it holds is written and read. */
struct hook_copy {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 owner, tag; /* the site's */
	__u32 len; /* bytes of copy that are valid */
	__u32 pad;
	struct prb_copy copy;
};

#endif
