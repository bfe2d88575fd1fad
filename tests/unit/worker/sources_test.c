/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sources_test.c - two sources of one guest: a second one is a file (toy_source.h) and a line in a table, and
 * each captures exactly what is its own, with either kind of backend.
 */
#include "unit/worker/toy_source.h"

#include "unit/worker/follow_rig.h"

static const struct source_ops *const table[] = {&source_printk, &source_toy, NULL};

static struct toy_ring *toy(void)
{
	return (void *)(vm.f.mem + VM_TOY);
}

static void start(unsigned caps)
{
	begin(caps, false);
	f.pump.table = table;
}

/* The guest writes a line to its toy; its slot. */
static const struct toy_slot *toy_write(const char *text)
{
	struct toy_ring *r = toy();
	struct toy_slot *s = &r->slot[r->head % TOY_SLOTS];

	vm_tick();
	s->number = r->head;
	s->length = strlen(text);
	memset(s->text, 0, sizeof(s->text));
	memcpy(s->text, text, s->length);
	r->head++;
	return s;
}

static const struct trap_site *site_of(uint64_t gva)
{
	for (unsigned i = 0; i < vm.n_planted; i++)
		if (vm.planted[i].gva == gva)
			return &vm.planted[i];
	return NULL;
}

/* The word at @gva was written: the VM stops if it is watched. */
static void written(uint64_t gva)
{
	const struct trap_site *s = site_of(gva);
	struct trap_event ev = {.type = TRAP_STOPPED, .held = true, .time_us = clock_wall_us()};

	if (!s)
		return;
	ev.owner = s->owner;
	ev.tag = s->tag;
	vm.held = true;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_false(vm.held);
}

static int read_fake(void *ctx, uint64_t gva, void *buf, size_t len)
{
	(void)ctx;
	return guest_read(f.boot.g, gva, buf, len);
}

/* toy_commit(@slot) is called: what a backend that makes copies runs there. */
static void committed(const struct toy_slot *slot)
{
	const struct trap_site *s = site_of(fake_gva(&vm.f, FAKE_IMAGE + 0xb000));
	const struct fetch_mem mem = {read_fake, NULL};
	struct fetch_regs regs = {.rdi = fake_gva(&vm.f, (uint32_t)((const uint8_t *)slot - vm.f.mem))};
	struct trap_event ev = {.type = TRAP_COPY, .time_us = clock_wall_us()};
	struct toy_slot out;
	int n;

	assert_non_null(s);
	n = s->fetch->run(&mem, &regs, s->arg, &out, sizeof(out));
	assert_int_equal(n, sizeof(out));
	ev.owner = s->owner;
	ev.tag = s->tag;
	ev.data = &out;
	ev.len = (size_t)n;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
}

static void expect_counts(uint64_t records, uint64_t live, uint64_t lost)
{
	struct meta_counters c;

	follow_counters(&f, &c);
	assert_int_equal(c.records, records);
	assert_int_equal(c.live, live);
	assert_int_equal(c.lost, lost);
}

/* Each stop drains the one that was rung for, and that one only. */
static void stops(void **state)
{
	(void)state;
	start(TRAP_WATCH);
	vm_print("k0");
	toy_write("t0");
	assert_int_equal(pass(500), 0);
	assert_string_equal(all(), "boot b:k0 b:t0 ");
	assert_int_equal(vm.n_planted, 2);
	toy_write("t1");
	vm_print("k1");
	written(fake_gva(&vm.f, VM_TOY));
	assert_string_equal(all(), "boot b:k0 b:t0 l:t1 ");
	ring(PRINTK_TAG_LAST);
	assert_string_equal(all(), "boot b:k0 b:t0 l:t1 l:k1 ");
	for (int i = 0; i < 100; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		toy_write(text);
		written(fake_gva(&vm.f, VM_TOY));
		if (i % 3)
			continue;
		vm_print(text);
		ring(PRINTK_TAG_LAST);
	}
	expect_counts(4 + 100 + 34, 2 + 100 + 34, 0);
	end();
}

