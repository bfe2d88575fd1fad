/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardian.h - the process that stops and continues the VMM, and outlives the worker to undo a stop.
 *
 * Writing a site and holding the VM while a ring is full both stop the VMM's process (SIGSTOP). The
 * worker has given up the right to send signals, and to create iterators over the kernel's VMs; the
 * guardian, a child in its own session that kept these two rights and nothing else (util/sandbox.h),
 * does both on request. When the worker ends, however it ends, the guardian continues
 * the VM and ends too. When a hold lasts longer than allowed it continues the VM as well, and tells
 * the hook to lose (and count) rather than hold.
 */
#ifndef LOGVISOR_TRAP_KVM_GUARDIAN_H
#define LOGVISOR_TRAP_KVM_GUARDIAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

struct guardian_hold {
	volatile uint64_t *held_ns; /* hook.bpf.c: CLOCK_MONOTONIC, 0 if not held */
	volatile uint32_t *may_hold;
	volatile uint32_t *max_ms;
};

struct kvm_guardian {
	pid_t pid;
	int ctl;
};

/*
 * Start it for the VMM process @vmm. @hold points to memory shared with the hook, @scan is the link of
 * the iterator over VMs. 0 or -errno.
 */
int kvm_guardian_start(struct kvm_guardian *g, pid_t vmm, const struct guardian_hold *hold, int scan,
	struct err *e);

/* A new iterator over VMs, which only the guardian may create; the caller closes it. Or -errno. */
int kvm_guardian_scan(struct kvm_guardian *g, struct err *e);

/*
 * Stop every thread of the VMM (idempotent), and wait until they are. -ESRCH: it is gone;
 * -ETIMEDOUT: a thread would not stop, all run on.
 */
int kvm_guardian_stop(struct kvm_guardian *g, struct err *e);

/* Continue it, unless it was found stopped by somebody else. */
int kvm_guardian_cont(struct kvm_guardian *g, struct err *e);

/* End it; the VM runs afterwards. */
void kvm_guardian_end(struct kvm_guardian *g);

#endif
