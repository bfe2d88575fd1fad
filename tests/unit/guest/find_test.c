/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * find_test.c - guest_find() on a fake kernel: every layout and paging mode is found whole; every
 * contradiction is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake.h"
#include "guest/guest.h"

static struct fake f;
static struct guest *g;
static struct err e;

static int find(void)
{
	e.text[0] = 0;
	return guest_find(&g, &f.gmem, &f.cpu, &e);
}

static int same_symbol(void *ctx, const char *name, char type, uint64_t gva)
{
	unsigned *i = ctx;

	assert_in_range(*i, 0, f.n - 1);
	assert_string_equal(name, f.sym[*i].name);
	assert_int_equal(type, f.sym[*i].type);
	assert_int_equal(gva, f.sym[*i].gva);
	++*i;
	return 0;
}

/* Everything that guest_find() promises of the fake in f. */
static void check_found(const char *layout)
{
	const struct guest_info *info;
	uint32_t off, size;
	uint64_t gva, gpa, page, two[3];
	int64_t value;
	unsigned n = 0;
	char text[14];

	assert_int_equal(find(), 0);
	info = guest_info(g);
	assert_string_equal(info->release, "6.1.0-fake");
	assert_string_equal(info->build_id, "00112233445566778899aabbccddeeff00112233");
	assert_int_equal(info->kaslr_virt, f.opt.slide);
	assert_int_equal(info->kaslr_phys, f.opt.ram + FAKE_IMAGE);
	assert_int_equal(info->la57, f.opt.la57);
	assert_string_equal(info->kallsyms_layout, layout);
	assert_int_equal(info->kallsyms_count, f.n);
	assert_int_equal(info->btf_bytes, f.btf_end - f.btf);
	assert_int_equal(strlen(info->boot), 16);
	assert_int_equal(guest_each_symbol(g, same_symbol, &n), 0);
	assert_int_equal(n, f.n);
	assert_int_equal(guest_symbols(g, "namesake", two, 3), 2);
	assert_int_equal(two[1], two[0] + 1);
	assert_int_equal(guest_symbol(g, "nobody", &gva), -ENOENT);
	assert_int_equal(guest_member(g, "printk_info", "level", &off, &size), 0);
	assert_int_equal(off, 19);
	assert_int_equal(guest_member(g, "task_struct", "stack_canary", &off, &size), 0);
	assert_int_equal(off, 16);
	assert_int_equal(size, 8);
	assert_int_equal(guest_enum(g, "desc_reusable", &value), 0);
	assert_int_equal(value, 3);
	assert_int_equal(guest_translate(g, f.text + 0x1234, &gpa, &page), 0);
	assert_int_equal(gpa, f.opt.ram + FAKE_IMAGE + 0x1234);
	assert_int_equal(guest_read(g, fake_gva(&f, FAKE_IMAGE + FAKE_TEXT), text, 13), 0);
	assert_memory_equal(text, "Linux version", 13);
	assert_int_equal(guest_alive(g, &e), 0);
	guest_trim(g);
	assert_int_equal(guest_symbol(g, "_text", &gva), -ENOENT);
	assert_int_equal(guest_member(g, "printk_info", "seq", &off, &size), -ENOENT);
	assert_int_equal(guest_alive(g, &e), 0);
	assert_int_equal(guest_read(g, f.direct + f.opt.ram + FAKE_NOTE, text, 9), 0);
	assert_memory_equal(text, "OSRELEASE", 9);
	guest_free(g);
}

static void layouts(void **state)
{
	static const char *const name[] = {"offsets-first", "offsets-first+seqs", "names-first",
		"place-relative"};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct fake_opt opt = {.layout = i % 4, .base_plus = i & 4, .la57 = i & 8,
			.slide = 0x1e800000};

		fake_make(&f, &opt);
		check_found(name[opt.layout]);
		fake_free(&f);
	}
}

static void above_4_gib(void **state)
{
	struct fake_opt opt = {.ram = 5ull << 30};

	(void)state;
	fake_make(&f, &opt);
	check_found("offsets-first");
	fake_free(&f);
}

static void user_half_of_pti(void **state)
{
	struct fake_opt opt = {.pti = true, .layout = FAKE_NAMES_FIRST};

	(void)state;
	fake_make(&f, &opt);
	check_found("names-first");
	fake_free(&f);
}

