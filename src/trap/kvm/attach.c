/* SPDX-License-Identifier: BSD-3-Clause */
/* attach.c - from a process id to a VM: its memory, its registers, the hook, the guardian. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trap/kvm/kvm.h"

#include "trap/kvm/bpf/hook.skel.h"
#include "util/cleanup.h"

#define KVM_MEM_READONLY (1u << 1) /* linux/kvm.h */
#define RING_TOTAL (2u << 20) /* bytes for all vCPUs together; a copy takes some 200 and its text */
#define RING_MAX_KIB 65536   /* per vCPU */
#define HOLD_MS 1000 /* unless limit_hold() says otherwise */

/* ---- what the scan says of this VM ---- */

struct found {
	struct kvm_vm *k;
	unsigned vms;
	unsigned dropped; /* slots that did not fit */
	bool scaled; /* a vCPU's TSC is not the host's and an offset */
};

bool kvm_add_slot(struct ram *ram, const struct scan_rec *r)
{
	unsigned i = ram->n;

	if (r->slot.flags & KVM_MEM_READONLY || !r->slot.len)
		return true;
	if (i == RAM_SEGS_MAX)
		return false;
	for (ram->n++; i > 0 && ram->seg[i - 1].gpa > r->slot.gpa; i--)
		ram->seg[i] = ram->seg[i - 1];
	ram->seg[i] = (struct ram_seg){.gpa = r->slot.gpa, .len = r->slot.len, .hva = r->slot.hva};
	snprintf(ram->seg[i].name, sizeof(ram->seg[i].name), "slot 0x%" PRIx64, (uint64_t)r->slot.gpa);
	return true;
}

static void take_slot(struct found *f, const struct scan_rec *r)
{
	struct kvm_vm *k = f->k;

	/* Largest first: that is where a walk mostly leads. If there are too many, those left out are the smallest. */
	if (r->slot.len && (k->slots < HOOK_SLOTS_MAX || r->slot.len > k->slot[HOOK_SLOTS_MAX - 1].len)) {
		unsigned i = k->slots < HOOK_SLOTS_MAX ? k->slots++ : HOOK_SLOTS_MAX - 1;

		for (; i > 0 && k->slot[i - 1].len < r->slot.len; i--)
			k->slot[i] = k->slot[i - 1];
		k->slot[i] = (struct hook_slot){r->slot.gpa, r->slot.len, r->slot.hva};
	}
	if (!kvm_add_slot(&k->ram, r))
		f->dropped++;
}

/* Slots come before their VM, vCPUs in any order; one VM only. */
static int take(void *ctx, const struct scan_rec *r)
{
	struct found *f = ctx;

	switch (r->kind) {
	case SCAN_VM:
		if (r->kvm != f->k->kvm)
			f->vms++;
		f->k->kvm = r->kvm;
		f->k->t.vcpus = r->vm.vcpus;
		f->k->creator = r->vm.creator;
		f->k->flags |= r->vm.flags;
		break;
	case SCAN_SLOT:
		if (!f->vms)
			take_slot(f, r);
		break;
	case SCAN_VCPU:
		f->k->flags |= r->vcpu.flags;
		f->scaled |= !tsc_unscaled(r->vcpu.tsc_ratio);
		break;
	}
	return 0;
}

struct want_cpu {
	uint64_t kvm;
	unsigned idx;
	struct gcpu *out;
};

struct gcpu kvm_regs(const struct scan_rec *r)
{
	return (struct gcpu){.cr0 = r->vcpu.cr0, .cr3 = r->vcpu.cr3, .cr4 = r->vcpu.cr4,
		.efer = r->vcpu.efer, .rip = r->vcpu.rip};
}

static int take_cpu(void *ctx, const struct scan_rec *r)
{
	const struct want_cpu *w = ctx;

	if (r->kind != SCAN_VCPU || r->kvm != w->kvm || r->vcpu.idx != w->idx)
		return 0;
	*w->out = kvm_regs(r);
	return 1;
}

