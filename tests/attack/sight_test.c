/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sight_test.c - root in the guest, with kernel rights, against who looks for the guest's kernel and log: what
 * the kernel says of itself is altered, before the attachment and after; it is made to seem to be starting, to
 * move again and again. Records are read on, or it is said that they cannot be.
 */
#include "unit/worker/follow_rig.h"

static bool says(const char *what)
{
	return strstr(all(), what);
}

static unsigned times(const char *what)
{
	unsigned n = 0;

	for (const char *s = all(); (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

/* The guest runs for @ms and logs @text in the end. */
static void runs(int64_t ms, const char *text)
{
	for (; ms > 0; ms -= 100) {
		vm_tick();
		assert_int_equal(pass(100), 0);
	}
	vm_print(text);
	ring(PRINTK_TAG_LAST);
	assert_int_equal(pass(300), 0);
}

static void followed(unsigned caps)
{
	begin(caps, false);
	runs(6000, "before");
	assert_true(says("before"));
}

/* One byte of VMCOREINFO, of the banner, of vmalloc_base: the kernel is the same, and is read on. */
static void marks_are_altered(void **state)
{
	static const uint32_t at[] = {FAKE_NOTE, FAKE_IMAGE + FAKE_TEXT + 3, FAKE_VARS + 24};

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		followed(TRAP_WATCH);
		vm.f.mem[at[i]] ^= 1;
		runs(30000, "after");
		assert_true(says("l:after"));
		assert_int_equal(times("alert:kernel-altered"), 1);
		assert_false(says("alert:blind"));
		assert_int_equal(times("boot"), 1);
		end();
		teardown(state);
		setup(state);
	}
}

/* The same again and again: told once in ten seconds, and nothing is missing. */
static void marks_are_altered_all_the_time(void **state)
{
	char text[24];

	(void)state;
	followed(TRAP_WATCH);
	for (int i = 0; i < 100; i++) {
		vm.f.mem[FAKE_NOTE + 1] ^= 1;
		snprintf(text, sizeof(text), "line-%d-", i);
		runs(200, text);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "line-%d-", i);
		assert_true(says(text));
	}
	assert_true(times("alert:kernel-altered") >= 2 && times("alert:kernel-altered") <= 8);
	end();
}

/* The clock did not go on from where it was: it is another boot, told as such, not as an attack. */
static void reboot_is_none(void **state)
{
	(void)state;
	followed(TRAP_WATCH);
	vm_boot(0x4000000);
	runs(5000, "second");
	assert_int_equal(times("boot"), 2);
	assert_false(says("alert"));
	end();
}

/* VMCOREINFO spoilt and the log moved: the kernel cannot be found again. That is said, once, with a gap. */
static void blind_after(void **state)
{
	(void)state;
	followed(TRAP_WATCH);
	memset(vm.f.mem + FAKE_NOTE, 'x', 64);
	*rw_word(&vm.w, vm.w.prb) += 64;
	for (int i = 0; i < 300; i++) {
		vm_tick();
		assert_int_equal(pass(100), 0);
	}
	assert_int_equal(times("alert:blind"), 1);
	assert_int_equal(times("gap"), 1);
	assert_int_equal(store.blind, 1);
	end();
}

/* The same before anybody looked. */
static void blind_from_the_beginning(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	memset(vm.f.mem + FAKE_NOTE, 'x', 64);
	for (int i = 0; i < 300; i++) {
		vm_tick();
		assert_int_equal(pass(100), 0);
	}
	assert_int_equal(times("alert:blind"), 1);
	assert_int_equal(store.blind, 1);
	end();
}

/* vmcoreinfo_size is 0: "still starting", for minutes. A guest that is not booted at all is not blindness. */
static void starting_for_ever(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm.cpu.cr0 = 0x10;
	assert_int_equal(pass(120000), 0);
	assert_false(says("alert"));
	vm.cpu.cr0 = vm.f.cpu.cr0;
	fake_put64(&vm.f, FAKE_VARS, 0);
	assert_int_equal(pass(50000), 0);
	assert_false(says("alert"));
	assert_int_equal(pass(20000), 0);
	assert_int_equal(times("alert:blind"), 1);
	end();
}

/*
 * The arrays are elsewhere, and the doorbell rings without a pause: what is rung for finds nothing new in the
 * old ones, and polls, which would see it, must have their turn.
 */
static void moved_under_the_bell(void **state)
{
	const size_t by = 0x20000;

	(void)state;
	followed(TRAP_WATCH);
	memcpy(vm.w.arena + by, vm.w.arena, vm.w.size);
	vm.w.descs += by;
	vm.w.infos += by;
	vm.w.data += by;
	*rw_word(&vm.w, vm.w.rb + RW_DESCS) += by;
	*rw_word(&vm.w, vm.w.rb + RW_INFOS) += by;
	*rw_word(&vm.w, vm.w.rb + RW_TEXT_RING + RW_DATA) += by;
	for (int i = 0; i < 200; i++) {
		vm_print("under the bell");
		ring(PRINTK_TAG_LAST);
		assert_int_equal(pass(50), 0);
	}
	assert_true(says("alert:ring-moved"));
	assert_true(times("under the bell") > 100);
	assert_true(times("under the bell") == 200 || says("gap"));
	end();
}

/* prb points here and there: finding it anew costs more than reading it, so it is not done for ever. */
static void log_moves_again_and_again(void **state)
{
	unsigned plants;

	(void)state;
	followed(TRAP_WATCH);
	plants = vm.cpus;
	for (int i = 0; i < 600; i++) {
		uint64_t *prb = rw_word(&vm.w, vm.w.prb);

		vm_tick();
		*prb += 64;
		assert_int_equal(pass(50), 0);
		*prb -= 64;
		assert_int_equal(pass(50), 0);
	}
	assert_true(vm.cpus - plants < 60); /* in a minute */
	runs(20000, "after");
	assert_true(says("after"));
	end();
}

/* head_id -= 1, before anybody looked. */
static void head_is_behind(void **state)
{
	(void)state;
	begin(TRAP_WATCH, false);
	vm_print("one");
	vm_print("two");
	*rw_word(&vm.w, vm.w.rb + RW_HEAD_ID) -= 1;
	assert_int_equal(pass(30000), 0);
	assert_int_equal(times(":one"), 1);
	assert_int_equal(times(":two"), 1);
	assert_int_equal(times("alert:head-lies"), 3);
	end();
}

/* What a trap that leads nowhere tells reaches the ledger, and excuses nothing. */
static void traps_that_fail(void **state)
{
	struct trap_event ev = {.type = TRAP_LOST, .failed = 7};

	(void)state;
	begin(TRAP_CODE, true);
	runs(1000, "before");
	for (int i = 0; i < 10; i++) {
		vm_print("past the trap");
		assert_int_equal(follow_event(&f, &ev, &e), 0);
		vm_tick();
		assert_int_equal(pass(300), 0);
	}
	assert_true(says("alert:trap-astray"));
	assert_true(says("alert:trap-bypassed"));
	end();
}

/* A trap taken out and planted again ten times a second: the ledger does not grow by each of them. */
static void alerts_without_end(void **state)
{
	struct trap_event ev = {.type = TRAP_ALERT, .text = "the trap was overwritten; planted again"};
	unsigned n;

	(void)state;
	begin(TRAP_CODE, true);
	runs(1000, "before");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(follow_event(&f, &ev, &e), 0);
		vm_tick();
		assert_int_equal(pass(100), 0);
	}
	n = times("alert:trap ");
	assert_true(n >= REPORT_BURST && n <= REPORT_BURST + 25); /* in 100 s */
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marks_are_altered, setup, teardown),
		cmocka_unit_test_setup_teardown(marks_are_altered_all_the_time, setup, teardown),
		cmocka_unit_test_setup_teardown(reboot_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(blind_after, setup, teardown),
		cmocka_unit_test_setup_teardown(blind_from_the_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(starting_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(moved_under_the_bell, setup, teardown),
		cmocka_unit_test_setup_teardown(log_moves_again_and_again, setup, teardown),
		cmocka_unit_test_setup_teardown(head_is_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(traps_that_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(alerts_without_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
