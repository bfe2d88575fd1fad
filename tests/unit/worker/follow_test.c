/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * follow_test.c - what a worker makes of what happens to a guest, from its first boot to its end: what is
 * stored, what is planted, for how long the VM is held, and when it looks again.
 */
#include "unit/worker/follow_rig.h"

#include <errno.h>
#include <unistd.h>

#include "util/io.h"

/* ---- finding ---- */

static void waits_for_a_kernel(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm.cpu.cr0 = 0;
	assert_int_equal(follow_tick(&f, &e), 0);
	assert_int_equal(vm.cpus, 1);
	assert_int_equal(pass(10000), 0);
	assert_in_range(vm.cpus, 12, 14); /* after 100, 200, 400, 800 ms, then each second */
	assert_string_equal(all(), "");
	vm.cpu = vm.f.cpu;
	vm_print("a");
	vm_print("b");
	assert_int_equal(pass(1000), 0);
	assert_string_equal(all(), "boot b:a b:b ");
	assert_int_equal(counters().backfill, 2);
	assert_non_null(vm_planted(PRINTK_TAG_LAST));
	end();
}

static void something_else_runs(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm.cpu.efer = 0; /* 32 bits */
	assert_int_equal(pass(4900), 0);
	assert_int_equal(pass(2000), -ENOEXEC);
	end();
}

static void something_else_after_a_kernel(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm_print("a");
	assert_int_equal(pass(100), 0);
	fake_put64(&vm.f, FAKE_TASK + 16, 0); /* the canary: another boot */
	vm.cpu.efer = 0;
	assert_int_equal(pass(29000), 0);
	assert_string_equal(all(), "boot b:a ");
	assert_int_equal(pass(8000), 0);
	assert_string_equal(all(), "boot b:a alert:no-kernel gap ");
	assert_int_equal(pass(100000), 0);
	assert_string_equal(all(), "boot b:a alert:no-kernel gap ");
	vm_boot(0x1e800000);
	vm_print("next");
	assert_int_equal(pass(2000), 0);
	assert_string_equal(all(), "boot b:a alert:no-kernel gap boot b:next ");
	end();
}

/* ---- a backend that stops the VM ---- */

static void doorbells(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	assert_int_equal(pass(100), 0);
	vm_print("one");
	ring(PRINTK_TAG_LAST);
	vm_print("two");
	ring(PRINTK_TAG_LAST);
	assert_string_equal(all(), "boot l:one l:two ");
	vm_print("silent");
	assert_int_equal(pass(100), 0);
	assert_int_equal(pass(150), 0);
	assert_string_equal(strstr(all(), "l:two"), "l:two l:silent ");
	assert_int_equal(counters().live, 2);
	assert_int_equal(counters().late, 1);
	end();
}

static void no_doorbell(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm.plant_error = -ENOTSUP;
	assert_int_equal(pass(100), 0);
	vm_print("polled");
	assert_int_equal(pass(300), 0);
	assert_string_equal(all(), "boot alert:no-doorbell l:polled ");
	assert_int_equal(counters().late, 1);
	end();
}

static void few_sites(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm.max_planted = 1;
	assert_int_equal(pass(100), 0);
	for (int i = 0; i < 40; i++) {
		vm_print("x");
		ring(PRINTK_TAG_LAST);
	}
	assert_int_equal(vm.n_planted, 1);
	assert_int_equal(counters().live, 40);
	assert_null(strstr(all(), "alert"));
	end();
}

static void flood(void **state)
{
	unsigned rung = 0;

	(void)state;
	begin(TRAP_WATCH, false);
	assert_int_equal(pass(100), 0);
	for (int i = 0; i < 1500; i++) { /* one each 3 ms */
		vm_print("x");
		vm_ns += 2000000;
		rung += vm_planted(PRINTK_TAG_LAST) != NULL;
		ring(PRINTK_TAG_LAST);
		assert_int_equal(pass(1), 0);
	}
	assert_in_range(rung, 600, 1400);
	assert_null(vm_planted(PRINTK_TAG_LAST));
	assert_non_null(vm_planted(PRINTK_TAG_REUSE));
	assert_in_range(follow_due(&f, 100), 0, 1);
	assert_int_equal(counters().records, 1500);
	assert_int_equal(counters().lost, 0);
	assert_int_equal(pass(1000), 0); /* it is over */
	assert_non_null(vm_planted(PRINTK_TAG_LAST));
	assert_in_range(follow_due(&f, 100), 2, 100);
	end();
}