int kvm_cpu(struct kvm_vm *k, unsigned idx, struct gcpu *out, struct err *e)
{
	struct want_cpu w = {k->kvm, idx, out};
	int r = scan_run(k->scan, take_cpu, &w, e);

	if (r < 0)
		return r;
	if (r)
		return 0;
	return ram_vmm_gone(&k->ram) ? err_set(e, ESRCH, "the VM's process ended")
				     : err_set(e, ENOENT, "the VM has no vCPU %u", idx);
}

struct want_id {
	uint64_t kvm;
	unsigned idx;
	uint32_t id;
};

static int take_id(void *ctx, const struct scan_rec *r)
{
	struct want_id *w = ctx;

	if (r->kind != SCAN_VCPU || r->kvm != w->kvm || r->vcpu.idx != w->idx)
		return 0;
	w->id = r->vcpu.id;
	return 1;
}

int kvm_vcpu_id(struct kvm_vm *k, unsigned idx, uint32_t *id, struct err *e)
{
	struct want_id w = {k->kvm, idx, 0};
	int r = scan_run(k->scan, take_id, &w, e);

	*id = w.id;
	return r < 0 ? r : r ? 0 : err_set(e, ENOENT, "the VM has no vCPU %u", idx);
}

struct sum_exits {
	uint64_t kvm, sum;
};

static int add_exits(void *ctx, const struct scan_rec *r)
{
	struct sum_exits *s = ctx;

	if (r->kind == SCAN_VCPU && r->kvm == s->kvm)
		s->sum += r->vcpu.exits;
	return 0;
}

int kvm_exits(struct kvm_vm *k, uint64_t *n, struct err *e)
{
	struct sum_exits s = {.kvm = k->kvm};
	int r = scan_run(k->scan, add_exits, &s, e);

	*n = s.sum;
	return r;
}

/* ---- refusals ---- */

int kvm_refuse(uint32_t flags, struct err *e)
{
	if (flags & SCAN_PRIVATE)
		return err_set(e, ENOTSUP, "the guest's memory is encrypted or private (SEV, TDX, "
			"guest_memfd): nothing outside the guest can read its log");
	if (flags & SCAN_CROWDED)
		return err_set(e, ENOTSUP, "the VM has more than %d memory slots", RAM_SEGS_MAX);
	return 0;
}

void kvm_command(pid_t pid, char *buf, size_t cap)
{
	char path[64];
	FILE *f;

	snprintf(buf, cap, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(buf, (int)cap, f))
		buf[strcspn(buf, "\n")] = 0;
	fclose(f);
}

static void describe(struct kvm_vm *k, pid_t pid)
{
	char comm[32];

	kvm_command(pid, comm, sizeof(comm));
	snprintf(k->t.desc, sizeof(k->t.desc), "%s pid %d, %u vCPU%s, %" PRIu64 " MiB, KVM", comm, (int)pid,
		k->t.vcpus, k->t.vcpus == 1 ? "" : "s", ram_total(&k->ram) >> 20);
}

static int mem_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	return ram_read(&((struct kvm_vm *)ctx)->ram, gpa, buf, len);
}

static int mem_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end)
{
	return ram_next(&((struct kvm_vm *)ctx)->ram, gpa, start, end);
}

static int open_memory(struct kvm_vm *k, pid_t pid, struct err *e)
{
	char path[64];
	int r = ram_bind(&k->ram, e);

	if (r)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	k->wr = open(path, O_WRONLY | O_CLOEXEC);
	if (k->wr < 0)
		return err_set(e, errno, "cannot write the memory of process %d: %s; CAP_SYS_PTRACE is needed",
			(int)pid, strerror(errno));
	return 0;
}

/* "PID" or "PID,ring=KIB". */
static int parse(const char *target, pid_t *pid, unsigned *bytes, struct err *e)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(target, &end, 10);
	if (errno || end == target || (*end && *end != ',') || v <= 0 || v > 0x7fffffff)
		return err_set(e, EINVAL, "kvm:%.60s: a process id is wanted; 'logvisor list --host' shows them",
			target);
	*pid = (pid_t)v;
	if (!*end)
		return 0;
	if (strncmp(end, ",ring=", 6))
		return err_set(e, EINVAL, "kvm:%.60s: what follows the process id can only be ,ring=KIB",
			target);
	v = strtol(end + 6, &end, 10);
	if (errno || *end || v < HOOK_RING_MIN >> 10 || v > RING_MAX_KIB)
		return err_set(e, EINVAL, "kvm:%.60s: a ring has %u to %u KiB", target, HOOK_RING_MIN >> 10,
			RING_MAX_KIB);
	*bytes = (unsigned)v << 10;
	return 0;
}

