/* SPDX-License-Identifier: BSD-3-Clause */
/* A value of the TSC as a time: it is that of the clock beside it, and what cannot be is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "trap/kvm/tsc.h"

#define GHZ3 3 /* ticks a nanosecond */

/* A counter that was 3,000,000 at 1 s, and is looked at 2 s later. */
static struct tsc counter(void)
{
	const struct tsc_pair from = {3000000, 1000000000}, now = {3000000 + GHZ3 * 2000000000ull, 3000000000};

	return (struct tsc){.from = from, .next = from, .now = now, .earliest = from.tsc};
}

static void in_time(void **state)
{
	struct tsc t = counter();

	(void)state;
	assert_int_equal(tsc_mono_ns(&t, t.now.tsc), 3000000000);
	assert_int_equal(tsc_mono_ns(&t, t.now.tsc - GHZ3 * 5000000ull), 2995000000);
	assert_int_equal(tsc_mono_ns(&t, t.from.tsc), 1000000000);
}

/* Of a vCPU whose counter runs otherwise by now, or a host that slept: never outside of what is possible. */
static void impossible(void **state)
{
	struct tsc t = counter();

	(void)state;
	t.earliest = t.now.tsc - GHZ3 * 1000000ull;
	assert_int_equal(tsc_mono_ns(&t, t.from.tsc), 2999000000);
	assert_int_equal(tsc_mono_ns(&t, 0), 2999000000);
	assert_int_equal(tsc_mono_ns(&t, t.now.tsc + 1), 3000000000);
	assert_int_equal(tsc_mono_ns(&t, t.now.tsc + (1ull << 62)), 3000000000);
	t.now.tsc = t.from.tsc - 5; /* it began anew */
	assert_int_equal(tsc_mono_ns(&t, t.from.tsc), 3000000000);
	t.now = t.from; /* no time has passed from which a rate could be had */
	t.earliest = 0;
	assert_int_equal(tsc_mono_ns(&t, 5), t.now.ns);
}

/* The machine's own counter, if it has one that can be used: between two looks is between two times. */
static void counts(void **state)
{
	struct tsc t;
	int64_t first, then;

	(void)state;
	tsc_start(&t);
	do
		tsc_look(&t);
	while (t.now.ns - t.from.ns < 1000000);
	first = t.now.ns;
	then = tsc_mono_ns(&t, t.now.tsc);
	assert_int_equal(then, first);
	tsc_none_before(&t);
	assert_int_equal(tsc_mono_ns(&t, 0), t.now.ns);
}

static void ratios(void **state)
{
	(void)state;
	assert_true(tsc_unscaled(1) && tsc_unscaled(1ull << 32) && tsc_unscaled(1ull << 48));
	assert_false(tsc_unscaled(0));
	assert_false(tsc_unscaled((1ull << 32) + 1));
	assert_false(tsc_unscaled(1ull << 47));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_time),
		cmocka_unit_test(impossible),
		cmocka_unit_test(counts),
		cmocka_unit_test(ratios),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