/* Without data symbols BTF and VMCOREINFO are found by what they begin with. */
static void functions_only(void **state)
{
	struct fake_opt opt = {.no_data = true};
	uint64_t v;

	(void)state;
	fake_make(&f, &opt);
	assert_int_equal(find(), 0);
	assert_string_equal(guest_info(g)->release, "6.1.0-fake");
	assert_int_equal(guest_info(g)->btf_bytes, f.btf_end - f.btf);
	assert_int_equal(guest_info(g)->cr3, FAKE_TOP_PGT);
	assert_int_equal(guest_vmcoreinfo(g, "OFFSET(prb.desc_ring)", &v), 0);
	assert_int_equal(v, 24);
	guest_free(g);
	fake_free(&f);
}

/* The vCPU's process ends while we look: its page table is gone, the kernel's is not. */
static int forgetful_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	int r = fake_read(ctx, gpa, buf, len);

	if (gpa == FAKE_IMAGE + FAKE_TEXT)
		memset(f.mem + FAKE_PGD, 0, 4096);
	return r;
}

static void process_ends(void **state)
{
	struct fake_opt opt = {0};

	(void)state;
	fake_make(&f, &opt);
	f.gmem.read = forgetful_read;
	assert_int_equal(find(), 0);
	assert_int_equal(guest_info(g)->cr3, FAKE_TOP_PGT);
	guest_free(g);
	fake_free(&f);
}

/* What is mapped behind the image may be mapped elsewhere later, as modules are. */
static void behind_the_image(void **state)
{
	struct fake_opt opt = {0};
	uint64_t gva, pmd;
	char text[9];

	(void)state;
	fake_make(&f, &opt);
	gva = f.text + (256u << 20);
	pmd = FAKE_PMD + (gva >> 21 & 511) * 8;
	fake_put64(&f, pmd, FAKE_IMAGE | 0x80000000000001e3ull);
	assert_int_equal(find(), 0);
	assert_int_equal(guest_read(g, gva + FAKE_NOTE, text, sizeof(text)), 0);
	assert_memory_not_equal(text, "OSRELEASE", sizeof(text));
	fake_put64(&f, pmd, 0x80000000000001e3ull);
	assert_int_equal(guest_read(g, gva + FAKE_NOTE, text, sizeof(text)), 0);
	assert_memory_equal(text, "OSRELEASE", sizeof(text));
	guest_free(g);
	fake_free(&f);
}

/* Without registers RAM is searched; the same is found. */
static void no_registers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct fake_opt opt = {.layout = i % 4, .la57 = i & 4, .slide = 0x2600000,
			.ram = i & 8 ? 5ull << 30 : 0};

		fake_make(&f, &opt);
		assert_int_equal(guest_find(&g, &f.gmem, NULL, &e), 0);
		assert_int_equal(guest_info(g)->la57, opt.la57);
		assert_int_equal(guest_info(g)->kaslr_virt, opt.slide);
		assert_int_equal(guest_info(g)->kaslr_phys, opt.ram + FAKE_IMAGE);
		assert_int_equal(guest_info(g)->cr3, opt.ram + FAKE_TOP_PGT);
		guest_free(g);
		memset(f.mem + FAKE_PUD, 0, 4096);
		assert_int_equal(guest_find(&g, &f.gmem, NULL, &e), -EBADMSG);
		memset(f.mem, 0, FAKE_RAM);
		assert_int_equal(guest_find(&g, &f.gmem, NULL, &e), -EAGAIN);
		fake_free(&f);
	}
}

static void not_booted(void **state)
{
	struct fake_opt opt = {0};

	(void)state;
	fake_make(&f, &opt);
	f.cpu.cr0 = 0x10;
	assert_int_equal(find(), -EAGAIN);
	assert_non_null(strstr(e.text, "not booted"));
	f.cpu.cr0 = 0x80050033;
	f.cpu.efer = 0;
	assert_int_equal(find(), -ENOEXEC);
	assert_non_null(strstr(e.text, "32-bit"));
	f.cpu.efer = 0xd01;
	fake_put64(&f, FAKE_PUD + 510 * 8, 0);
	assert_int_equal(find(), -EAGAIN);
	fake_free(&f);

	fake_make(&f, &opt);
	fake_put64(&f, FAKE_VARS, 0);
	assert_int_equal(find(), -EINPROGRESS);
	assert_non_null(strstr(e.text, "still starting"));
	fake_free(&f);
}

static void replace(const char *from, const char *to)
{
	size_t n = strlen(from);
	char *p = memmem(f.mem, FAKE_RAM, from, n);

	assert_non_null(p);
	assert_int_equal(n, strlen(to));
	for (size_t i = 0; i < n; i++)
		p[i] = to[i];
}

