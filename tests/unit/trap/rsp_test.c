/* SPDX-License-Identifier: BSD-3-Clause */
/* The parsers of the gdb backend: packets, stop replies, targets, registers, QEMU's memory map. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "trap/gdb/mtree.h"
#include "trap/gdb/regs.h"
#include "trap/gdb/rsp.h"
#include "trap/gdb/target.h"

static char out[RSP_MAX + 1];
static size_t used, len;

static enum rsp_token next(const char *in, size_t n)
{
	return rsp_next((const uint8_t *)in, n, &used, out, &len);
}

static void frames(void **state)
{
	char f[64];

	(void)state;
	assert_int_equal(rsp_frame(f, "c", 1), 5);
	assert_memory_equal(f, "$c#63", 5);
	assert_int_equal(rsp_frame(f, "", 0), 4);
	assert_memory_equal(f, "$#00", 4);
	assert_int_equal(rsp_frame(f, "D;1", 3), 7);
	assert_int_equal(next(f, 7), RSP_PACKET);
	assert_int_equal(used, 7);
	assert_string_equal(out, "D;1");
}

static void tokens(void **state)
{
	static const char in[] = "+-xy$OK#9a%Stop:T05#00";

	(void)state;
	assert_int_equal(next(in, 0), RSP_MORE);
	assert_int_equal(next(in, 22), RSP_ACK);
	assert_int_equal(used, 1);
	assert_int_equal(next(in + 1, 21), RSP_NAK);
	assert_int_equal(next(in + 2, 20), RSP_JUNK);
	assert_int_equal(used, 2);
	assert_int_equal(next(in + 4, 18), RSP_PACKET);
	assert_int_equal(used, 6);
	assert_string_equal(out, "OK");
	assert_int_equal(next(in + 10, 12), RSP_JUNK);
	assert_int_equal(used, 12);
	/* Every proper beginning of a packet wants more. */
	for (size_t n = 1; n < 6; n++) {
		assert_int_equal(next("$OK#9a", n), RSP_MORE);
		assert_int_equal(used, 0);
	}
	assert_int_equal(next("$OK#9b", 6), RSP_BAD);
	assert_int_equal(used, 6);
	assert_int_equal(next("$OK#zz", 6), RSP_BAD);
}

/* Frame raw bytes, which may hold '*' and '}', and take them in. */
static enum rsp_token expanded(const char *raw, size_t n)
{
	static char f[RSP_MAX + 8];

	return next(f, rsp_frame(f, raw, n));
}

static void expansion(void **state)
{
	static char big[RSP_MAX];

	(void)state;
	/* GDB manual: "0* " is "0000". */
	assert_int_equal(expanded("0* ", 3), RSP_PACKET);
	assert_string_equal(out, "0000");
	assert_int_equal(expanded("a}\x03" "b", 4), RSP_PACKET);
	assert_string_equal(out, "a#b");
	assert_int_equal(expanded("* ", 2), RSP_BAD);
	assert_int_equal(expanded("a*", 2), RSP_BAD);
	assert_int_equal(expanded("a}", 2), RSP_BAD);
	assert_int_equal(expanded("a*\x1f", 3), RSP_BAD);
	/* A run length bomb. */
	big[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(big); i += 2)
		memcpy(big + i, "*~", 2);
	assert_int_equal(expanded(big, sizeof(big) - 1), RSP_BAD);
	/* The longest packet is taken, one byte more is not. */
	memset(big, 'y', sizeof(big));
	assert_int_equal(expanded(big, sizeof(big)), RSP_PACKET);
	assert_int_equal(len, RSP_MAX);
	/* One that never ends is given up. */
	memset(big, '$', sizeof(big));
	assert_int_equal(next(big, sizeof(big)), RSP_MORE);
	{
		static char endless[RSP_MAX + 16];

		memset(endless, 'z', sizeof(endless));
		endless[0] = '$';
		assert_int_equal(next(endless, sizeof(endless)), RSP_BAD);
		assert_int_equal(used, sizeof(endless));
	}
}

static bool stop(const char *p, struct rsp_stop *s)
{
	return rsp_parse_stop(p, strlen(p), s);
}