static int scan_by_guardian(void *ctx, struct err *e)
{
	return kvm_guardian_scan(&((struct kvm_vm *)ctx)->guardian, e);
}

static int start_guardian(struct kvm_vm *k, pid_t pid, struct err *e)
{
	struct guardian_kit kit = {
		.vmm = pid,
		.held_ns = (volatile uint64_t *)&k->hook.skel->bss->held_ns,
		.may_hold = (volatile uint32_t *)&k->hook.skel->bss->may_hold,
		.max_ms = (volatile uint32_t *)&k->hook.skel->bss->max_hold_ms,
		.wake = bpf_map__fd(k->hook.skel->maps.wake),
		.life = k->hook.guardian_life,
		.scan = scan_link(k->scan),
		.gate = k->hook.gate,
	};
	int r = kvm_guardian_start(&k->guardian, &kit, &k->hook.worker_life, e);

	if (r)
		return r;
	gate_give(&k->hook.gate, k->guardian.pid);
	gate_close(&k->hook.gate);
	close(k->hook.guardian_life);
	k->hook.guardian_life = -1;
	scan_through(k->scan, scan_by_guardian, k);
	return 0;
}

int kvm_open(struct kvm_vm *k, const char *target, struct err *e)
{
	struct found f = {.k = k};
	struct hook_vm vm;
	unsigned bytes = 0;
	pid_t pid = 0;
	int r = parse(target, &pid, &bytes, e);

	if (r)
		return r;
	r = kvm_privilege(e);
	if (r)
		return r;
	/* First of all, and looked at last: as long as it lives the number is nobody else's. */
	r = ram_open(&k->ram, pid, e);
	if (r && r != -ESRCH)
		return r;
	if (!r)
		r = scan_open(&k->scan, pid, e);
	if (!r)
		r = scan_run(k->scan, take, &f, e);
	if (r < 0 && r != -ESRCH)
		return r;
	if (!f.vms)
		return err_set(e, ENOENT, "process %d has no KVM VM; 'logvisor list --host' shows those that do",
			(int)pid);
	if (f.vms > 1)
		return err_set(e, ENOTSUP, "process %d has %u VMs; only a process with one can be followed",
			(int)pid, f.vms);
	r = kvm_refuse(k->flags, e);
	if (r)
		return r;
	if (f.dropped)
		return err_set(e, ENOTSUP, "the VM has more than %d memory slots", RAM_SEGS_MAX);
	r = open_memory(k, pid, e);
	if (r)
		return r;
	if (!bytes)
		bytes = RING_TOTAL / (k->t.vcpus ? k->t.vcpus : 1);
	vm = (struct hook_vm){k->kvm, k->creator, k->t.vcpus, !f.scaled};
	r = hook_load(&k->hook, &vm, bytes, e);
	if (r)
		return r;
	memcpy(k->hook.skel->bss->slots, k->slot, sizeof(k->slot));
	k->hook.skel->bss->max_hold_ms = HOLD_MS;
	k->hook.skel->bss->may_hold = 1;
	r = hook_attach(&k->hook, e); /* now: later it is not permitted any more */
	if (r)
		return r;
	r = start_guardian(k, pid, e);
	if (r)
		return r;
	if (ram_vmm_gone(&k->ram))
		return err_set(e, ESRCH, "process %d ended while it was attached to", (int)pid);
	k->t.pid = pid;
	k->t.mem = (struct gmem){.read = mem_read, .next = mem_next, .ctx = k, .ram_bytes = ram_total(&k->ram)};
	describe(k, pid);
	return 0;
}

void kvm_release(struct kvm_vm *k)
{
	kvm_guardian_end(&k->guardian);
	hook_unload(&k->hook);
	if (k->wr >= 0)
		close(k->wr);
	ram_unbind(&k->ram);
	scan_close(k->scan);
}
