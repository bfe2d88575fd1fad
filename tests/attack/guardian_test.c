/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guardian_test.c - who holds the VM. The guest decides when the hook holds it (it has only to fill a ring),
 * so that it can have a hold end while the worker writes its code. The hook is played by this test: it
 * sends the signal and sets the mark as hook.bpf.c does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "trap/kvm/guardian.h"
#include "util/clock.h"
#include "util/proc.h"

#define HOLD_MS 100

static struct shared {
	uint64_t held;
	uint32_t may, max;
} *sh;
static pid_t vmm;
static int ends[2], life[2], worker_life;
static struct kvm_guardian g;

static bool stopped(void)
{
	struct proc_stat s;

	assert_true(proc_stat(vmm, 0, &s));
	return s.state == 'T';
}

/* Does it come to @want within 10 s? */
static bool comes(bool want)
{
	for (int64_t until = clock_mono_ms() + 10000; clock_mono_ms() < until; usleep(1000))
		if (stopped() == want)
			return true;
	return false;
}

/* Is it stopped, all the time, for several times the length of a hold? */
static bool stays_stopped(void)
{
	for (int64_t until = clock_mono_ms() + 5 * HOLD_MS; clock_mono_ms() < until; usleep(1000))
		if (!stopped())
			return false;
	return true;
}

/* hook.bpf.c, hold() */
static void hook_holds(void)
{
	kill(vmm, SIGSTOP);
	assert_true(comes(true));
	sh->held = (uint64_t)clock_mono_ns() | 1;
}

static int begin(void **state)
{
	struct guardian_kit kit = {.held_ns = &sh->held, .may_hold = &sh->may, .max_ms = &sh->max};
	struct err e = {""};

	(void)state;
	vmm = fork();
	if (!vmm)
		for (;;)
			pause();
	*sh = (struct shared){.may = 1, .max = HOLD_MS};
	/* A map to be mapped, and descriptors that nothing comes of. */
	kit.wake = memfd_create("wake", MFD_CLOEXEC);
	if (ftruncate(kit.wake, 1 << 16) || pipe(ends) || pipe(life))
		fail_msg("no descriptors");
	kit.vmm = vmm;
	kit.life = life[0];
	kit.scan = ends[0];
	kit.gate = (struct gate){.link = {ends[1], ends[1]}, .hooks = ends[1], .slot = -1};
	worker_life = life[1];
	if (kvm_guardian_start(&g, &kit, &worker_life, &e))
		fail_msg("%s", e.text);
	close(kit.wake);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kvm_guardian_end(&g);
	kill(vmm, SIGKILL);
	waitpid(vmm, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	close(life[0]);
	close(worker_life);
	return 0;
}

static void hold_that_ends_while_the_worker_stops(void **state)
{
	(void)state;
	hook_holds();
	assert_int_equal(kvm_guardian_stop(&g, NULL), 0);
	assert_true(stays_stopped());
	/* The worker is done: the hold, long over its time, does not keep the VM any more. */
	assert_int_equal(kvm_guardian_cont(&g, NULL), 0);
	assert_true(comes(false));
	assert_int_equal(sh->held, 0);
}

static void room_again_while_the_worker_stops(void **state)
{
	(void)state;
	hook_holds();
	assert_int_equal(kvm_guardian_stop(&g, NULL), 0);
	assert_int_equal(kvm_guardian_let_go(&g, NULL), 0);
	assert_true(stays_stopped());
	assert_int_equal(kvm_guardian_cont(&g, NULL), 0);
	assert_true(comes(false));
}

static void worker_is_done_while_the_hook_holds(void **state)
{
	(void)state;
	sh->max = 60000;
	hook_holds();
	assert_int_equal(kvm_guardian_stop(&g, NULL), 0);
	assert_int_equal(kvm_guardian_cont(&g, NULL), 0);
	assert_true(stays_stopped());
	assert_int_equal(kvm_guardian_let_go(&g, NULL), 0);
	assert_true(comes(false));
}

/* The hook set its mark, saw that it may not, and continued the VM itself. */
static void mark_in_vain(void **state)
{
	(void)state;
	sh->may = 0;
	sh->held = (uint64_t)clock_mono_ns() | 1;
	assert_int_equal(kvm_guardian_stop(&g, NULL), 0);
	assert_true(stays_stopped());
	assert_int_equal(kvm_guardian_cont(&g, NULL), 0);
	assert_true(comes(false));
}

static void stopped_by_somebody_else(void **state)
{
	(void)state;
	kill(vmm, SIGSTOP);
	assert_true(comes(true));
	assert_int_equal(kvm_guardian_stop(&g, NULL), 0);
	assert_int_equal(kvm_guardian_cont(&g, NULL), 0);
	assert_true(stays_stopped());
}

static void worker_dies_in_both(void **state)
{
	(void)state;
	sh->max = 60000;
	hook_holds();
	assert_int_equal(kvm_guardian_stop(&g, NULL), 0);
	kvm_guardian_end(&g);
	assert_true(comes(false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hold_that_ends_while_the_worker_stops, begin, end),
		cmocka_unit_test_setup_teardown(room_again_while_the_worker_stops, begin, end),
		cmocka_unit_test_setup_teardown(worker_is_done_while_the_hook_holds, begin, end),
		cmocka_unit_test_setup_teardown(mark_in_vain, begin, end),
		cmocka_unit_test_setup_teardown(stopped_by_somebody_else, begin, end),
		cmocka_unit_test_setup_teardown(worker_dies_in_both, begin, end),
	};

	sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return sh == MAP_FAILED ? 2 : cmocka_run_group_tests(tests, NULL, NULL);
}
