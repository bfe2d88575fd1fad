/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook_rec.h - what hook.bpf.c and user space share: the sites, what is known of the VM's memory, and
 * the rings through which copies leave the exit.
 */
#ifndef LOGVISOR_TRAP_KVM_BPF_HOOK_REC_H
#define LOGVISOR_TRAP_KVM_BPF_HOOK_REC_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "fetch/fetch.h"

#define HOOK_VCPUS_MAX 1024 /* KVM_MAX_VCPUS of Linux 6.1 */
#define HOOK_SITES_MAX 64
#define HOOK_PLACE_BITS 9
#define HOOK_PLACES (1 << HOOK_PLACE_BITS)
#define HOOK_ARGS_MAX 64 /* a power of 2 */
#define HOOK_ARG_MAX 256
#define HOOK_SLOTS_MAX 32
#define HOOK_PAGES 64 /* cached translations, a power of 2 */

/* A planted site. */
struct hook_site {
	__u64 rip; /* as the program finds it: behind the trap's instruction, or at it (gate.h, gate_at_entry()); 0: none */
	__u64 who; /* owner and tag, as one word (hook_who()) */
	__u32 fetch; /* enum fetch_id */
	__u32 arg; /* index into the arguments */
};

/*
 * Where a site stands in the table of HOOK_PLACES. User space chooses @seed, an odd number, so that no two
 * sites have one place (hook.c): looking one up takes as long for one as for many.
 */
FETCH_INLINE __u32 hook_place(__u64 rip, __u64 seed)
{
	return (__u32)(rip * seed >> (64 - HOOK_PLACE_BITS));
}

FETCH_INLINE __u64 hook_who(__u32 owner, __u32 tag)
{
	return (__u64)owner << 32 | tag;
}

/* struct trap_filter, where it runs in the exit. */
#define HOOK_HOPS_MAX 4
#define HOOK_WORDS_MAX 8
struct hook_filter {
	__u32 reg; /* enum trap_reg */
	__u32 hops; /* 0: there is no filter */
	__s32 off[HOOK_HOPS_MAX];
	__s32 at;
	__u32 words;
	__u32 word[HOOK_WORDS_MAX];
};

/* A fetcher's argument, and what it keeps from one call to the next. */
struct hook_arg {
	__u64 state[4];
	struct hook_filter filter;
	__u8 bytes[HOOK_ARG_MAX];
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
 * What one vCPU read last of the guest's direct map. First the page in which each of the things lay that a fetcher
 * reads, the fetcher's own numbers for them being the places: mostly it lies there again. Then a place for each
 * page by its number, for what lies elsewhere this time: a message and its sender are some twenty pages, and senders
 * take turns. Were there few places, two of the pages would often want the same.
 */
#define HOOK_THINGS 32
#define HOOK_NEARS 512 /* a power of 2 */
struct hook_cache {
	__u64 seq; /* `thing` is true as long as the VM's is this */
	struct hook_near thing[HOOK_THINGS];
	struct {
		__u64 seq; /* true as long as the VM's is this */
		struct hook_near at;
	} page[HOOK_NEARS];
	struct fetch_regs regs; /* of the exit at hand: a BPF program's stack has 512 bytes */
};

/*
 * One vCPU's ring, whose bytes follow: the vCPU is its only producer, the worker its only consumer, so that neither a
 * lock nor an atomic operation is needed; x86 keeps stores in order. In the same place, so that it is looked up once,
 * what else there is of a vCPU.
 */
struct hook_ring {
	__u64 head; /* bytes written so far, by the vCPU */
	__u64 tail; /* bytes consumed, by the worker */
	__u64 full; /* not copied: the ring was full */
	__u64 fail; /* not copied: the guest's memory could not be followed */
	__u64 holds; /* copies for which the VM was stopped */
	/* Of the vCPU alone: the pages it read last, true as long as the VM's mmu_invalidate_seq is still seq. */
	__u64 seq;
	struct hook_near near[FETCH_NEAR_MAX];
	__u64 gs; /* GS.base in the guest's kernel; 0: not known. By the worker, the VM being stopped */
	struct hook_cache cache;
};

struct hook_stats {
	__u64 foreign; /* times the guest executed the instruction, but not at a site */
	__u64 walks;   /* page-table walks */
	__u64 stale;   /* cached translations found out of date */
	__u64 nears;   /* pages looked for in the host's direct map */
	__u64 moved;   /* copies made anew since a page was taken away meanwhile */
	__u64 holds;   /* times the VM was stopped because a ring was nearly full */
};

/* A copy: this, then `len` bytes that the site's fetcher wrote. The next begins at a multiple of 8. */
struct hook_copy {
	__u64 time; /* when: of CLOCK_MONOTONIC, in ns, or of the host's TSC (hook.h) */
	__u64 who; /* the site's */
	__u32 len;
	__u32 flags; /* enum hook_copy_flags */
};

enum hook_copy_flags {
	HOOK_HELD = 1 << 0, /* the VM was stopped for it, and this vCPU goes no further before it is let go */
	HOOK_REGS = 1 << 1, /* the fetcher got nowhere: what follows is a struct fetch_regs, for it to be run again */
};

/* The most a fetcher may write, and what a copy takes at most; the least a ring may have is 64 KiB. */
#define HOOK_OUT_MAX 8192
#define HOOK_SLACK (sizeof(struct hook_copy) + HOOK_OUT_MAX)
#define HOOK_STEP(len) (sizeof(struct hook_copy) + (((len) + 7) & ~7ull))

#endif