static bool full;
static struct io_ops faulty;

static ssize_t no_room(int fd, const void *buf, size_t n, off_t off)
{
	if (full) {
		errno = ENOSPC;
		return -1;
	}
	return io_libc.pwrite(fd, buf, n, off);
}

/* The store takes nothing: the VM is held for a second at most, and what it wrote is stored afterwards. */
static void held_for_the_store(void **state)
{
	static char big[900];
	int64_t before;
	int i = 0;

	(void)state;
	begin(TRAP_WATCH, false);
	assert_int_equal(pass(100), 0);
	memset(big, 'x', sizeof(big) - 1);
	faulty = io_libc;
	faulty.pwrite = no_room;
	io = &faulty;
	full = true;
	do { /* the ledger's buffer fills */
		vm_print(big);
		before = vm_ns;
		ring(PRINTK_TAG_LAST);
		assert_true(++i < 5000);
	} while (vm_ns == before);
	assert_in_range((vm_ns - before) / 1000000, 1000, 1020);
	before = vm_ns;
	vm_print(big);
	ring(PRINTK_TAG_LAST);
	assert_true(vm_ns == before); /* once is enough */
	full = false;
	io = &io_libc;
	assert_int_equal(pass(1000), 0);
	assert_int_equal(counters().records, i + 1);
	end();
}

/* ---- a backend that makes copies ---- */

static void copies(void **state)
{
	(void)state;
	begin(TRAP_CODE, true);
	assert_int_equal(pass(100), 0);
	assert_non_null(vm_planted(PRINTK_TAG_FINAL));
	assert_non_null(vm_planted(PRINTK_TAG_COMMIT));
	copy(vm_print("one"));
	copy(vm_print("two"));
	assert_string_equal(all(), "boot l:one l:two ");
	assert_int_equal(counters().live, 2);
	vm_print("bypass");
	vm_tick();
	assert_int_equal(pass(200), 0);
	vm_tick();
	assert_int_equal(pass(500), 0);
	assert_non_null(strstr(all(), "l:bypass alert:trap-bypassed "));
	assert_int_equal(counters().late, 1);
	end();
}

static void dropped_copies(void **state)
{
	struct trap_event ev = {.type = TRAP_LOST, .lost = 1};

	(void)state;
	begin(TRAP_CODE, true);
	assert_int_equal(pass(100), 0);
	vm_print("dropped");
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_int_equal(follow_due(&f, 100), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pass(100), 0);
		vm_tick();
	}
	assert_string_equal(all(), "boot l:dropped ");
	end();
}

static void tampered_trap(void **state)
{
	struct trap_event ev = {.type = TRAP_ALERT, .lost = 1, .text = "the trap was overwritten"};

	(void)state;
	begin(TRAP_CODE, true);
	assert_int_equal(pass(100), 0);
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	vm_print("meanwhile");
	assert_int_equal(pass(300), 0);
	assert_string_equal(all(), "boot alert:trap l:meanwhile ");
	ev.lost = 0;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	copy(vm_print("again"));
	assert_non_null(strstr(all(), "alert:trap l:again "));
	assert_int_equal(counters().live, 1);
	end();
}

/* A trap is gone: put back in the guest it was planted in, and in no other. */
static void changed_trap(void **state)
{
	struct trap_event ev = {.type = TRAP_CHANGED, .text = "the trap was overwritten"};
	unsigned n;

	(void)state;
	begin(TRAP_CODE, true);
	assert_int_equal(pass(100), 0);
	ev.owner = vm.planted[0].owner;
	ev.tag = vm.planted[0].tag;
	n = vm.plants;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_int_equal(vm.plants, n + 1);
	assert_string_equal(all(), "boot alert:trap ");
	copy(vm_print("again"));
	assert_int_equal(counters().live, 1);
	/* Another tracer's: the log is polled. */
	vm.plant_error = -EBUSY;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_int_equal(vm.plants, n + 2);
	vm_print("polled");
	assert_int_equal(pass(300), 0);
	assert_string_equal(all(), "boot alert:trap l:again alert:trap l:polled ");
	vm.plant_error = 0;
	/* No CPU runs this kernel any more: asked again and again, and for 3 s not believed. */
	vm.cpu.cr3 = 0;
	for (int i = 0; i < 29; i++) {
		assert_int_equal(follow_event(&f, &ev, &e), 0);
		vm_sleep(100000000);
	}
	assert_int_equal(vm.plants, n + 2);
	vm_sleep(200000000);
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_int_equal(vm.plants, n + 3);
	/* Of a source that is not there. */
	ev.owner = 99;
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_int_equal(vm.plants, n + 3);
	end();
}

