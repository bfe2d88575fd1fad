/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plant_test.c - sites of the kvm backend in a VM that is a buffer: what is written into the guest and into
 * the program's memory, and that all of it is written while the VM stands still, but for what is written into
 * unused INT3s, of which nothing in the guest knows yet. The host's kernel and the guardian are replaced here: what else attach.c and guardian.c do, tests/kvm shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fetch/printk.h"
#include "fetch/printk_rec.h"
#include "fetch/unix.h"
#include "trap/kvm/kvm.h"
#include "util/clock.h"

#include "trap/kvm/bpf/hook.skel.h"

#define RAM_BYTES (8u << 20)
#define TEXT_GVA 0xffffffff81000000ull /* 2 MiB, at the guest-physical ... */
#define TEXT_GPA 0x200000u
#define NOP5 ((const uint8_t[]){0x0f, 0x1f, 0x44, 0x00, 0x00})

static uint8_t *ram;
static struct kvm_vm vm;
static struct hook_bpf skel;
static struct hook_bpf__bss bss, seen; /* the program's memory; what it was when the VM last went on */
static uint8_t *ram_seen;
static bool running;
static int stop_result;
static unsigned stops;

/* ---- in place of the host's kernel and of the guardian ---- */

static void look(void)
{
	assert_memory_equal(&seen, &bss, sizeof(bss));
	for (size_t i = memcmp(ram_seen, ram, RAM_BYTES) ? 0 : RAM_BYTES; i < RAM_BYTES; i++)
		assert_true(ram[i] == ram_seen[i] || ram_seen[i] == 0xcc);
}

int kvm_guardian_stop(struct kvm_guardian *g, struct err *e)
{
	(void)g;
	assert_true(running);
	look();
	if (stop_result)
		return err_set(e, -stop_result, "not stopped");
	running = false;
	stops++;
	return 0;
}

int kvm_guardian_cont(struct kvm_guardian *g, struct err *e)
{
	(void)g;
	(void)e;
	running = true;
	memcpy(&seen, &bss, sizeof(bss));
	memcpy(ram_seen, ram, RAM_BYTES);
	return 0;
}

int kvm_cpu(struct kvm_vm *k, unsigned idx, struct gcpu *out, struct err *e)
{
	(void)k;
	if (idx)
		return err_set(e, ENOENT, "no vCPU");
	*out = (struct gcpu){.cr0 = 1u << 31, .cr3 = 0x1000, .efer = 1u << 10};
	return 0;
}

int kvm_vcpu_id(struct kvm_vm *k, unsigned idx, uint32_t *id, struct err *e)
{
	(void)k;
	(void)e;
	*id = idx;
	return 0;
}

static unsigned reads;
static int64_t now_ns = 1000000000;

static int64_t test_ns(clockid_t id)
{
	(void)id;
	return now_ns;
}

static const struct clock test_clock = {.ns = test_ns};

static int mem_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	(void)ctx;
	reads++;
	if (gpa > RAM_BYTES || len > RAM_BYTES - gpa)
		return -EFAULT;
	memcpy(buf, ram + gpa, len);
	return 0;
}

static void put64(uint64_t gpa, uint64_t v)
{
	memcpy(ram + gpa, &v, sizeof(v));
}