static void stop_replies(void **state)
{
	struct rsp_stop s;

	(void)state;
	assert_true(stop("T05thread:p01.02;watch:ffffffff830622c0;", &s));
	assert_int_equal(s.kind, 'T');
	assert_int_equal(s.signal, 5);
	assert_true(s.watch);
	assert_true(s.addr == 0xffffffff830622c0);
	assert_true(s.thread);
	assert_int_equal(s.pid, 1);
	assert_int_equal(s.tid, 2);
	assert_true(stop("T05thread:03;awatch:10", &s));
	assert_true(s.watch);
	assert_int_equal(s.tid, 3);
	assert_int_equal(s.pid, 1);
	assert_true(stop("T02thread:p1.1;", &s));
	assert_false(s.watch);
	assert_true(stop("S05", &s));
	assert_true(stop("W00", &s));
	assert_int_equal(s.kind, 'W');
	assert_true(stop("T05;;10:1234;", &s));
	assert_false(stop("T05watch:;", &s));
	assert_false(stop("T05watch:123456789012345678;", &s));
	assert_false(stop("T05thread:p1;", &s));
	assert_false(stop("T05thread:px.1;", &s));
	assert_false(stop("T5", &s));
	assert_false(stop("Tzz", &s));
	assert_false(stop("", &s));
	assert_false(stop("OK", &s));
}

static void hex(void **state)
{
	uint8_t b[4];

	(void)state;
	assert_int_equal(rsp_unhex("00fFa1", 6, b, 4), 3);
	assert_memory_equal(b, "\x00\xff\xa1", 3);
	assert_int_equal(rsp_unhex("123", 3, b, 4), -1);
	assert_int_equal(rsp_unhex("12g4", 4, b, 4), -1);
	assert_int_equal(rsp_unhex("0011223344", 10, b, 4), -1);
	assert_int_equal(rsp_unhex("", 0, b, 4), 0);
}

