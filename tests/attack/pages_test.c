/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages_test.c - the guest's kernel maps other pages where its log, or its text, was: the CPU sees them, and
 * who reads by what the page table said once does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guest/guest.h"
#include "unit/guest/fake.h"

static void remapped(uint32_t off, uint64_t gva, struct fake *f)
{
	struct err e = {""};
	struct guest *g;
	uint64_t v = 0, near = 0;

	if (guest_find(&g, &f->gmem, &f->cpu, &e))
		fail_msg("%s", e.text);
	guest_trim(g);
	memset(f->mem + off, 0x11, 4096);
	memset(f->mem + 0x10000, 0x22, 4096);
	assert_int_equal(guest_maps(g, gva - 8192, 16384), 0);
	fake_entry(f, FAKE_PT, (off - FAKE_IMAGE) >> 12, 0x10000, 0x163);
	assert_int_equal(guest_maps(g, gva - 8192, 8192), 0);
	assert_int_equal(guest_maps(g, gva - 8192, 8193), -ESTALE);
	assert_int_equal(guest_maps(g, gva + 4095, 1), -ESTALE);
	assert_int_equal(guest_maps(g, gva + 4096, 4096), 0);
	guest_walk(g);
	assert_int_equal(guest_read(g, gva, &v, 8), 0);
	assert_int_equal(v, 0x2222222222222222);
	assert_int_equal(guest_read(g, gva - 4, &near, 8), 0); /* across both */
	assert_int_equal(near >> 32, 0x22222222);
	assert_int_equal(guest_maps(g, gva, 1), -ESTALE);
	guest_free(g);
	fake_free(f);
}

static void in_the_image(void **state)
{
	struct fake_opt o = {.layout = FAKE_NAMES_FIRST};
	struct fake f;

	(void)state;
	fake_make(&f, &o);
	remapped(FAKE_VARS + 0x6000, fake_gva(&f, FAKE_VARS + 0x6000), &f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(in_the_image)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