static int set_up(void **state)
{
	(void)state;
	ram = calloc(1, RAM_BYTES);
	ram_seen = calloc(1, RAM_BYTES);
	memset(&bss, 0, sizeof(bss));
	put64(0x1000 + 511 * 8, 0x2003);
	put64(0x2000 + 510 * 8, 0x3003);
	put64(0x3000 + 8 * 8, TEXT_GPA | 0x83); /* a page of 2 MiB */
	skel.bss = &bss;
	memset(&vm, 0, sizeof(vm));
	vm.hook.skel = &skel;
	vm.t.vcpus = 2;
	vm.t.mem = (struct gmem){.read = mem_read, .ram_bytes = RAM_BYTES};
	ram_init(&vm.ram);
	vm.ram.n = 1;
	vm.ram.seg[0] = (struct ram_seg){.gpa = 0, .len = RAM_BYTES, .hva = (uint64_t)(uintptr_t)ram};
	vm.wr = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
	assert_true(vm.wr >= 0);
	memcpy(ram + TEXT_GPA + 0x100, NOP5, SITE_LEN);
	memcpy(ram + TEXT_GPA + 0x204, NOP5, SITE_LEN); /* behind an ENDBR64 */
	memcpy(ram + TEXT_GPA + 0x200, (const uint8_t[]){0xf3, 0x0f, 0x1e, 0xfa}, 4);
	stop_result = 0;
	clock_now = &test_clock;
	kvm_guardian_cont(NULL, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(vm.wr);
	free(ram);
	free(ram_seen);
	return 0;
}

static struct prb_geometry geometry_of(uint64_t at)
{
	return (struct prb_geometry){.rb = TEXT_GVA + at, .descs = TEXT_GVA + at, .infos = TEXT_GVA + at + 0x1000,
		.data = TEXT_GVA + at + 0x2000, .first_id = 100, .desc_mask = 15, .data_mask = 1023,
		.data_bits = 10, .desc_bits = 4, .info_size = 88};
}

static struct trap_site site_at(uint64_t off, uint32_t tag, const struct prb_geometry *g)
{
	return (struct trap_site){.kind = SITE_CODE, .gva = TEXT_GVA + off, .owner = 3, .tag = tag,
		.fetch = &fetch_printk, .arg = g, .arg_len = sizeof(*g)};
}

static const uint8_t planted[] = {0x0f, 0x1f, 0x00, 0x0f, 0x08};

/* Where the program looks for a trap at @off, and what it finds. */
static const struct hook_site *known(uint64_t off)
{
	const struct hook_site *s = &bss.sites.at[hook_place(TEXT_GVA + off + SITE_LEN, bss.sites.seed)];

	return s->rip == TEXT_GVA + off + SITE_LEN ? s : NULL;
}

/* The second site of a log must not make the program forget what it copied at the first. */
static void second_site(void **state)
{
	struct prb_geometry g = geometry_of(0x10000);
	struct trap_site a = site_at(0x100, 1, &g), b = site_at(0x200, 2, &g);
	const struct prb_geometry *in;
	struct hook_arg *arg;
	struct err e;

	(void)state;
	assert_int_equal(kvm_plant(&vm, &a, &e), 0);
	look();
	assert_memory_equal(ram + TEXT_GPA + 0x100, planted, SITE_LEN);
	assert_int_equal(known(0x100)->who, hook_who(3, 1));
	arg = &bss.args[known(0x100)->arg];
	in = (const void *)arg->bytes;
	assert_int_equal(arg->state[0], 99);
	assert_int_equal(in->data, vm.ram.seg[0].hva + TEXT_GPA + 0x12000);
	assert_int_equal(in->data_gva, g.data_gva);
	arg->state[0] = 1234; /* a record is copied; then the other site is planted */
	bss.pages[3].gva = 77;
	memcpy(&seen, &bss, sizeof(bss));
	assert_int_equal(kvm_plant(&vm, &b, &e), 0);
	look();
	assert_memory_equal(ram + TEXT_GPA + 0x204, planted, SITE_LEN);
	assert_int_equal(known(0x204)->who, hook_who(3, 2));
	assert_int_equal(known(0x204)->arg, known(0x100)->arg);
	assert_int_equal(arg->state[0], 1234);
	assert_int_equal(bss.pages[3].gva, 77);
	/* When both are gone and come back, the guest may be another. */
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_int_equal(kvm_unplant(&vm, 3, 2, &e), 0);
	assert_null(known(0x100));
	assert_null(known(0x204));
	assert_int_equal(kvm_plant(&vm, &a, &e), 0);
	assert_int_equal(bss.args[known(0x100)->arg].state[0], 99);
	look();
}

/* What does not come about leaves nothing behind, in the guest or in the program. */
static void refused(void **state)
{
	static const struct fetch unknown = {.id = FETCH_END, .arg_len = 0};
	struct prb_geometry g = geometry_of(0x10000);
	struct trap_site a = site_at(0x100, 1, &g), b = a;
	struct err e;

	(void)state;
	stop_result = -ETIMEDOUT;
	assert_int_equal(kvm_plant(&vm, &a, &e), -ETIMEDOUT);
	look();
	stop_result = 0;
	b.arg_len--;
	assert_int_equal(kvm_plant(&vm, &b, &e), -EINVAL);
	b = a;
	b.fetch = &unknown;
	b.arg_len = 0;
	assert_int_equal(kvm_plant(&vm, &b, &e), -ENOTSUP);
	b = a;
	b.kind = SITE_WATCH;
	assert_int_equal(kvm_plant(&vm, &b, &e), -ENOTSUP);
	b = a;
	b.gva = TEXT_GVA + 0x300; /* no NOP is there */
	assert_int_equal(kvm_plant(&vm, &b, &e), -EBUSY);
	look();
	assert_null(known(0x100));
}

/* Each site has its own argument: two rings are followed side by side. */
static void two_rings(void **state)
{
	struct prb_geometry g = geometry_of(0x10000), h = geometry_of(0x20000);
	struct trap_site a = site_at(0x100, 1, &g), b = site_at(0x200, 2, &h);
	struct err e;

	(void)state;
	assert_int_equal(kvm_plant(&vm, &a, &e), 0);
	assert_int_equal(kvm_plant(&vm, &b, &e), 0);
	look();
	assert_int_equal(((const struct prb_geometry *)bss.args[known(0x100)->arg].bytes)->rb, g.rb);
	assert_int_equal(((const struct prb_geometry *)bss.args[known(0x204)->arg].bytes)->rb, h.rb);
}

/* As many sites as the program takes, each found at its place, and not one more. */
static void many_sites(void **state)
{
	struct prb_geometry g = geometry_of(0x10000);
	struct trap_site s;
	struct err e;

	(void)state;
	for (uint32_t i = 0; i <= HOOK_SITES_MAX; i++) {
		memcpy(ram + TEXT_GPA + 0x1000 + 0x30 * i, NOP5, SITE_LEN);
		s = site_at(0x1000 + 0x30 * i, i, &g);
		kvm_guardian_cont(NULL, NULL); /* the guest wrote */
		assert_int_equal(kvm_plant(&vm, &s, &e), i < HOOK_SITES_MAX ? 0 : -ENOSPC);
		look();
	}
	for (uint32_t i = 0; i < HOOK_SITES_MAX; i++)
		assert_int_equal(known(0x1000 + 0x30 * i)->who, hook_who(3, i));
}

/* A site belongs to its owner: another's of the same tag is left alone. */
static void owners(void **state)
{
	struct prb_geometry g = geometry_of(0x10000);
	struct trap_site a = site_at(0x100, 1, &g);
	struct err e;

	(void)state;
	assert_int_equal(kvm_plant(&vm, &a, &e), 0);
	assert_int_equal(kvm_unplant(&vm, 4, 1, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x100, planted, SITE_LEN);
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x100, ((const uint8_t[]){0x0f, 0x1f, 0x44, 0x0f, 0x08}), SITE_LEN);
	look();
}

/* The guest writes @bytes over the site at @off. */
static void overwrite(uint64_t off, const uint8_t *bytes)
{
	memcpy(ram + TEXT_GPA + off, bytes, SITE_LEN);
	kvm_guardian_cont(NULL, NULL);
}

static void guarded(void **state)
{
	static const uint8_t call[] = {0xe8, 1, 2, 3, 4};
	static const uint64_t at[] = {0x100, 0x9000, 0x204, 0x9100}; /* two and two near to each other */
	struct prb_geometry g = geometry_of(0x10000);
	struct trap_event ev;
	struct trap_site s;
	struct err e;

	(void)state;
	overwrite(0x9000, NOP5);
	overwrite(0x9100, NOP5);
	for (uint32_t i = 0; i < 4; i++) {
		s = site_at(at[i], i, &g);
		s.gva = TEXT_GVA + at[i];
		assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	}
	reads = 0;
	assert_false(kvm_guard(&vm, &ev));
	assert_int_equal(reads, 2);
	/* Removed: told, again after a while without an answer, and planted again. */
	overwrite(0x9000, NOP5);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.type, TRAP_CHANGED);
	assert_int_equal(ev.owner, 3);
	assert_int_equal(ev.tag, 1);
	assert_int_equal(ev.lost, 0);
	assert_non_null(strstr(ev.text, "overwritten with 0f 1f 44 00 00"));
	assert_false(kvm_guard(&vm, &ev));
	now_ns += 100000000;
	assert_true(kvm_guard(&vm, &ev));
	s = site_at(0x9000, 1, &g);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	look();
	assert_memory_equal(ram + TEXT_GPA + 0x9000, planted, SITE_LEN);
	assert_false(kvm_guard(&vm, &ev));
	/* Another tracer's: left alone, told once, and told again when it is free. */
	overwrite(0x9100, call);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.tag, 3);
	assert_non_null(strstr(ev.text, "ftrace"));
	s = site_at(0x9100, 3, &g);
	assert_int_equal(kvm_plant(&vm, &s, &e), -EBUSY);
	look();
	now_ns += 1000000000;
	assert_false(kvm_guard(&vm, &ev));
	assert_memory_equal(ram + TEXT_GPA + 0x9100, call, SITE_LEN);
	/* The others are told with it, and the program still knows it. */
	overwrite(0x9000, NOP5);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.tag, 1);
	assert_int_equal(ev.lost, 1);
	s = site_at(0x9000, 1, &g);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	s = site_at(0x204, 2, &g);
	assert_int_equal(kvm_unplant(&vm, 3, 2, &e), 0);
	assert_non_null(known(0x9100));
	overwrite(0x9100, NOP5);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.type, TRAP_CHANGED);
	assert_non_null(strstr(ev.text, "free again"));
	s = site_at(0x9100, 3, &g);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x9100, planted, SITE_LEN);
	assert_false(kvm_guard(&vm, &ev));
	/* Another's again, and then ours by itself, as from a snapshot. */
	overwrite(0x9100, call);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(kvm_plant(&vm, &s, &e), -EBUSY);
	overwrite(0x9100, planted);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.type, TRAP_ALERT);
	assert_int_equal(ev.lost, 0);
	assert_non_null(strstr(ev.text, "in place again"));
	assert_false(kvm_guard(&vm, &ev));
	/* Taking a trap back leaves another's bytes where they are. */
	overwrite(0x9100, call);
	assert_int_equal(kvm_unplant(&vm, 3, 3, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x9100, call, SITE_LEN);
}

