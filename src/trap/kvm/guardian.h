/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardian.h - the process that stops and continues the VMM, and outlives the worker to undo a stop.
 *
 * Writing a site and holding the VM while a ring is full both stop the VMM's process (SIGSTOP). The
 * worker has given up the right to send signals, and to create iterators over the kernel's VMs; the
 * guardian, a child in its own session that kept these two rights and nothing else (util/sandbox.h),
 * does both on request. When the worker ends, however it ends, the guardian continues the VM, takes it
 * out of the gate and ends too. When a hold lasts longer than allowed it continues the VM as well, and
 * tells the hook to lose (and count) rather than hold. Else it sleeps.
 *
 * Should the guardian itself be killed, the kernel continues the VM: worker and guardian have the two
 * ends of a pipe, and when one end closes, the other's owner is sent a signal (fcntl(2), O_ASYNC,
 * F_SETSIG), which is SIGCONT, to the VMM.
 */
#ifndef LOGVISOR_TRAP_KVM_GUARDIAN_H
#define LOGVISOR_TRAP_KVM_GUARDIAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trap/kvm/gate.h"
#include "util/err.h"

/* What a guardian works with. The pointers are to memory shared with the hook (hook.bpf.c). */
struct guardian_kit {
	pid_t vmm;
	volatile uint64_t *held_ns; /* CLOCK_MONOTONIC, 0 if not held */
	volatile uint32_t *may_hold;
	volatile uint32_t *max_ms;
	int wake; /* the hook's ring buffer: a hold began */
	int life; /* hook.h, guardian_life */
	int scan; /* link of the iterator over VMs */
	struct gate gate; /* to take the VM out in the end */
};

struct kvm_guardian {
	pid_t pid;
	int ctl;
	int lifeline[2]; /* two descriptors of the worker's end */
};

void kvm_guardian_init(struct kvm_guardian *g);

/*
 * Start it. The child has its own copies of what is in @kit; the caller still has to close its own
 * `life` and gate. *@worker_life (hook.h) gets another number. 0 or -errno.
 */
int kvm_guardian_start(struct kvm_guardian *g, const struct guardian_kit *kit, int *worker_life,
	struct err *e);

/* A new iterator over VMs, which only the guardian may create; the caller closes it. Or -errno. */
int kvm_guardian_scan(struct kvm_guardian *g, struct err *e);

/*
 * Stop every thread of the VMM (idempotent), and wait until they are. From 0 to kvm_guardian_cont() it stays
 * stopped, whatever becomes of a hold of the hook's; only who stopped it before may continue it in between.
 * -ESRCH: it is gone; -ETIMEDOUT: a thread would not stop, all run on.
 */
int kvm_guardian_stop(struct kvm_guardian *g, struct err *e);

/* Continue it, unless the hook holds it, or it was found stopped by somebody else. */
int kvm_guardian_cont(struct kvm_guardian *g, struct err *e);

/* End a hold of the hook's: there is room again. */
int kvm_guardian_let_go(struct kvm_guardian *g, struct err *e);

/* End it; the VM runs afterwards. Does nothing if it was not started. */
void kvm_guardian_end(struct kvm_guardian *g);

#endif
