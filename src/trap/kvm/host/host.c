/* SPDX-License-Identifier: BSD-3-Clause */
/* host.c - list the VMs of this host with what runs in them. */
#include "trap/kvm/host/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"
#include "trap/kvm/kvm.h"

#define VMS_MAX 4096

struct entry {
	uint64_t kvm;
	bool named; /* its SCAN_VM was seen */
	pid_t pid;
	uint32_t flags;
	unsigned vcpus;
	bool has_cpu;
	struct gcpu cpu; /* of vCPU 0 */
	struct ram ram;
};

struct all {
	struct entry **vm;
	unsigned n;
	bool more; /* that found no place here */
};

static struct entry *entry_of(struct all *a, const struct scan_rec *r)
{
	struct entry **more, *v;

	for (unsigned i = a->n; i-- > 0;)
		if (a->vm[i]->kvm == r->kvm)
			return a->vm[i];
	if (a->n == VMS_MAX)
		return NULL;
	more = reallocarray(a->vm, a->n + 1, sizeof(struct entry *));
	if (!more)
		return NULL;
	a->vm = more;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->kvm = r->kvm;
	v->pid = (pid_t)r->pid;
	ram_init(&v->ram);
	a->vm[a->n++] = v;
	return v;
}

static int take(void *ctx, const struct scan_rec *r)
{
	struct entry *v = entry_of(ctx, r);
	struct all *a = ctx;

	if (!v) {
		a->more = true;
		return 0;
	}
	switch (r->kind) {
	case SCAN_VM:
		v->named = true;
		v->vcpus = r->vm.vcpus;
		v->flags |= r->vm.flags;
		break;
	case SCAN_SLOT:
		if (!v->named)
			kvm_add_slot(&v->ram, r);
		break;
	case SCAN_VCPU:
		v->flags |= r->vcpu.flags;
		if (r->vcpu.idx == 0) {
			v->has_cpu = true;
			v->cpu = kvm_regs(r);
		}
		break;
	}
	return 0;
}

static int mem_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	return ram_read(ctx, gpa, buf, len);
}

static int mem_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end)
{
	return ram_next(ctx, gpa, start, end);
}

static void find_release(struct entry *v, struct host_vm *out)
{
	struct gmem mem = {.read = mem_read, .next = mem_next, .ctx = &v->ram};
	struct guest *g;
	struct err e = {""};

	if (!v->has_cpu)
		snprintf(e.text, sizeof(e.text), "no vCPU");
	else if (ram_open(&v->ram, v->pid, &e) || ram_bind(&v->ram, &e))
		;
	else if (!guest_find(&g, &mem, &v->cpu, &e)) {
		snprintf(out->release, sizeof(out->release), "%s", guest_info(g)->release);
		guest_free(g);
		return;
	}
	snprintf(out->trouble, sizeof(out->trouble), "%.127s", e.text);
}

static void describe(struct entry *v, struct host_vm *out)
{
	struct err e = {""};

	memset(out, 0, sizeof(*out));
	out->pid = v->pid;
	out->vcpus = v->vcpus;
	out->ram_bytes = ram_total(&v->ram);
	kvm_command(v->pid, out->command, sizeof(out->command));
	if (kvm_refuse(v->flags, &e))
		snprintf(out->trouble, sizeof(out->trouble), "%.127s", e.text);
	else
		find_release(v, out);
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = (*(struct entry *const *)a)->pid, y = (*(struct entry *const *)b)->pid;

	return x < y ? -1 : x > y;
}

int host_each_vm(void (*f)(void *ctx, const struct host_vm *vm), void *ctx, struct err *e)
{
	struct all a = {NULL, 0, false};
	struct host_vm vm;
	struct scan *s;
	int r = scan_open(&s, 0, e);

	if (r)
		return r;
	r = scan_run(s, take, &a, e);
	scan_close(s);
	if (a.n)
		qsort(a.vm, a.n, sizeof(struct entry *), by_pid);
	for (unsigned i = 0; i < a.n; i++) {
		if (!r && a.vm[i]->named) {
			describe(a.vm[i], &vm);
			f(ctx, &vm);
		}
		ram_unbind(&a.vm[i]->ram);
		free(a.vm[i]);
	}
	free(a.vm);
	if (!r && a.more)
		return err_set(e, ENOMEM, "this host has more VMs than the %u listed", a.n);
	return r;
}