/* ---- gadgets ---- */

#define ROOM (TEXT_GPA + 0x1f0000u) /* the last 64 KiB before 2 MiB */
#define CALLEE 0x5000ull
#define CALLER 0x20000ull

static const struct trap_filter by_name = {.reg = TRAP_RDI, .hops = 1, .off = {640}, .at = 56, .words = 1,
	.word = {{'l', 'o', 'g', 0}}};
static struct app_geometry app = {.page_offset = 0xffff888000000000ull, .cpus = 1};

static void call_at(uint64_t off, uint64_t to)
{
	uint32_t d = (uint32_t)(to - off - SITE_LEN);

	ram[TEXT_GPA + off] = 0xe8;
	memcpy(ram + TEXT_GPA + off + 1, &d, 4);
}

static struct trap_site site_call_of(uint64_t off, uint32_t tag)
{
	return (struct trap_site){.kind = SITE_CODE, .gva = TEXT_GVA + off, .owner = 3, .tag = tag, .place = TRAP_CALL,
		.callee = TEXT_GVA + CALLEE, .text_len = 0x100, .filter = &by_name,
		.room = {TEXT_GVA, TEXT_GVA + 0x200000}, .fetch = &fetch_unix, .arg = &app, .arg_len = sizeof(app)};
}

static struct trap_site site_jump_of(uint64_t off, uint32_t tag)
{
	struct trap_site s = site_call_of(off, tag);

