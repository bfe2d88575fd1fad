/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hook.h - the BPF program in the host's kernel that copies records, and the memory shared with it.
 */
#ifndef LOGVISOR_TRAP_KVM_HOOK_H
#define LOGVISOR_TRAP_KVM_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/printk_layout.h"
#include "trap/kvm/hook_rec.h"
#include "util/err.h"

struct hook_bpf; /* generated */
struct bpf_link;

struct hook {
	struct hook_bpf *skel;
	struct bpf_link *link; /* NULL while not attached */
	struct hook_copy *copies;
	size_t copies_len;
	unsigned vcpus;
	uint32_t size; /* copies per vCPU */
	uint64_t *seen_full, *seen_fail; /* per vCPU: counters told already */
	int last; /* vCPU whose copy was handed out and is not released yet, or -1 */
};

/*
 * Load the program for the VM @kvm (as scan.bpf.c names it) with @vcpus vCPUs, each with a ring of
 * @copies (rounded up to a power of 2). 0, or -errno with @e.
 */
int hook_load(struct hook *h, uint64_t kvm, unsigned vcpus, unsigned copies, struct err *e);
int hook_attach(struct hook *h, struct err *e);
void hook_unload(struct hook *h);

/* The oldest copy not taken yet, or NULL. Valid until the next call; *@vcpu says whose. */
const struct hook_copy *hook_next(struct hook *h, unsigned *vcpu);
/* Events not copied since the last call, for want of room (*@full) or of readable memory (*@fail). */
bool hook_lost(struct hook *h, uint64_t *full, uint64_t *fail);
/* Is there nothing left to take? */
bool hook_empty(const struct hook *h);

#endif
