/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kvm.h - the kvm backend's own state: any VM of this host's stock KVM, whatever its VMM. Its trap is an
 * INVD written over a NOP of the guest's loaded kernel; see doc/kvm.md.
 */
#ifndef LOGVISOR_TRAP_KVM_KVM_H
#define LOGVISOR_TRAP_KVM_KVM_H

#include "guest/arch/x86.h"
#include "trap/vmm/ram.h"
#include "trap/kvm/gadget.h"
#include "trap/kvm/guardian.h"
#include "trap/kvm/hook.h"
#include "trap/kvm/host/scan.h"
#include "trap/kvm/site.h"
#include "trap/trap.h"

enum kvm_site_use { KVM_SITE_UNUSED, KVM_SITE_PREPARED, KVM_SITE_ACTIVE, KVM_SITE_RETIRED, KVM_SITE_LOST };

struct kvm_site {
	enum kvm_site_use use;
	uint32_t owner, tag;
	uint64_t entry; /* of the function */
	uint64_t gva; /* of the five bytes */
	uint64_t gpa;
	uint64_t rip; /* behind the INVD they lead to */
	const struct fetch *fetch;
	unsigned arg; /* which of the program's arguments */
	_Alignas(8) uint8_t arg_bytes[HOOK_ARG_MAX]; /* as the source gave it, for the fetcher run here */
	struct site code;
	/* Of a jump or call: the gadget, and where it goes on. */
	struct gadget gadget; /* len 0: none */
	uint64_t gadget_gpa, on;
	bool gadget_there; /* it stands in the guest already */
	bool exit_filter;  /* the filter runs in the exit */
	struct trap_site want; /* as the source described it */
	struct trap_filter filter;
	_Alignas(8) uint8_t arg_given[HOOK_ARG_MAX]; /* prepared: as the program wants it */
	uint8_t now[SITE_LEN]; /* what stands there, as it was prepared, and later by the guard; */
	bool read;             /* could it be read? */
	bool intact;           /* and its gadget is as it was made */
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
	bool copy_stop; /* for copies that are only to be taken while it stands still; ends with resume() */
	uint64_t holds_taken; /* of them, taken so far */
	uint8_t *again; /* what a fetcher that was run again here wrote: HOOK_OUT_MAX bytes */
	uint64_t stop_ns; /* when plant.c stopped the VM */
	uint64_t kvm; /* the host kernel's struct kvm */
	uint32_t creator; /* thread that made it, as the kernel remembers */
	uint32_t flags; /* enum scan_flag */
	struct hook_slot slot[HOOK_SLOTS_MAX];
	unsigned slots;
	struct kvm_site site[HOOK_SITES_MAX];
	uint64_t gs[HOOK_VCPUS_MAX]; /* of each vCPU, in the guest's kernel; 0: not known */
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

/* A vCPU's number for its processor (its APIC id), and -ENOENT: no such vCPU. */
int kvm_vcpu_id(struct kvm_vm *k, unsigned idx, uint32_t *id, struct err *e);

/* fetch.c: @site's argument as the program wants it, HOOK_ARG_MAX bytes, aligned to 8; -EINVAL, -ENOTSUP. */
int kvm_fetch_arg(struct kvm_vm *k, const struct ptable *t, const struct trap_site *site, uint8_t *out,
	struct err *e);
/*
 * fetch.c: give it to the program, for @s. Sites of one fetcher with the same argument share it, and with it
 * what the fetcher remembers from one call to the next. The VM is stopped. -ENOSPC.
 */
int kvm_fetch_set(struct kvm_vm *k, struct kvm_site *s, const uint8_t *arg, struct err *e);

/* Does the worker itself have the VM stand still? */
static inline bool kvm_holds(const struct kvm_vm *k)
{
	return k->held || k->copy_stop;
}

/* plant.c */
int kvm_prepare(struct kvm_vm *k, const struct trap_site *site, struct err *e);
int kvm_plant(struct kvm_vm *k, const struct trap_site *site, struct err *e);
int kvm_unplant(struct kvm_vm *k, uint32_t owner, uint32_t tag, struct err *e);
/* A page table that maps @gva, out of any vCPU's registers. 0 or -EFAULT, or what reading them returned, with @e. */
int kvm_table(struct kvm_vm *k, uint64_t gva, struct ptable *t, struct err *e);
/* The site that is planted so; NULL: none. */
const struct kvm_site *kvm_site_of(const struct kvm_vm *k, uint32_t owner, uint32_t tag);
/* For people: what was done for the site. */
void kvm_how(const struct kvm_vm *k, uint32_t owner, uint32_t tag, char *buf, size_t n);
/* How many sites still hold what was planted, although nothing is wanted of them? */
unsigned kvm_left(const struct kvm_vm *k);
/* Finish what kvm_unplant() began: put the original bytes back where they were retired long enough. */
void kvm_finish_retired(struct kvm_vm *k);
/* Is any site still to be finished? */
bool kvm_any_retired(const struct kvm_vm *k);
/* guard.c: compare the sites with what was planted. True: @ev says what changed. */
bool kvm_guard(struct kvm_vm *k, struct trap_event *ev);

#endif