	s.place = TRAP_ENTRY;
	return s;
}

static void set_room(void)
{
	memset(ram + TEXT_GPA + 0x1e0000, 0xcc, 0x20000);
	call_at(CALLER + 0x33, CALLEE);
	kvm_guardian_cont(NULL, NULL);
}

/* Where the jump or call at @off leads, from the text's begin. */
static uint64_t leads(uint64_t off)
{
	int32_t d;

	memcpy(&d, ram + TEXT_GPA + off + 1, 4);
	return off + SITE_LEN + (uint64_t)(int64_t)d;
}

static bool in_room(uint64_t off)
{
	return off >= 0x1f0000 && off < 0x200000;
}

/* Another worker, which knows nothing: the guest is as the last left it. */
static void next_worker(void)
{
	memset(vm.site, 0, sizeof(vm.site));
	memset(&bss, 0, sizeof(bss));
	kvm_guardian_cont(NULL, NULL);
}

static unsigned gadgets(void)
{
	struct gadget_head h;
	unsigned n = 0;

	for (uint32_t at = ROOM; at < ROOM + 0x10000; at += GADGET_STEP)
		n += gadget_read(ram + at, &h);
	return n;
}

static void call_led(void **state)
{
	struct trap_site s = site_call_of(CALLER, 1);
	uint8_t was[SITE_LEN];
	uint64_t first;
	char how[160];
	struct err e;

	(void)state;
	set_room();
	memcpy(was, ram + TEXT_GPA + CALLER + 0x33, SITE_LEN);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	look();
	assert_int_equal(ram[TEXT_GPA + CALLER + 0x33], 0xe8);
	first = leads(CALLER + 0x33);
	assert_true(in_room(first));
	assert_int_equal(vm.site[0].rip, TEXT_GVA + first - GADGET_HEAD + vm.site[0].gadget.invd);
	kvm_how(&vm, 3, 1, how, sizeof(how));
	assert_non_null(strstr(how, "a call led through"));
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	look();
	assert_memory_equal(ram + TEXT_GPA + CALLER + 0x33, was, SITE_LEN);
	assert_false(kvm_any_retired(&vm));
	assert_int_equal(gadgets(), 1); /* a task may be in it */
	/* A thousand times: it is led to again, and nothing else is used up. */
	for (unsigned i = 0; i < 1000; i++) {
		next_worker();
		assert_int_equal(kvm_plant(&vm, &s, &e), 0);
		assert_true(leads(CALLER + 0x33) == first);
		if (i % 2) /* the others are killed */
			assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	}
	assert_int_equal(gadgets(), 1);
	assert_memory_equal(ram + TEXT_GPA + CALLER + 0x33, was, SITE_LEN);
	look();
}