/* Another tracer has the function: tried again, once a second at most. */
static void traced_function(void **state)
{
	unsigned n;

	(void)state;
	begin(TRAP_CODE, true);
	vm.plant_error = -EBUSY;
	assert_int_equal(pass(100), 0);
	n = vm.plants;
	assert_int_equal(pass(11000), 0);
	assert_in_range(vm.plants - n, 2, 12);
	assert_string_equal(all(), "boot alert:no-doorbell ");
	vm.plant_error = 0;
	assert_int_equal(pass(6000), 0);
	assert_string_equal(all(), "boot alert:no-doorbell alert:doorbell ");
	copy(vm_print("live"));
	assert_int_equal(counters().live, 1);
	end();
}

/* ---- another guest ---- */

static void reboots(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm_print("a");
	assert_int_equal(pass(100), 0);
	vm_boot(0x1e800000);
	vm_print("b");
	assert_int_equal(pass(6000), 0);
	assert_string_equal(all(), "boot b:a boot b:b ");
	assert_int_equal(counters().records, 2);
	assert_int_equal(vm.n_planted, 1);
	end();
}

/* The old kernel's memory is as it was, but no CPU runs it: its last words are taken. */
static void stands_still(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm_print("a");
	assert_int_equal(pass(100), 0);
	rw_print(&vm.w, "last words", 10, false);
	vm.cpu.cr0 = 0;
	vm.cpu.cr3 = 0;
	assert_int_equal(pass(9000), 0);
	assert_string_equal(all(), "boot b:a p:last words ");
	assert_int_equal(vm.n_planted, 0);
	/* It was asleep: what is stored is not stored again. */
	vm.cpu = vm.f.cpu;
	vm_print("awake");
	assert_int_equal(pass(2000), 0);
	assert_string_equal(all(), "boot b:a p:last words b:awake ");
	end();
}