static void targets(void **state)
{
	struct gdb_target t;
	struct err e;
	char longest[300];

	(void)state;
	assert_int_equal(gdb_target_parse(&t, "/run/a.gdb", &e), 0);
	assert_true(t.is_unix);
	assert_string_equal(t.path, "/run/a.gdb");
	assert_int_equal(gdb_target_parse(&t, "/run/vm:1", &e), 0);
	assert_true(t.is_unix);
	assert_int_equal(gdb_target_parse(&t, "127.0.0.1:1234", &e), 0);
	assert_false(t.is_unix);
	assert_string_equal(t.host, "127.0.0.1");
	assert_string_equal(t.port, "1234");
	assert_int_equal(gdb_target_parse(&t, "[::1]:65535", &e), 0);
	assert_string_equal(t.host, "::1");
	assert_int_equal(gdb_target_parse(&t, ":1", &e), 0);
	assert_string_equal(t.host, "localhost");
	assert_int_equal(gdb_target_parse(&t, "name", &e), 0);
	assert_true(t.is_unix && t.path[0] == '/');
	assert_int_equal(gdb_target_parse(&t, "", &e), -EINVAL);
	assert_int_equal(gdb_target_parse(&t, "h:0", &e), -EINVAL);
	assert_int_equal(gdb_target_parse(&t, "h:", &e), -EINVAL);
	assert_int_equal(gdb_target_parse(&t, "h:65536", &e), -EINVAL);
	assert_int_equal(gdb_target_parse(&t, "h:99999999999999999999", &e), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	strcpy(longest + sizeof(longest) - 3, ":1");
	assert_int_equal(gdb_target_parse(&t, longest, &e), -EINVAL);
	longest[0] = '/';
	assert_int_equal(gdb_target_parse(&t, longest, &e), -EINVAL);
}

static void registers(void **state)
{
	struct gdb_regs r;
	char name[16];
	static const char top[] = "<target><!-- <xi:include href=\"no.xml\"/> --><xi:include href=\"a.xml\"/>"
		"<xi:include href='b.xml'/><xi:include href=\"../etc\"/></target>";

	(void)state;
	assert_int_equal(regs_include(top, 0, name, sizeof(name)), 0);
	assert_string_equal(name, "a.xml");
	assert_int_equal(regs_include(top, 1, name, sizeof(name)), 0);
	assert_string_equal(name, "b.xml");
	assert_int_equal(regs_include(top, 2, name, sizeof(name)), -1);
	assert_int_equal(regs_include(top, 3, name, sizeof(name)), -1);
	regs_init(&r);
	regs_scan(&r, "<reg name=\"rax\" bitsize=\"64\"/><!--reg name=\"x\"/><reg name=\"cr0\"/-->"
		"<reg bitsize='64' name='rip'/>");
	regs_scan(&r, "<reg name=\"cr3\" regnum=\"29\"/><reg name=\"cr4\"/><reg name=\"rip\"/><reg name=\"e");
	assert_int_equal(r.num[REG_PC], 1);
	assert_int_equal(r.num[REG_CR0], -1);
	assert_int_equal(r.num[REG_CR3], 29);
	assert_int_equal(r.num[REG_CR4], 30);
	assert_int_equal(r.num[REG_EFER], -1);
}

/* What QEMU 7.2 prints for a pc with 5 GiB, but for the other views. */
static const char mtree_pc[] =
	"FlatView #0\r\n"
	" AS \"I/O\", root: io\r\n"
	" Root memory region: io\r\n"
	"  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan\r\n"
	"\r\n"
	"FlatView #1\r\n"
	" AS \"memory\", root: system\r\n"
	" AS \"cpu-memory-0\", root: system\r\n"
	" Root memory region: system\r\n"
	"  0000000000000000-000000000009ffff (prio 0, ram): pc.ram\r\n"
	"  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem\r\n"
	"  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000\r\n"
	"  00000000000cb000-00000000000cdfff (prio 0, ram): pc.ram @00000000000cb000\r\n"
	"  00000000000ce000-00000000000fffff (prio 0, rom): pc.ram @00000000000ce000\r\n"
	"  0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000\r\n"
	"  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram\r\n"
	"  00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi\r\n"
	"  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios\r\n"
	"  0000000100000000-000000017fffffff (prio 0, ram): pc.ram @00000000c0000000\r\n"
	"\r\n"
	"FlatView #2\r\n"
	" AS \"VGA\", root: bus master container\r\n"
	"  0000000200000000-000000027fffffff (prio 0, ram): not.ours\r\n";

static void memory_map(void **state)
{
	struct ram_seg s[8];
	uint64_t hva;

	(void)state;
	assert_int_equal(mtree_parse(mtree_pc, s, 8), 3);
	assert_true(s[0].gpa == 0 && s[0].len == 0xa0000 && s[0].off == 0);
	assert_true(s[1].gpa == 0xc0000 && s[1].len == 0xc0000000 - 0xc0000 && s[1].off == 0xc0000);
	assert_true(s[2].gpa == 1ULL << 32 && s[2].len == 2ULL << 30 && s[2].off == 0xc0000000);
	assert_string_equal(s[2].name, "pc.ram");
	assert_int_equal(mtree_parse(mtree_pc, s, 2), 2);
	assert_int_equal(mtree_parse("", s, 8), 0);
	assert_int_equal(mtree_parse(" AS \"memory\", root: system\n Root memory region: system\n", s, 8), 0);
	/* Ranges that wrap, run backwards or overlap are not believed. */
	assert_int_equal(mtree_parse(" AS \"memory\", root: s\n Root memory region: s\n"
		"  0000000000000000-ffffffffffffffff (prio 0, ram): all\n"
		"  0000000000002000-0000000000001fff (prio 0, ram): back\n"
		"  0000000000004000-0000000000007fff (prio 0, ram): a\n"
		"  0000000000005000-0000000000005fff (prio 0, ram): b\n"
		"  0000000000008000-0000000000008fff (prio 0, ram): \n", s, 8), 1);
	assert_true(s[0].gpa == 0x4000);
	/* Hundreds of thousands of lines that say nothing, and one too long to be believed. */
	{
		static char long_one[1 << 20] = " AS \"memory\", root: s\n Root memory region: s\n";
		size_t n = strlen(long_one);

		while (n + 600 < sizeof(long_one))
			n += (size_t)sprintf(long_one + n, "a\n");
		sprintf(long_one + n, "  0000000000001000-0000000000001fff (prio 0, ram): a%300s\n"
			"  0000000000004000-0000000000007fff (prio 0, ram): b", "");
		assert_int_equal(mtree_parse(long_one, s, 8), 1);
		assert_true(s[0].gpa == 0x4000 && s[0].len == 0x4000);
	}
	assert_true(mtree_parse_hva("Host virtual address for 0x100000 (pc.ram) is 0x7f84cbf00000\r\n", &hva));
	assert_true(hva == 0x7f84cbf00000);
	assert_false(mtree_parse_hva("Memory at address 0xa0000 is not RAM\r\n", &hva));
	assert_false(mtree_parse_hva("Host virtual address for 0x1 (x) is 0x0\r\n", &hva));
	assert_false(mtree_parse_hva("", &hva));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(tokens),
		cmocka_unit_test(expansion),
		cmocka_unit_test(stop_replies),
		cmocka_unit_test(hex),
		cmocka_unit_test(targets),
		cmocka_unit_test(registers),
		cmocka_unit_test(memory_map),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