/* Another version's gadget is left where it is, and its site is understood. */
static void call_adopted(void **state)
{
	struct trap_filter other = by_name;
	struct trap_site s = site_call_of(CALLER, 1);
	uint8_t was[SITE_LEN];
	uint64_t first;
	struct err e;

	(void)state;
	set_room();
	memcpy(was, ram + TEXT_GPA + CALLER + 0x33, SITE_LEN);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	first = leads(CALLER + 0x33);
	next_worker();
	other.word[0][0] = 'L';
	s.filter = &other;
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	look();
	assert_true(leads(CALLER + 0x33) != first && in_room(leads(CALLER + 0x33)));
	assert_int_equal(gadgets(), 2);
	next_worker();
	s.place = TRAP_RETURN;
	s.filter = NULL;
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_int_equal(gadgets(), 3);
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + CALLER + 0x33, was, SITE_LEN);
	look();
}

/* Every call of it in the function, or none. */
static void calls_all(void **state)
{
	struct trap_site s = site_call_of(CALLER, 1);
	uint64_t a, b;
	struct err e;

	(void)state;
	set_room();
	call_at(CALLER + 0x80, CALLEE);
	call_at(CALLER + 0xa0, CALLEE + 0x40); /* of another function */
	kvm_guardian_cont(NULL, NULL);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	a = leads(CALLER + 0x33);
	b = leads(CALLER + 0x80);
	assert_true(in_room(a) && in_room(b) && a != b);
	assert_true(leads(CALLER + 0xa0) == CALLEE + 0x40);
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_true(leads(CALLER + 0x33) == CALLEE && leads(CALLER + 0x80) == CALLEE);
	/* One whose distance lies in two pages cannot be led elsewhere in one write. */
	call_at(0x20ffe, CALLEE);
	s.gva = TEXT_GVA + 0x20fa0;
	kvm_guardian_cont(NULL, NULL);
	assert_int_equal(kvm_plant(&vm, &s, &e), -EINVAL);
	assert_true(leads(0x20ffe) == CALLEE);
	look();
}

