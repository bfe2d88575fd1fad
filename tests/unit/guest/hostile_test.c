/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostile_test.c - memory made to keep guest_find() busy, or to lead it astray: each ends with an error,
 * and within the time a real guest would take several times over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "fake.h"
#include "guest/guest.h"
#include "guest/kallsyms.h"

static struct fake f;
static struct guest *g;
static struct err e;

/* CPU seconds that guest_find() took; its result in *r. */
static double timed_find(int *r)
{
	clock_t start = clock();

	*r = guest_find(&g, &f.gmem, &f.cpu, &e);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* The whole GiB of the image, each 2 MiB of it the same page of RAM. */
static void one_page_everywhere(void **state)
{
	struct fake_opt opt = {0};
	int r;

	(void)state;
	fake_make(&f, &opt);
	for (unsigned i = 0; i < 512; i++)
		fake_put64(&f, FAKE_PMD + i * 8, FAKE_IMAGE | 0x80000000000001e1ull);
	memset(f.mem + FAKE_IMAGE + FAKE_TEXT, 0, FAKE_RODATA);
	assert_true(timed_find(&r) < 20);
	assert_true(r < 0);
	fake_free(&f);
}

/* A page table that is its own lower level at every level. */
static void table_in_itself(void **state)
{
	struct fake_opt opt = {.la57 = true};
	uint64_t gpa;
	int r;

	(void)state;
	fake_make(&f, &opt);
	for (unsigned i = 0; i < 512; i++)
		fake_put64(&f, FAKE_PGD + i * 8, FAKE_PGD | 0x67);
	assert_true(timed_find(&r) < 20);
	assert_true(r < 0);
	fake_free(&f);

	fake_make(&f, &opt);
	assert_int_equal(guest_find(&g, &f.gmem, &f.cpu, &e), 0);
	for (unsigned i = 0; i < 512; i++)
		fake_put64(&f, FAKE_TOP_PGT + i * 8, (f.opt.ram + FAKE_TOP_PGT) | 0x67);
	guest_translate(g, 0xffffc90000000000ull, &gpa, NULL);
	assert_int_equal(guest_alive(g, &e), -ESTALE);
	guest_free(g);
	fake_free(&f);
}

/* Nothing but digits; token tables that lead nowhere, wall to wall. */
static void nothing_but_tokens(void **state)
{
	static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	size_t len = 32u << 20, one;
	uint8_t *buf = calloc(1, len);
	struct fake_opt opt = {0};
	const char *why = NULL;
	struct kallsyms k;
	uint8_t *hit;
	clock_t start = clock();

	(void)state;
	assert_non_null(buf);
	for (size_t i = 0; i + sizeof(digits) <= len; i += sizeof(digits))
		memcpy(buf + i, digits, sizeof(digits));
	assert_true(kallsyms_load(&k, buf, len, 0xffffffff82000000ull, 0xffffffff80000000ull,
		0xffffffffc0000000ull, &why) < 0);

	fake_make(&f, &opt);
	hit = memmem(f.mem + FAKE_IMAGE, FAKE_BYTES, digits, sizeof(digits));
	assert_non_null(hit);
	one = (size_t)(f.w - hit + 512) & ~(size_t)7;
	for (size_t i = 0; i + one <= len; i += one)
		memcpy(buf + i, f.w - one, one);
	assert_true(kallsyms_load(&k, buf, len, 0xffffffff82000000ull, 0xffffffff80000000ull,
		0xffffffffc0000000ull, &why) < 0);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
	free(buf);
	fake_free(&f);
}

/* A reader that says the VM is gone, at the @n-th read, whichever that is. */
static unsigned long until;

static int dying_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	return f.reads >= until ? -ESRCH : fake_read(ctx, gpa, buf, len);
}

static void vm_dies_at_any_read(void **state)
{
	struct fake_opt opt = {0};

	(void)state;
	fake_make(&f, &opt);
	assert_int_equal(guest_find(&g, &f.gmem, &f.cpu, &e), 0);
	unsigned long all = f.reads;
	guest_free(g);
	f.gmem.read = dying_read;
	for (until = 0; until < all; until++) {
		int r;

		f.reads = 0;
		r = guest_find(&g, &f.gmem, &f.cpu, &e);
		if (r != -ESRCH && r != 0)
			fail_msg("at read %lu: %d, %s", until, r, e.text);
		if (!r)
			guest_free(g);
	}
	fake_free(&f);
}

/* Each 64-bit word of every table zeroed, set, and pointed at itself, one at a time. */
static void every_word_wrong(void **state)
{
	static const uint32_t from[] = {FAKE_PGD, FAKE_NOTE, FAKE_VARS},
		to[] = {FAKE_NOTE, FAKE_NOTE + 256, FAKE_VARS + 64};
	struct fake_opt opt = {.layout = FAKE_NAMES_FIRST};

	(void)state;
	fake_make(&f, &opt);
	for (unsigned a = 0; a < 3; a++)
		for (uint32_t at = from[a]; at < to[a]; at += 8) {
			uint64_t old, wrong[3] = {0, ~0ull, at | 0x67};

			memcpy(&old, f.mem + at, sizeof(old));
			if (!old)
				continue;
			for (unsigned i = 0; i < 3; i++) {
				fake_put64(&f, at, wrong[i]);
				if (guest_find(&g, &f.gmem, &f.cpu, &e) == 0)
					guest_free(g);
				else
					assert_true(strlen(e.text) > 10);
			}
			fake_put64(&f, at, old);
		}
	assert_int_equal(guest_find(&g, &f.gmem, &f.cpu, &e), 0);
	guest_free(g);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page_everywhere), cmocka_unit_test(table_in_itself),
		cmocka_unit_test(nothing_but_tokens), cmocka_unit_test(vm_dies_at_any_read),
		cmocka_unit_test(every_word_wrong),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
