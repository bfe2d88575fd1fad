/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kvm.h - the kvm backend's own state: any VM of this host's stock KVM, whatever its VMM. Its trap is an
 * INVD written over a NOP of the guest's loaded kernel; see doc/kvm.md.
 */
#ifndef LOGVISOR_TRAP_KVM_KVM_H
#define LOGVISOR_TRAP_KVM_KVM_H

#include "guest/arch/x86.h"
#include "trap/vmm/ram.h"
#include "trap/kvm/guardian.h"
#include "trap/kvm/hook.h"
#include "trap/kvm/host/scan.h"
#include "trap/kvm/site.h"
#include "trap/trap.h"

enum kvm_site_use { KVM_SITE_UNUSED, KVM_SITE_ACTIVE, KVM_SITE_RETIRED, KVM_SITE_LOST };

struct kvm_site {
	enum kvm_site_use use;
	uint32_t owner, tag;
	uint64_t entry; /* of the function */
	uint64_t gva; /* of the five bytes */
	uint64_t gpa;
	uint32_t fetch; /* enum fetch_id */
	unsigned arg; /* which of the program's arguments */
	struct site code;
	uint8_t now[SITE_LEN]; /* by the guard; */
	bool read;             /* could it be read? */
	int64_t asked_ms; /* monotonic: reported as changed, and not answered; 0: not */
	int64_t since_ms; /* monotonic: retired at */
};

struct kvm_vm {
	struct trap t; /* first: the struct trap the caller holds */
	struct scan *scan;
	struct ram ram;
	int wr; /* /proc/PID/mem, for writing */
	struct hook hook;
	struct kvm_guardian guardian;
	bool held; /* by hold() */
	uint64_t stop_ns; /* when plant.c stopped the VM */
	uint64_t kvm; /* the host kernel's struct kvm */
	uint32_t creator; /* thread that made it, as the kernel remembers */
	uint32_t flags; /* enum scan_flag */
	struct hook_slot slot[HOOK_SLOTS_MAX];
	unsigned slots;
	struct kvm_site site[HOOK_SITES_MAX];
	int64_t next_guard_ms;
	unsigned step_us; /* how long the next wait for copies sleeps */
};

extern const struct trap_ops trap_kvm;

/* attach.c: find the VM of process @target, load the hook, start the guardian. */
int kvm_open(struct kvm_vm *k, const char *target, struct err *e);
/* attach.c: release everything but @k itself. Sites are not touched. */
void kvm_release(struct kvm_vm *k);
/* attach.c: registers of vCPU @idx as of its last exit. -ENOENT: no such vCPU. */
int kvm_cpu(struct kvm_vm *k, unsigned idx, struct gcpu *out, struct err *e);
/* attach.c: how often its vCPUs have left the guest, in all. */
int kvm_exits(struct kvm_vm *k, uint64_t *n, struct err *e);

/* attach.c: pieces that a list of all VMs needs too. */
/* Add a SCAN_SLOT to @ram, in order; read-only memory is left out. False: there is no room. */
bool kvm_add_slot(struct ram *ram, const struct scan_rec *r);
struct gcpu kvm_regs(const struct scan_rec *r); /* of a SCAN_VCPU */
/* Can a VM with these flags (enum scan_flag) be protected? 0 or -ENOTSUP with @e. */
int kvm_refuse(uint32_t flags, struct err *e);
/* privilege.c: may this process attach? 0, or -EPERM with @e naming each capability that is missing. */
int kvm_privilege(struct err *e);
/* The command name of process @pid, "?" if it is gone. */
void kvm_command(pid_t pid, char *buf, size_t cap);

/* fetch.c: @site's argument as the program wants it, HOOK_ARG_MAX bytes; -EINVAL, -ENOTSUP. */
int kvm_fetch_arg(const struct kvm_vm *k, const struct ptable *t, const struct trap_site *site, uint8_t *out,
	struct err *e);
/*
 * fetch.c: give it to the program, for @s. Sites of one fetcher with the same argument share it, and with it
 * what the fetcher remembers from one call to the next. The VM is stopped. -ENOSPC.
 */
int kvm_fetch_set(struct kvm_vm *k, struct kvm_site *s, const uint8_t *arg, struct err *e);

/* plant.c */
int kvm_plant(struct kvm_vm *k, const struct trap_site *site, struct err *e);
int kvm_unplant(struct kvm_vm *k, uint32_t owner, uint32_t tag, struct err *e);
/* How many sites still hold what was planted, although nothing is wanted of them? */
unsigned kvm_left(const struct kvm_vm *k);
/* Finish what kvm_unplant() began: put the original bytes back where they were retired long enough. */
void kvm_finish_retired(struct kvm_vm *k);
/* Is any site still to be finished? */
bool kvm_any_retired(const struct kvm_vm *k);
/* guard.c: compare the sites with what was planted. True: @ev says what changed. */
bool kvm_guard(struct kvm_vm *k, struct trap_event *ev);

#endif
