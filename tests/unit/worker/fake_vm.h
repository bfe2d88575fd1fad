/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_vm.h - a virtual machine without any: RAM with a kernel's tables in it (guest/fake.h) and a printk
 * ring (source/ring_writer.h), behind a fake trap_ops, under a clock that only the test moves. Included
 * once by each test program.
 */
#ifndef LOGVISOR_TESTS_FAKE_VM_H
#define LOGVISOR_TESTS_FAKE_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define VM_RING (1u << 20) /* of RAM, where the ring is */
#define RW_BASE (0xffff888000000000ull + VM_RING)

#include "trap/trap.h"
#include "unit/guest/fake.h"
#include "unit/source/ring_writer.h"
#include "util/clock.h"

#define VM_JIFFIES (FAKE_TASK + 0x1000)
#define VM_TOY (FAKE_TASK + 0x2000) /* the ring of toy_source.h */
#define VM_SITES 32

static struct vm {
	struct fake f;
	struct ring_writer w;
	struct trap t;
	struct trap_ops ops;
	struct trap_site planted[VM_SITES];
	unsigned n_planted, max_planted;
	int plant_error; /* of plant(), 0: none */
	bool held, gone;
	unsigned holds, plants, cpus; /* calls */
	unsigned long waits;
	uint64_t runs;   /* see trap.h */
	struct gcpu cpu; /* what cpu() answers */
} vm;

/* ---- the clock ---- */

static int64_t vm_ns = 1000ll * 1000000000;

static int64_t vm_clock(clockid_t id)
{
	return vm_ns + (id == CLOCK_REALTIME ? 1700000000ll * 1000000000 : 0);
}

static void vm_sleep(int64_t ns)
{
	vm_ns += ns;
}

static const struct clock vm_time = {vm_clock, vm_sleep};

/* ---- the backend ---- */

static int vm_cpu(struct trap *t, unsigned vcpu, struct gcpu *out, struct err *e)
{
	(void)t;
	(void)vcpu;
	vm.cpus++;
	if (vm.gone)
		return err_set(e, ESRCH, "the VM is gone");
	*out = vm.cpu;
	return 0;
}

static int vm_plant(struct trap *t, const struct trap_site *site, struct err *e)
{
	(void)t;
	vm.plants++;
	if (vm.plant_error)
		return err_set(e, -vm.plant_error, "no trap can be had");
	for (unsigned i = 0; i < vm.n_planted; i++)
		if (vm.planted[i].owner == site->owner && vm.planted[i].tag == site->tag)
			return 0; /* its trap is put back */
	if (vm.n_planted >= vm.max_planted)
		return err_set(e, ENOSPC, "no more sites");
	vm.planted[vm.n_planted++] = *site;
	return 0;
}

static int vm_hold(struct trap *t, struct err *e)
{
	(void)t;
	if (vm.gone)
		return err_set(e, ESRCH, "the VM is gone");
	assert_false(vm.held);
	vm.held = true;
	vm.holds++;
	return 0;
}

static int vm_resume(struct trap *t, struct err *e)
{
	(void)t;
	(void)e;
	assert_true(vm.held);
	vm.held = false;
	return 0;
}

static int vm_runs(struct trap *t, uint64_t *n, struct err *e)
{
	(void)t;
	(void)e;
	*n = vm.runs;
	return 0;
}

static int vm_unplant(struct trap *t, uint32_t owner, uint32_t tag, struct err *e)
{
	(void)t;
	(void)e;
	for (unsigned i = vm.n_planted; i-- > 0;)
		if (vm.planted[i].owner == owner && vm.planted[i].tag == tag)
			vm.planted[i] = vm.planted[--vm.n_planted];
	return 0;
}

/* ---- the guest ---- */

static const char vm_note[] =
	"SYMBOL(prb)=ffff888000100008\nSIZE(printk_ringbuffer)=88\n"
	"OFFSET(printk_ringbuffer.desc_ring)=0\nOFFSET(printk_ringbuffer.text_data_ring)=48\n"
	"OFFSET(printk_ringbuffer.fail)=80\nSIZE(prb_desc_ring)=48\nOFFSET(prb_desc_ring.count_bits)=0\n"
	"OFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\nOFFSET(prb_desc_ring.head_id)=24\n"
	"OFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\nOFFSET(prb_desc.state_var)=0\n"
	"OFFSET(prb_desc.text_blk_lpos)=8\nOFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n"
	"OFFSET(prb_data_ring.head_lpos)=16\nSIZE(printk_info)=112\nOFFSET(printk_info.seq)=0\n"
	"OFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\nOFFSET(printk_info.caller_id)=20\n"
	"OFFSET(printk_info.dev_info)=44\nOFFSET(dev_printk_info.subsystem)=0\n"
	"OFFSET(dev_printk_info.device)=16\n";

static const struct fake_extra vm_symbols[] = {
	{"jiffies_64", 'D', VM_JIFFIES},
	{"toy_ring", 'D', VM_TOY},
	{"prb_commit", 'T', FAKE_IMAGE + 0x9000},
	{"prb_final_commit", 'T', FAKE_IMAGE + 0xa000},
	{"toy_commit", 'T', FAKE_IMAGE + 0xb000},
	{NULL, 0, 0},
};

/* (Re)boot: another kernel, with an empty ring of 32 records and 4 KiB, at @slide. */
static inline void vm_boot(uint64_t slide)
{
	const struct fake_opt opt = {.slide = slide, .extra = vm_symbols, .note = vm_note};
	uint8_t *old = vm.f.mem, *made;

	fake_make(&vm.f, &opt);
	/* The memory stays where it is. */
	made = vm.f.mem;
	if (old) {
		memcpy(old, made, FAKE_RAM);
		vm.f.mem = old;
		free(made);
	}
	/* The fake's BTF speaks of another printk_info: without it VMCOREINFO counts. */
	memset(vm.f.mem + FAKE_IMAGE + (vm.f.btf - vm.f.text), 0, 4);
	rw_init(&vm.w, 5, 12, true, true);
	memcpy(vm.f.mem + VM_RING, vm.w.arena, vm.w.size);
	free(vm.w.arena);
	vm.w.arena = vm.f.mem + VM_RING;
	vm.cpu = vm.f.cpu;
	vm.t.mem = vm.f.gmem;
}

static inline void vm_make(unsigned caps, bool has_runs)
{
	memset(&vm, 0, sizeof(vm));
	clock_now = &vm_time;
	vm.max_planted = VM_SITES;
	vm.ops = (struct trap_ops){.name = "fake", .caps = caps, .cpu = vm_cpu, .plant = vm_plant,
		.unplant = vm_unplant, .hold = vm_hold, .resume = vm_resume,
		.runs = has_runs ? vm_runs : NULL};
	vm.t.ops = &vm.ops;
	vm.t.vcpus = 1;
	vm_boot(0x2000000);
}

static inline void vm_free(void)
{
	fake_free(&vm.f);
	clock_now = &clock_libc;
}

/* The guest's clock ticks. */
static inline void vm_tick(void)
{
	++*(uint64_t *)(void *)(vm.f.mem + VM_JIFFIES);
	vm.runs++;
}

static inline uint64_t vm_print(const char *text)
{
	vm_tick();
	return rw_print(&vm.w, text, strlen(text), true);
}

static inline const struct trap_site *vm_planted(uint32_t tag)
{
	for (unsigned i = 0; i < vm.n_planted; i++)
		if (vm.planted[i].tag == tag)
			return &vm.planted[i];
	return NULL;
}

#endif