static void jump_led(void **state)
{
	struct trap_site s = site_jump_of(0x200, 1); /* behind an ENDBR64 */
	struct trap_filter other = by_name;
	struct site_step step[SITE_STEPS_MAX];
	uint64_t first;
	struct err e;
	unsigned n;

	(void)state;
	set_room();
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	look();
	assert_int_equal(ram[TEXT_GPA + 0x204], 0xe9);
	first = leads(0x204);
	assert_true(in_room(first));
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x204, NOP5, SITE_LEN);
	/* A worker that is killed between two of its writes, or leaves its jump: the next one understands. */
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	n = site_steps(&vm.site[0].code, NOP5, vm.site[0].code.planted, step);
	for (unsigned kill = 0; kill <= n; kill++) {
		memcpy(ram + TEXT_GPA + 0x204, NOP5, SITE_LEN);
		for (unsigned i = 0; i < kill; i++)
			ram[TEXT_GPA + 0x204 + step[i].at] = step[i].byte[0];
		next_worker();
		assert_int_equal(kvm_plant(&vm, &s, &e), 0);
		assert_true(leads(0x204) == first);
		assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
		assert_memory_equal(ram + TEXT_GPA + 0x204, NOP5, SITE_LEN);
	}
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	next_worker();
	other.words = 2;
	memcpy(other.word[1], "stdo", 4);
	s.filter = &other;
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_true(leads(0x204) != first && in_room(leads(0x204)));
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x204, NOP5, SITE_LEN);
	look();
}

/* No room, a filter that may lead anywhere, another's bytes: what is done instead, or said. */
static void no_gadget(void **state)
{
	struct trap_filter wild = by_name;
	struct trap_site s = site_jump_of(0x100, 1), c = site_call_of(CALLER, 2);
	const struct hook_arg *arg;
	struct err e;

	(void)state;
	call_at(CALLER + 0x33, CALLEE);
	kvm_guardian_cont(NULL, NULL);
	assert_int_equal(kvm_plant(&vm, &c, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "no room"));
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x100, planted, SITE_LEN);
	arg = &bss.args[known(0x100)->arg];
	assert_int_equal(arg->filter.hops, 1);
	assert_int_equal(arg->filter.off[0], 640);
	assert_memory_equal(&arg->filter.word[0], "log", 4);
	/* A task may be in it for ever: it stays closed, and the next worker takes it. */
	s.preempted = true;
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	vm.site[0].want.preempted = true;
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x100, ((const uint8_t[]){0x0f, 0x1f, 0x44, 0x0f, 0x08}), SITE_LEN);
	assert_false(kvm_any_retired(&vm));
	assert_int_equal(kvm_left(&vm), 0);
	set_room();
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x100, planted, SITE_LEN);
	wild.wild = true;
	s = site_jump_of(0x200, 3);
	s.filter = &wild;
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_memory_equal(ram + TEXT_GPA + 0x204, planted, SITE_LEN);
	assert_int_equal(gadgets(), 0);
	/* The function does not call it; or it is led to what is no gadget of ours. */
	call_at(CALLER + 0x33, 0x1f0040);
	kvm_guardian_cont(NULL, NULL);
	assert_int_equal(kvm_plant(&vm, &c, &e), -ENOENT);
	assert_non_null(strstr(e.text, "no such call"));
	/* All of the room is used: by somebody else, since these are no gadgets. */
	call_at(CALLER + 0x33, CALLEE);
	memset(ram + ROOM, 0x90, 0x10000);
	kvm_guardian_cont(NULL, NULL);
	assert_int_equal(kvm_plant(&vm, &c, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "used up"));
	look();
}

