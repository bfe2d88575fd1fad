/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gate.h - the one way on the host by which every protected VM's hook is reached.
 *
 * Whoever comes first loads and attaches it; the others find it among the kernel's BPF links by its
 * name, which goes with the version of its table, and hold it too. Nothing is pinned to a file system:
 * with the last holder's descriptors the program is gone, in whatever order and by whatever signal the
 * holders end.
 *
 * A VM has a slot, owned by a process. A slot whose owner is dead is taken over; until then it is
 * harmless, as a hook does nothing once its worker is gone (hook.bpf.c).
 */
#ifndef LOGVISOR_TRAP_KVM_GATE_H
#define LOGVISOR_TRAP_KVM_GATE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trap/kvm/bpf/gate_rec.h"
#include "util/err.h"

struct gate {
	int link[2]; /* hold the programs on INVD and on WBINVD; -1: not open */
	int hooks; /* the map of the VMs' programs */
	struct gate_table *table; /* mapped */
	int slot;  /* -1: none */
};

void gate_init(struct gate *g);

/*
 * Do the programs, the gate's and the VMs', run at the beginning of kvm_emulate_invd(), with RIP at the
 * instruction? On AMD's CPUs, where KVM takes RIP from the VMCB after each exit (svm_vcpu_run()); it saves the
 * 45 instructions with which a trampoline calls the function itself. On Intel's RIP is read when KVM wants
 * it (VCPU_EXREG_RIP), so at the end, behind the instruction.
 */
bool gate_at_entry(void);
enum bpf_attach_type gate_type(void);

/* Find the host's gate or make it. 0, or -errno with @e (scan_explain()). Needs CAP_SYS_ADMIN. */
int gate_open(struct gate *g, struct err *e);

/*
 * Let the traps of the VM @kvm come to the program @hook; this process owns the slot. -EBUSY:
 * another process protects this VM, and did not end within 2 s; -ENOSPC: there are too many.
 */
int gate_enter(struct gate *g, uint64_t kvm, int hook, struct err *e);

/* Make @pid the slot's owner: a child that will call gate_leave(). */
void gate_give(struct gate *g, pid_t pid);

/* Give the slot back if this process owns it. Needs CAP_BPF. */
void gate_leave(struct gate *g);

/* Close descriptors and unmap; a slot stays. */
void gate_close(struct gate *g);

/* How many VMs stand in the gate, living owners only. */
unsigned gate_count(const struct gate *g);

#endif
