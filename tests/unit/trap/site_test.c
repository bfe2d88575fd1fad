/* SPDX-License-Identifier: BSD-3-Clause */
/* site_test.c - the bytes of a site: what is recognised, what is written, what is taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trap/kvm/site.h"

#define P6 0x0f, 0x1f, 0x44, 0x00, 0x00
#define K8 0x66, 0x66, 0x66, 0x66, 0x90

/* Entries as kernels have them, see doc/kvm.md. */
static const struct {
	uint8_t code[SITE_LOOK];
	enum site_state state;
	size_t off;
} entry[] = {
	{{P6, 0x55, 0x48, 0x89, 0xe5}, SITE_FREE, 0},
	{{K8, 0x55, 0x48, 0x89, 0xe5}, SITE_FREE, 0},
	{{0xf3, 0x0f, 0x1e, 0xfa, P6}, SITE_FREE, 4},
	{{0x66, 0x0f, 0x1f, 0x00, P6}, SITE_FREE, 4},
	{{0x0f, 0x1f, 0x40, 0xd6, P6}, SITE_FREE, 4},
	{{0x0f, 0x1f, 0x00, 0x0f, 0x08, 0x55}, SITE_PLANTED, 0},
	{{0x66, 0x66, 0x90, 0x0f, 0x08, 0x55}, SITE_PLANTED, 0},
	{{0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x00, 0x0f, 0x08}, SITE_PLANTED, 4},
	{{0x0f, 0x1f, 0x44, 0x0f, 0x08, 0x55}, SITE_RETIRED, 0},
	{{0x0f, 0x1f, 0x44, 0x00, 0x08, 0x55}, SITE_RETIRED, 0}, /* who wrote it died */
	{{0xa9, 0x66, 0x90, 0x0f, 0x08, 0x55}, SITE_RETIRED, 0},
	{{0xa9, 0x66, 0x66, 0x66, 0x90, 0x55}, SITE_RETIRED, 0},
	{{0xa9, 0x66, 0x90, 0x66, 0x08, 0x55}, SITE_RETIRED, 0},
	{{0x0f, 0x1f, 0x00, 0x00, 0x00, 0x55}, SITE_TAKEN, 0},
	{{0xa9, 0x01, 0x00, 0x00, 0x00, 0x55}, SITE_TAKEN, 0},
	{{0x0f, 0x1f, 0x00, 0x0f, 0x09, 0x55}, SITE_TAKEN, 0}, /* WBINVD is nobody's trap */
	{{0xe8, 1, 2, 3, 4, 0x55}, SITE_TAKEN, 0},
	{{0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 1, 2, 3, 4}, SITE_TAKEN, 0},
	{{0xcc, 0x1f, 0x44, 0x00, 0x00}, SITE_TAKEN, 0},
	{{0x55, 0x48, 0x89, 0xe5, 0x41, 0x57}, SITE_TAKEN, 0},
	{{0}, SITE_TAKEN, 0},
};

static void test_look(void **state)
{
	size_t off;

	(void)state;
	for (size_t i = 0; i < sizeof(entry) / sizeof(entry[0]); i++) {
		assert_int_equal(site_look(entry[i].code, &off), entry[i].state);
		assert_int_equal(off, entry[i].off);
	}
}

static void round_trip(const uint8_t *nop)
{
	uint8_t planted[SITE_LEN], again[SITE_LEN], retired[SITE_LEN], back[SITE_LEN];

	site_plant(nop, planted);
	assert_int_equal(planted[3], 0x0f);
	assert_int_equal(planted[4], 0x08);
	site_plant(planted, again);
	assert_memory_equal(planted, again, SITE_LEN);
	/* A removal that was interrupted forgets nothing either. */
	site_retire(planted, retired);
	site_plant(retired, again);
	assert_memory_equal(planted, again, SITE_LEN);
	site_original(again, back);
	assert_memory_equal(back, nop, SITE_LEN);
	site_original(retired, back);
	assert_memory_equal(back, nop, SITE_LEN);
}

static void test_round_trip(void **state)
{
	static const uint8_t p6[] = {P6}, k8[] = {K8};

	(void)state;
	round_trip(p6);
	round_trip(k8);
}

/* A vCPU that stands between the two instructions while the trap is retired finds the second. */
static void test_retired_keeps_boundaries(void **state)
{
	static const uint8_t nop[][SITE_LEN] = {{P6}, {K8}};
	uint8_t planted[SITE_LEN], r[SITE_LEN];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		site_plant(nop[i], planted);
		site_retire(planted, r);
		assert_memory_equal(r + 3, ((const uint8_t[]){0x0f, 0x08}), 2);
	}
}

/* What a CPU makes of @c from its first byte on: nothing that has an effect (flags are dead there). */
static bool harmless(const uint8_t *c)
{
	static const uint8_t p6[] = {P6}, k8[] = {K8}, trap_p6[] = {0x0f, 0x1f, 0x00, 0x0f, 0x08},
			     trap_k8[] = {0x66, 0x66, 0x90, 0x0f, 0x08};

	return !memcmp(c, p6, SITE_LEN) || !memcmp(c, k8, SITE_LEN) || !memcmp(c, trap_p6, SITE_LEN) ||
		!memcmp(c, trap_k8, SITE_LEN) ||
		!memcmp(c, p6, 3) || /* nopl disp8(base,index,scale), whatever those are */
		c[0] == 0xa9;        /* test $imm32,%eax */
}

/* From @from to @to byte by byte; whoever dies in between leaves what the next one recognises. */
static void walk_steps(const uint8_t *from, const uint8_t *to)
{
	struct site_step step[SITE_STEPS_MAX];
	unsigned n = site_steps(from, to, step);
	uint8_t now[SITE_LOOK] = {0}, planted[SITE_LEN];
	size_t off;

	memcpy(now, from, SITE_LEN);
	for (unsigned i = 0; i < n; i++) {
		now[step[i].at] = step[i].byte;
		assert_true(harmless(now));
		assert_int_not_equal(site_look(now, &off), SITE_TAKEN);
		site_plant(now, planted);
		if (i + 1 < n)
			walk_steps(now, planted);
	}
	assert_memory_equal(now, to, SITE_LEN);
}

static void test_every_step_is_harmless(void **state)
{
	static const uint8_t nop[][SITE_LEN] = {{P6}, {K8}};
	uint8_t planted[SITE_LEN], r[SITE_LEN], back[SITE_LEN];
	struct site_step step[SITE_STEPS_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		site_plant(nop[i], planted);
		site_retire(planted, r);
		site_original(planted, back);
		walk_steps(nop[i], planted);
		walk_steps(planted, r);
		walk_steps(r, back);
		walk_steps(r, planted);
		/* While the trap is retired, a vCPU may be in it. */
		assert_int_equal(site_steps(planted, r, step), 1);
		assert_true(step[0].at < 3);
	}
}

static void test_guess(void **state)
{
	static const uint8_t call[SITE_LOOK] = {0xf3, 0x0f, 0x1e, 0xfa, 0xe8};
	static const uint8_t int3[SITE_LOOK] = {0xcc};

	(void)state;
	assert_non_null(strstr(site_guess(call), "ftrace"));
	assert_non_null(strstr(site_guess(int3), "breakpoint"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_retired_keeps_boundaries),
		cmocka_unit_test(test_every_step_is_harmless),
		cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