/* What was prepared while the VM ran is planted in one stop. */
static void one_stop(void **state)
{
	struct prb_geometry g = geometry_of(0x10000);
	struct trap_site s[] = {site_at(0x100, 1, &g), site_call_of(CALLER, 2), site_jump_of(0x200, 3)};
	struct err e;

	(void)state;
	set_room();
	call_at(CALLER + 0x80, CALLEE);
	kvm_guardian_cont(NULL, NULL);
	stops = 0;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(kvm_prepare(&vm, &s[i], &e), 0);
	assert_int_equal(stops, 0);
	look();
	assert_int_equal(gadgets(), 3);
	assert_int_equal(kvm_left(&vm), 0);
	assert_int_equal(kvm_guardian_stop(NULL, &e), 0);
	vm.held = true;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(kvm_plant(&vm, &s[i], &e), 0);
	vm.held = false;
	kvm_guardian_cont(NULL, NULL);
	assert_int_equal(stops, 1);
	assert_memory_equal(ram + TEXT_GPA + 0x100, planted, SITE_LEN);
	assert_true(in_room(leads(CALLER + 0x33)) && in_room(leads(CALLER + 0x80)) && in_room(leads(0x204)));
	/* What changed in between is left alone, and prepared anew the next time. */
	overwrite(0x300, NOP5);
	s[0] = site_at(0x300, 4, &g);
	assert_int_equal(kvm_prepare(&vm, &s[0], &e), 0);
	overwrite(0x300, (const uint8_t[]){0x0f, 0x1f, 0x44, 0x0f, 0x08});
	assert_int_equal(kvm_plant(&vm, &s[0], &e), -EBUSY);
	assert_non_null(strstr(e.text, "changed meanwhile"));
	assert_int_equal(kvm_plant(&vm, &s[0], &e), 0);
	look();
}

/* Gadget and call are watched; an altered gadget is never led to again. */
static void gadget_guarded(void **state)
{
	struct trap_site s = site_call_of(CALLER, 1);
	struct trap_event ev;
	uint64_t first, second;
	struct err e;

	(void)state;
	set_room();
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	first = leads(CALLER + 0x33);
	assert_false(kvm_guard(&vm, &ev));
	ram[TEXT_GPA + first + 9] ^= 1;
	kvm_guardian_cont(NULL, NULL);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.type, TRAP_CHANGED);
	assert_non_null(strstr(ev.text, "to which the trap"));
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	look();
	second = leads(CALLER + 0x33);
	assert_true(second != first && in_room(second));
	assert_false(kvm_guard(&vm, &ev));
	/* The call is put back by the guest, and led again. */
	call_at(CALLER + 0x33, CALLEE);
	kvm_guardian_cont(NULL, NULL);
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(ev.type, TRAP_CHANGED);
	assert_int_equal(kvm_plant(&vm, &s, &e), 0);
	assert_true(leads(CALLER + 0x33) == second);
	/* Another's call stays. */
	call_at(CALLER + 0x33, 0x7000);
	kvm_guardian_cont(NULL, NULL);
	now_ns += 1000000000;
	assert_true(kvm_guard(&vm, &ev));
	assert_int_equal(kvm_plant(&vm, &s, &e), -EBUSY);
	assert_int_equal(kvm_unplant(&vm, 3, 1, &e), 0);
	assert_true(leads(CALLER + 0x33) == 0x7000);
	look();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(second_site), TEST(refused), TEST(two_rings), TEST(many_sites), TEST(owners), TEST(guarded), TEST(call_led),
		TEST(call_adopted), TEST(calls_all), TEST(jump_led), TEST(no_gadget), TEST(one_stop),
		TEST(gadget_guarded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
