/* SPDX-License-Identifier: BSD-3-Clause */
/* xen_site_test.c - the bytes of a site on Xen, and what its events look like. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trap/xen/site.h"

static const uint8_t p6[] = {0x0f, 0x1f, 0x44, 0x00, 0x00}, k8[] = {0x66, 0x66, 0x66, 0x66, 0x90};

static void test_both(void **state)
{
	struct xen_code c;

	(void)state;
	assert_int_equal(xen_code(p6, &c), 0);
	assert_memory_equal(c.original, p6, XEN_SITE_LEN);
	assert_memory_equal(c.planted, "\x2e\x41\x0f\x00\xc3", XEN_SITE_LEN);
	assert_int_equal(xen_code(k8, &c), 0);
	assert_memory_equal(c.original, k8, XEN_SITE_LEN);
	assert_memory_equal(c.planted, "\x3e\x41\x0f\x00\xc3", XEN_SITE_LEN);
}

/* Each NOP comes back where it was, from every mixture that a death amid writing leaves. */
static void test_mixtures(void **state)
{
	const uint8_t *const nop[] = {p6, k8};

	(void)state;
	for (unsigned k = 0; k < 2; k++)
		for (unsigned from_trap = 0; from_trap < 1u << XEN_SITE_LEN; from_trap++) {
			struct xen_code c, again;
			uint8_t now[XEN_SITE_LEN];

			assert_int_equal(xen_code(nop[k], &c), 0);
			for (unsigned i = 0; i < XEN_SITE_LEN; i++)
				now[i] = (from_trap >> i & 1 ? c.planted : c.original)[i];
			assert_true(xen_code_ours(&c, now));
			assert_int_equal(xen_code(now, &again), 0);
			assert_memory_equal(again.original, nop[k], XEN_SITE_LEN);
		}
}

static void test_others(void **state)
{
	static const uint8_t other[][XEN_SITE_LEN] = {{0xcc, 0x1f, 0x44, 0x00, 0x00}, {0xe8, 1, 2, 3, 4},
		{0xe9, 1, 2, 3, 4}, {0x0f, 0x1f, 0x00, 0x0f, 0x08}, {0x2e, 0x2e, 0x2e, 0x2e, 0x90}, {0}};
	struct xen_code c;

	(void)state;
	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(xen_code(other[i], &c), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both), cmocka_unit_test(test_mixtures), cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
