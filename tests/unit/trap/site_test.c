/* SPDX-License-Identifier: BSD-3-Clause */
/* site_test.c - the bytes of a site: what is recognised, what is written, what is taken back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trap/kvm/site.h"
#include "trap/vmm/entry.h"

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

static bool same(const struct site *a, const struct site *b)
{
	return a->kind == b->kind && !memcmp(a->original, b->original, SITE_LEN) &&
		!memcmp(a->planted, b->planted, SITE_LEN) && !memcmp(a->retired, b->retired, SITE_LEN);
}

/* In whatever state the site is found: the bytes it had at first come out, and those of a trap. */
static void test_round_trip(void **state)
{
	static const uint8_t nop[][SITE_LEN] = {{P6}, {K8}};
	struct site s, again;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(site_trap(&s, nop[i]), 0);
		assert_memory_equal(s.original, nop[i], SITE_LEN);
		assert_memory_equal(s.planted + 3, ((const uint8_t[]){0x0f, 0x08}), 2);
		assert_int_equal(site_state(&s, s.original), SITE_FREE);
		assert_int_equal(site_state(&s, s.planted), SITE_PLANTED);
		assert_int_equal(site_state(&s, s.retired), SITE_RETIRED);
		assert_int_equal(site_state(&s, (const uint8_t[]){0xe8, 1, 2, 3, 4}), SITE_TAKEN);
		assert_int_equal(site_trap(&again, s.planted), 0);
		assert_true(same(&again, &s));
		assert_int_equal(site_trap(&again, s.retired), 0);
		assert_true(same(&again, &s));
	}
	assert_int_equal(site_trap(&s, (const uint8_t[]){0xe8, 1, 2, 3, 4}), -EBUSY);
}

/* A vCPU that stands between the two instructions while the trap is retired finds the second. */
static void test_retired_keeps_boundaries(void **state)
{
	static const uint8_t nop[][SITE_LEN] = {{P6}, {K8}};
	struct site s;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(site_trap(&s, nop[i]), 0);
		assert_memory_equal(s.retired + 3, ((const uint8_t[]){0x0f, 0x08}), 2);
	}
}

/* What a CPU makes of @c from its first byte on: nothing that has an effect (flags are dead there). */
static bool harmless(const struct site *s, const uint8_t *c)
{
	static const uint8_t p6[] = {P6}, k8[] = {K8}, trap_p6[] = {0x0f, 0x1f, 0x00, 0x0f, 0x08},
			     trap_k8[] = {0x66, 0x66, 0x90, 0x0f, 0x08};

	if (s->kind != SITE_TRAP && (!memcmp(c, s->original, SITE_LEN) || !memcmp(c, s->planted, SITE_LEN)))
		return true;
	if (s->kind == SITE_CALL)
		return false;
	return !memcmp(c, p6, SITE_LEN) || !memcmp(c, k8, SITE_LEN) || !memcmp(c, trap_p6, SITE_LEN) ||
		!memcmp(c, trap_k8, SITE_LEN) ||
		!memcmp(c, p6, 3) || /* nopl disp8(base,index,scale), whatever those are */
		c[0] == 0xa9;        /* test $imm32,%eax */
}

/* From @from to @to byte by byte; whoever dies in between leaves what is recognised. */
static void walk_steps(const struct site *s, const uint8_t *from, const uint8_t *to)
{
	struct site_step step[SITE_STEPS_MAX];
	unsigned n = site_steps(s, from, to, step);
	uint8_t now[SITE_LOOK] = {0};
	size_t off;

	memcpy(now, from, SITE_LEN);
	for (unsigned i = 0; i < n; i++) {
		memcpy(now + step[i].at, step[i].byte, step[i].len);
		assert_true(s->kind == SITE_CALL ? n == 1 : step[i].len == 1);
		assert_true(harmless(s, now));
		assert_int_not_equal(site_state(s, now), SITE_TAKEN);
		if (s->kind == SITE_TRAP) /* by the next worker too */
			assert_int_not_equal(site_look(now, &off), SITE_TAKEN);
		if (i + 1 < n && memcmp(to, s->planted, SITE_LEN))
			walk_steps(s, now, s->planted);
	}
	assert_memory_equal(now, to, SITE_LEN);
}

