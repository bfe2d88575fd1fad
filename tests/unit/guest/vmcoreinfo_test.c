/* SPDX-License-Identifier: BSD-3-Clause */
/* vmcoreinfo_test.c - the note's lines are read by whole keys; what is no note, no number, is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "guest/vmcoreinfo.h"

static struct vmcoreinfo v;

static int set(const char *text)
{
	return vmcoreinfo_set(&v, text, strlen(text));
}

static void values(void **state)
{
	uint64_t n;
	char text[16];

	(void)state;
	assert_int_equal(set("OSRELEASE=6.1\nSYMBOL(_stext)=ffffffff81000000\nSIZE(page)=64\n"
		"NUMBER(phys_base)=-2097152\nKERNELOFFSET=1e800000\nOFFSET(page.flags)=010\n"
		"LENGTH(x)=\nNUMBER(hex)=0x10\nNUMBER(big)=99999999999999999999\nNUMBER(bad)=1x\nEND=1"), 0);
	assert_int_equal(vmcoreinfo_number(&v, "SYMBOL(_stext)", &n), 0);
	assert_int_equal(n, 0xffffffff81000000);
	assert_int_equal(vmcoreinfo_number(&v, "KERNELOFFSET", &n), 0);
	assert_int_equal(n, 0x1e800000);
	assert_int_equal(vmcoreinfo_number(&v, "SIZE(page)", &n), 0);
	assert_int_equal(n, 64);
	assert_int_equal(vmcoreinfo_number(&v, "NUMBER(phys_base)", &n), 0);
	assert_int_equal((int64_t)n, -2097152);
	assert_int_equal(vmcoreinfo_number(&v, "OFFSET(page.flags)", &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(vmcoreinfo_number(&v, "NUMBER(hex)", &n), 0);
	assert_int_equal(n, 16);
	assert_int_equal(vmcoreinfo_number(&v, "END", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(vmcoreinfo_number(&v, "SIZE(pag", &n), -ENOENT);
	assert_int_equal(vmcoreinfo_number(&v, "SIZE", &n), -ENOENT);
	assert_int_equal(vmcoreinfo_number(&v, "LENGTH(x)", &n), -EBADMSG);
	assert_int_equal(vmcoreinfo_number(&v, "NUMBER(bad)", &n), -EBADMSG);
	assert_int_equal(vmcoreinfo_number(&v, "NUMBER(big)", &n), -EBADMSG);
	assert_int_equal(vmcoreinfo_text(&v, "OSRELEASE", text, sizeof(text)), 0);
	assert_string_equal(text, "6.1");
	assert_int_equal(vmcoreinfo_text(&v, "OSRELEASE", text, 3), -ENOSPC);
}

static void no_note(void **state)
{
	static const char zeros[8192];
	uint64_t n;

	(void)state;
	assert_int_equal(set("OSRELEAS=6.1\n"), -EBADMSG);
	assert_int_equal(set(""), -EBADMSG);
	assert_int_equal(vmcoreinfo_set(&v, zeros, sizeof(zeros)), -EBADMSG);
	assert_int_equal(vmcoreinfo_number(&v, "OSRELEASE", &n), -ENOENT);
	assert_int_equal(vmcoreinfo_number(&v, "", &n), -ENOENT);
}

/* The note ends at the first byte that does not belong, and at its greatest length. */
static void ends(void **state)
{
	char big[VMCOREINFO_MAX + 100];
	uint64_t n;

	(void)state;
	assert_int_equal(vmcoreinfo_set(&v, "OSRELEASE=6\nA=1\n\0B=2\n", 22), 0);
	assert_int_equal(vmcoreinfo_number(&v, "A", &n), 0);
	assert_int_equal(vmcoreinfo_number(&v, "B", &n), -ENOENT);
	memset(big, 'x', sizeof(big));
	memcpy(big, "OSRELEASE=", 10);
	assert_int_equal(vmcoreinfo_set(&v, big, sizeof(big)), 0);
	assert_int_equal(v.len, VMCOREINFO_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values), cmocka_unit_test(no_note), cmocka_unit_test(ends),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