/* An idle guest is asked ever less often, and costs a few reads a second. */
static void idles(void **state)
{
	(void)state;
	for (int code = 0; code < 2; code++) {
		unsigned n;

		begin(code ? TRAP_CODE : TRAP_WATCH, code);
		assert_int_equal(pass(60000), 0);
		n = vm.cpus;
		vm.f.reads = vm.waits = 0;
		assert_int_equal(pass(600000), 0);
		assert_in_range(vm.cpus - n, 8, 14);
		assert_in_range(vm.waits, 600, 7000); /* ten a second */
		assert_in_range(vm.f.reads, 600, 13000);
		assert_string_equal(all(), "boot ");
		end();
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

/* A snapshot is being loaded: what is seen before CPUs run again says nothing. */
static void is_loaded(void **state)
{
	uint64_t canary;

	(void)state;
	begin(TRAP_CODE, true);
	assert_int_equal(pass(100), 0);
	copy(vm_print("a"));
	assert_int_equal(pass(500), 0);
	memcpy(&canary, vm.f.mem + FAKE_TASK + 16, 8);
	fake_put64(&vm.f, FAKE_TASK + 16, ~canary);
	assert_int_equal(pass(20000), 0);
	assert_string_equal(all(), "boot l:a ");
	fake_put64(&vm.f, FAKE_TASK + 16, canary);
	assert_int_equal(pass(6000), 0);
	copy(vm_print("b"));
	assert_string_equal(all(), "boot l:a l:b ");
	/* And this time it is another boot. */
	vm_boot(0x1e800000);
	vm_print("c");
	assert_int_equal(pass(6000), 0);
	assert_string_equal(all(), "boot l:a l:b ");
	vm_tick();
	assert_int_equal(pass(1000), 0);
	assert_string_equal(all(), "boot l:a l:b boot b:c ");
	end();
}

/* The ring goes back under the same kernel: told once, the next name, nothing twice. */
static void goes_back(void **state)
{
	static uint8_t before[1 << 16];
	char boot[17];

	(void)state;
	begin(TRAP_WATCH, false);
	vm_print("a");
	assert_int_equal(pass(100), 0);
	memcpy(before, vm.w.arena, vm.w.size);
	memcpy(boot, store.boot, sizeof(boot));
	for (int i = 0; i < 3; i++) {
		vm_print("b");
		ring(PRINTK_TAG_LAST);
	}
	memcpy(vm.w.arena, before, vm.w.size);
	vm_print("c");
	ring(PRINTK_TAG_LAST);
	assert_int_equal(pass(6000), 0);
	assert_non_null(strstr(all(), "alert:ring-backwards l:c "));
	assert_int_equal(counters().records, 5);
	assert_string_not_equal(boot, store.boot);
	end();
}

static void ends(void **state)
{
	struct trap_event ev = {.type = TRAP_GONE};

	(void)state;
	begin(TRAP_WATCH, false);
	assert_int_equal(pass(100), 0);
	vm_print("seen");
	rw_print(&vm.w, "panic", 5, false);
	assert_int_equal(follow_event(&f, &ev, &e), 1);
	assert_string_equal(all(), "boot l:seen p:panic ");
	end();
}

/* A backend that traps nothing: soon after a record was written it is read, and an idle guest is looked at less often. */
static void polled(void **state)
{
	(void)state;
	begin(0, false);
	assert_int_equal(pass(300), 0);
	assert_in_range(follow_due(&f, 100), 0, 4);
	vm_print("one");
	assert_int_equal(pass(5), 0);
	assert_string_equal(all(), "boot l:one ");
	assert_in_range(follow_due(&f, 100), 0, 1);
	vm_print("two");
	assert_int_equal(pass(2), 0);
	assert_string_equal(all(), "boot l:one l:two ");
	assert_int_equal(pass(300), 0);
	assert_in_range(follow_due(&f, 100), 2, 4);
	assert_int_equal(vm.n_planted, 0);
	end();
}

/* A VM that is made anew has its last words taken, and its next boot is followed. */
static void made_anew(void **state)
{
	const struct trap_event ev = {.type = TRAP_RESET, .text = "domain 1 ended: it reboots"};

	(void)state;
	begin(0, false);
	assert_int_equal(pass(100), 0);
	vm_print("seen");
	rw_print(&vm.w, "panic", 5, false);
	assert_int_equal(follow_event(&f, &ev, &e), 0);
	assert_string_equal(all(), "boot l:seen p:panic ");
	vm.cpu.cr0 = 0;
	assert_int_equal(pass(3000), 0);
	assert_int_equal(follow_event(&f, &ev, &e), 0); /* with no kernel there is nothing to take */
	assert_string_equal(all(), "boot l:seen p:panic ");
	vm.cpu = vm.f.cpu;
	vm_boot(0x1e800000);
	vm_print("next");
	assert_int_equal(pass(3000), 0);
	assert_string_equal(all(), "boot l:seen p:panic boot b:next ");
	end();
}

/* A worker that comes back goes on where the ledger stopped. */
static void comes_back(void **state)
{
	struct ledger_recovery rec;

	(void)state;
	begin(TRAP_WATCH, false);
	vm_print("a");
	assert_int_equal(pass(100), 0);
	follow_stop(&f);
	assert_int_equal(store_close(&store, &e), 0);
	vm_print("b");
	assert_int_equal(store_open(&store, place, "vm", &rec, &e), 0);
	assert_int_equal(resume_find(&resume, pump_channels(source_table), place, &e), 0);
	follow_init(&f, &vm.t, &report, &resume, 1000);
	f.pump.table = kernel_only;
	assert_int_equal(pass(100), 0);
	assert_string_equal(all(), "boot b:a b:b ");
	for (int i = 0; i < 64; i++)
		vm_print("c");
	assert_int_equal(pass(300), 0);
	assert_non_null(strstr(all(), "b:a b:b gap:2+"));
	end();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(waits_for_a_kernel), TEST(something_else_runs), TEST(something_else_after_a_kernel),
		TEST(doorbells), TEST(no_doorbell), TEST(few_sites), TEST(flood), TEST(held_for_the_store),
		TEST(copies), TEST(dropped_copies), TEST(tampered_trap), TEST(changed_trap), TEST(traced_function),
		TEST(reboots), TEST(stands_still), TEST(idles), TEST(is_loaded), TEST(goes_back),
		TEST(ends), TEST(polled), TEST(made_anew), TEST(comes_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