static void copies_of_both(void **state)
{
	(void)state;
	start(TRAP_CODE);
	assert_int_equal(pass(500), 0);
	assert_int_equal(vm.n_planted, 3);
	for (int i = 0; i < 3; i++) {
		committed(toy_write("t"));
		copy(vm_print("k"));
	}
	assert_string_equal(all(), "boot l:t l:k l:t l:k l:t l:k ");
	toy_write("past the trap");
	assert_int_equal(pass(500), 0);
	assert_string_equal(strstr(all(), "l:past"), "l:past the trap ");
	expect_counts(7, 6, 0);
	end();
}

/* Lost is what the one lost, under its own channel; the other goes on. */
static void overwritten(void **state)
{
	(void)state;
	start(TRAP_WATCH);
	assert_int_equal(pass(500), 0);
	for (int i = 0; i < 20; i++)
		toy_write("t");
	written(fake_gva(&vm.f, VM_TOY));
	vm_print("k");
	ring(PRINTK_TAG_LAST);
	assert_string_equal(all(), "boot gap:0+12 l:t l:t l:t l:t l:t l:t l:t l:t l:k ");
	expect_counts(9, 9, 12);
	end();
}

static void of_a_reboot(void **state)
{
	(void)state;
	start(TRAP_WATCH);
	vm_print("k");
	toy_write("t");
	assert_int_equal(pass(500), 0);
	vm_boot(0x1e800000);
	toy_write("again");
	assert_int_equal(pass(6000), 0);
	assert_string_equal(all(), "boot b:k b:t boot b:again ");
	assert_int_equal(vm.n_planted, 2);
	expect_counts(3, 0, 0);
	end();
}

/* The next worker goes on in both where each stopped. */
static void resumed(void **state)
{
	struct ledger_recovery rec;

	(void)state;
	start(TRAP_WATCH);
	vm_print("k0");
	toy_write("t0");
	toy_write("t1");
	assert_int_equal(pass(500), 0);
	follow_stop(&f);
	assert_int_equal(store_close(&store, &e), 0);
	for (int i = 0; i < 10; i++)
		toy_write("t");
	vm_print("k1");
	assert_int_equal(store_open(&store, place, "vm", &rec, &e), 0);
	assert_int_equal(resume_find(&resume, pump_channels(table), place, &e), 0);
	assert_int_equal(resume.at[TOY_CHANNEL].next, 2);
	assert_int_equal(resume.at[RECORD_KMSG].next, 1);
	follow_init(&f, &vm.t, &report, &resume, 1000);
	f.pump.table = table;
	assert_int_equal(pass(500), 0);
	assert_string_equal(all(), "boot b:k0 b:t0 b:t1 b:k1 gap:2+2 b:t b:t b:t b:t b:t b:t b:t b:t ");
	end();
}

static int cannot(struct source **out, const struct source_start *start, struct err *err)
{
	(void)out;
	(void)start;
	return err_set(err, ENOENT, "the guest has no such log");
}

/* One that a guest does not have is told and left out; one that is needed is waited for. */
static void none_of_it(void **state)
{
	static struct source_ops other;
	static const struct source_ops *const with[] = {&other, &source_printk, NULL};

	(void)state;
	other = source_toy;
	other.open = cannot;
	begin(TRAP_WATCH, false);
	f.pump.table = with;
	*rw_word(&vm.w, vm.w.prb) = 0; /* printk's ring is not there yet */
	assert_int_equal(pass(3000), 0);
	*rw_word(&vm.w, vm.w.prb) = RW_BASE + vm.w.rb;
	assert_int_equal(pass(2000), 0);
	vm_print("k");
	ring(PRINTK_TAG_LAST);
	assert_string_equal(all(), "alert:no-source boot l:k ");
	end();
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	other.needed = true;
	begin(TRAP_WATCH, false);
	f.pump.table = with;
	assert_int_equal(pass(10000), -ENOENT);
	assert_string_equal(all(), "");
	end();
}

/* ---- planted while the VM stands still ---- */