static void test_every_step_is_harmless(void **state)
{
	static const uint8_t nop[][SITE_LEN] = {{P6}, {K8}};
	struct site_step step[SITE_STEPS_MAX];
	struct site s;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(site_trap(&s, nop[i]), 0);
		walk_steps(&s, s.original, s.planted);
		walk_steps(&s, s.planted, s.retired);
		walk_steps(&s, s.retired, s.original);
		walk_steps(&s, s.retired, s.planted);
		/* While the trap is retired, a vCPU may be in it. */
		assert_int_equal(site_steps(&s, s.planted, s.retired, step), 1);
		assert_true(step[0].at < 3);
	}
}

/* ---- gadgets ---- */

#define TEXT 0xffffffff81000000ull

/* Where a CPU goes from the jump or call @c at @gva. */
static uint64_t leads(const uint8_t *c, uint64_t gva)
{
	uint32_t rel = c[1] | c[2] << 8 | c[3] << 16 | (uint32_t)c[4] << 24;

	return gva + SITE_LEN + (uint64_t)(int32_t)rel;
}

static void test_jump(void **state)
{
	static const uint8_t nop[][SITE_LEN] = {{P6}, {K8}}, call[SITE_LEN] = {0xe8};
	static const uint64_t to[] = {TEXT + 0x1000000, TEXT - 0x40000000, TEXT + 0x8d, 0x9090909090};
	struct site s;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(site_jump(&s, nop[i], TEXT + 0x1234, to[k]), 0);
			assert_int_equal(s.planted[0], 0xe9);
			assert_true(leads(s.planted, TEXT + 0x1234) == to[k]);
			assert_memory_equal(s.original, nop[i], SITE_LEN);
			walk_steps(&s, s.original, s.planted);
			walk_steps(&s, s.planted, s.retired);
			assert_memory_equal(s.retired, s.original, SITE_LEN);
		}
	assert_int_equal(site_jump(&s, nop[0], TEXT, to[3]), -ERANGE);
	assert_int_equal(site_jump(&s, call, TEXT, to[0]), -EBUSY);
	/* Nor over a trap: its own removal comes first. */
	assert_int_equal(site_trap(&s, nop[0]), 0);
	assert_int_equal(site_jump(&s, s.planted, TEXT, to[0]), -EBUSY);
}

static void test_call(void **state)
{
	const uint64_t gva = TEXT + 0x7feb12, from = TEXT + 0x6a4310, to = TEXT + 0xe00140;
	uint8_t now[SITE_LEN] = {0xe8, 0, 0, 0, 0};
	uint32_t rel = (uint32_t)(from - gva - SITE_LEN);
	struct site s;

	(void)state;
	memcpy(now + 1, &rel, 4);
	assert_int_equal(site_call(&s, now, gva, from, to), 0);
	assert_true(leads(s.planted, gva) == to);
	assert_memory_equal(s.original, now, SITE_LEN);
	/* One write there, one write back; what was there is put back, not a NOP. */
	walk_steps(&s, s.original, s.planted);
	walk_steps(&s, s.planted, s.retired);
	assert_memory_equal(s.retired, now, SITE_LEN);
	assert_int_equal(site_state(&s, s.planted), SITE_PLANTED);
	now[1] ^= 1; /* another's call */
	assert_int_equal(site_state(&s, now), SITE_TAKEN);
	assert_int_equal(site_call(&s, now, gva, from, to), -EBUSY);
	now[1] ^= 1;
	assert_int_equal(site_call(&s, now, gva, from, to + (1ull << 40)), -ERANGE);
	/* Whose distance lies in two pages. */
	assert_int_equal(site_call(&s, now, TEXT + 0xffe, from - gva + TEXT + 0xffe, to), -EINVAL);
}

static void test_guess(void **state)
{
	static const uint8_t call[SITE_LOOK] = {0xf3, 0x0f, 0x1e, 0xfa, 0xe8};
	static const uint8_t int3[SITE_LOOK] = {0xcc};

	(void)state;
	assert_non_null(strstr(entry_guess(call), "ftrace"));
	assert_non_null(strstr(entry_guess(int3), "breakpoint"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_retired_keeps_boundaries),
		cmocka_unit_test(test_every_step_is_harmless),
		cmocka_unit_test(test_jump),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