static void contradictions(void **state)
{
	static const struct {
		const char *from, *to, *says;
		int code;
	} cases[] = {
		{"KERNELOFFSET=0", "KERNELOFFSET=1", "impossible KERNELOFFSET", -EBADMSG},
		{"SYMBOL(_stext)=ffffffff81", "SYMBOL(_stext)=ffffffff82", "_stext", -EBADMSG},
		{"NUMBER(phys_base)=-", "NUMBER(phys_base)=1", "phys_base", -EBADMSG},
		{"OSRELEASE", "OSRELEXSE", "vmcoreinfo_data", -EBADMSG},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_opt opt = {0};

		fake_make(&f, &opt);
		replace(cases[i].from, cases[i].to);
		assert_int_equal(find(), cases[i].code);
		if (!strstr(e.text, cases[i].says))
			fail_msg("case %u: %s", i, e.text);
		assert_null(g);
		fake_free(&f);
	}
}

/* Root in the guest can write there: it is told, and found is what can be found without. */
static void damaged_btf(void **state)
{
	struct fake_opt opt = {0};
	uint32_t off, size;

	(void)state;
	fake_make(&f, &opt);
	replace("\x9f\xeb\x01", "\x9f\xeb\x02");
	assert_int_equal(find(), 0);
	assert_int_equal(guest_info(g)->btf_bytes, 0);
	assert_non_null(strstr(guest_info(g)->btf_why, "header"));
	assert_int_equal(guest_member(g, "printk_info", "seq", &off, &size), -ENOENT);
	guest_free(g);
	g = NULL;
	fake_free(&f);
}

/* A kernel image without kallsyms, of Linux and of another system. */
static void no_kallsyms(void **state)
{
	struct fake_opt opt = {0};
	uint8_t *rodata;

	(void)state;
	fake_make(&f, &opt);
	rodata = f.mem + FAKE_IMAGE + FAKE_TEXT;
	memset(rodata + 64, 0, FAKE_RODATA - 64);
	assert_int_equal(find(), -ENOEXEC);
	assert_non_null(strstr(e.text, "CONFIG_KALLSYMS"));
	memset(rodata, 0, 64);
	assert_int_equal(find(), -ENOEXEC);
	assert_non_null(strstr(e.text, "not a Linux guest"));
	fake_free(&f);
}

static void reboot(void **state)
{
	struct fake_opt opt = {0};
	struct gcpu other;

	(void)state;
	fake_make(&f, &opt);
	assert_int_equal(find(), 0);
	other = f.cpu;
	assert_int_equal(guest_runs_on(g, &f.cpu, &e), 0);
	other.cr3 = f.opt.ram + FAKE_NOTE;
	assert_int_equal(guest_runs_on(g, &other, &e), -ESTALE);
	other.cr0 = 0;
	assert_int_equal(guest_runs_on(g, &other, &e), -ESTALE);
	fake_put64(&f, FAKE_TASK + 16, 0x99);
	assert_int_equal(guest_alive(g, &e), -ESTALE);
	fake_put64(&f, FAKE_TASK + 16, 0x1122334455667700ull);
	assert_int_equal(guest_alive(g, &e), 0);
	fake_put64(&f, FAKE_TOP_PGT + 511 * 8, 0);
	assert_int_equal(guest_alive(g, &e), -ESTALE);
	guest_free(g);
	fake_free(&f);
}

static void boot_ids_differ(void **state)
{
	struct fake_opt opt = {0};
	char first[17];

	(void)state;
	fake_make(&f, &opt);
	assert_int_equal(find(), 0);
	memcpy(first, guest_info(g)->boot, sizeof(first));
	guest_free(g);
	assert_int_equal(find(), 0);
	assert_string_equal(first, guest_info(g)->boot);
	guest_free(g);
	fake_put64(&f, FAKE_TASK + 16, 0x1122334455667800ull);
	assert_int_equal(find(), 0);
	assert_string_not_equal(first, guest_info(g)->boot);
	guest_free(g);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts), cmocka_unit_test(above_4_gib),
		cmocka_unit_test(user_half_of_pti), cmocka_unit_test(functions_only),
		cmocka_unit_test(process_ends), cmocka_unit_test(behind_the_image), cmocka_unit_test(no_registers), cmocka_unit_test(not_booted), cmocka_unit_test(contradictions),
		cmocka_unit_test(damaged_btf),
		cmocka_unit_test(no_kallsyms),
		cmocka_unit_test(reboot), cmocka_unit_test(boot_ids_differ),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