static unsigned asked, planted_at, amid_until;
static bool stood, of_a_worker;

static bool amid(const struct source *s, uint64_t rip)
{
	(void)s;
	assert_true(vm.held);
	assert_int_equal(rip, vm.cpu.rip);
	return ++asked < amid_until;
}

static bool lent(struct trap *t, uint64_t gva)
{
	(void)t;
	(void)gva;
	return of_a_worker && asked++ < 5;
}

static void planted_then(struct source *s, bool all, const struct moment *m)
{
	planted_at = vm.n_planted;
	stood = vm.held && m->held;
	toy_planted(s, all, m);
}

static struct source_ops standing;

static int open_standing(struct source **out, const struct source_start *start, struct err *err)
{
	int r = source_toy.open(out, start, err);

	if (!r)
		(*out)->ops = &standing;
	return r;
}

/* Held, and let go as often as a CPU is where it must not be; planted and looked at before the VM goes on. */
static void at_once(void **state)
{
	static const struct source_ops *const with[] = {&source_printk, &standing, NULL};

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		asked = planted_at = 0;
		amid_until = n == 1 ? 4 : n == 2 ? UINT32_MAX : 0;
		of_a_worker = n == 3;
		stood = false;
		standing = source_toy;
		standing.open = open_standing;
		standing.still = true;
		standing.amid = amid;
		standing.planted = planted_then;
		begin(TRAP_CODE, false);
		vm.ops.lent = lent;
		f.pump.table = with;
		toy_write("before");
		assert_int_equal(pass(500), 0);
		assert_true(stood);
		assert_false(vm.held);
		assert_true(planted_at > 0);
		assert_int_equal(planted_at, vm.n_planted);
		assert_true(n == 1 ? asked == 4 : n == 2 ? asked > 4 : asked > 0);
		copy(vm_print("k"));
		assert_string_equal(all(), "boot b:before l:k ");
		end();
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
	start(TRAP_CODE);
	end();
}

/* A source whose traps were lost says so of itself alone. */
static void tampered_one(void **state)
{
	struct trap_event ev = {.type = TRAP_ALERT, .lost = 1, .text = "the trap was overwritten"};

	(void)state;
	start(TRAP_CODE);
	assert_int_equal(pass(500), 0);
	ev.owner = site_of(fake_gva(&vm.f, FAKE_IMAGE + 0xb000))->owner;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	toy_write("t");
	copy(vm_print("k"));
	assert_int_equal(pass(500), 0);
	assert_string_equal(all(), "boot alert:trap l:k l:t ");
	expect_counts(2, 1, 0);
	end();
}

static void end_of_both(void **state)
{
	const struct trap_event ev = {.type = TRAP_GONE};

	(void)state;
	start(TRAP_WATCH);
	assert_int_equal(pass(500), 0);
	vm_print("k");
	toy_write("t");
	assert_int_equal(follow_event(&f, &ev, &e), 1);
	assert_string_equal(all(), "boot l:k l:t ");
	end();
}

/* Log files want traps: a backend without any is refused, unless they are not asked for. */
static void files_want_traps(void **state)
{
	const struct trap_ops watches = {.name = "gdb", .caps = TRAP_WATCH}, code = {.name = "kvm", .caps = TRAP_CODE},
		none = {.name = "xen"};

	(void)state;
	assert_int_equal(pump_supported(source_table, UINT32_MAX, &watches, &e), 0);
	assert_int_equal(pump_supported(source_table, UINT32_MAX, &code, &e), 0);
	assert_int_equal(pump_supported(source_table, ~RECORD_FILES, &none, &e), 0);
	assert_int_equal(pump_supported(source_table, RECORD_FILES | 1u << RECORD_KMSG, &none, &e), -ENOTSUP);
	assert_string_equal(e.text, "log files cannot be followed by the xen backend");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(stops), TEST(copies_of_both), TEST(overwritten), TEST(of_a_reboot), TEST(resumed),
		TEST(none_of_it), TEST(at_once), TEST(tampered_one), TEST(end_of_both),
		cmocka_unit_test(files_want_traps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
