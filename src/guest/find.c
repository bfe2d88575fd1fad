/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Image first: the page table a vCPU uses right now leads to the kernel's image, and only there are
 * tables looked for. So what is found is alive, never the remains of an earlier boot, and a few
 * megabytes are read instead of all RAM.
 */
#include "guest/guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/state.h"
#include "util/clock.h"

/* Where _text is without KASLR: __START_KERNEL_map + CONFIG_PHYSICAL_START (16 MiB, the default). */
#define TEXT_DEFAULT 0xffffffff81000000ull

#define MIB(n) ((uint64_t)(n) << 20)

static uint32_t now_us(void)
{
	return (uint32_t)(clock_mono_ns() / 1000);
}

static void step(struct guest *g, const char *name, uint32_t *since)
{
	uint32_t now = now_us();

	if (g->info.steps < sizeof(g->info.step) / sizeof(g->info.step[0])) {
		g->info.step[g->info.steps].name = name;
		g->info.step[g->info.steps++].us = now - *since;
	}
	*since = now;
}

/* Is there a 64-bit kernel at all? */
static int check_mode(const struct gcpu *cpu, struct err *e)
{
	if (!cpu_paging(cpu))
		return err_set(e, EAGAIN, "the guest is not booted yet (paging is off: firmware, "
			"boot loader, or halted)");
	if (!cpu_long_mode(cpu))
		return err_set(e, ENOEXEC, "the guest runs a 32-bit system, whose log cannot be "
			"followed; only x86-64 kernels can");
	return 0;
}

static int map_image(struct guest *g, struct err *e)
{
	int r = image_map(g->image, &g->table);

	if (r == -E2BIG || (!r && !g->image->n))
		return err_set(e, EAGAIN, "the page table changed while it was read");
	return r ? state_unreadable(r, e) : 0;
}

/*
 * Map the image by the vCPU's page table. With page-table isolation the vCPU may be on the table of
 * user mode, which maps less: take the one of the two that maps more.
 */
static int find_image(struct guest *g, const struct gcpu *cpu, struct err *e)
{
	uint64_t most = 0;
	int r = check_mode(cpu, e);

	if (r)
		return r;
	for (unsigned i = 0; i < PTABLES; i++) {
		struct ptable t = ptable_of(&g->mem, cpu, i);

		r = image_map(g->image, &t);
		if (r && r != -E2BIG)
			return state_unreadable(r, e);
		if (r || g->image->bytes <= most)
			continue;
		most = g->image->bytes;
		g->table = t;
	}
	if (!most)
		return err_set(e, EAGAIN, "no kernel is mapped at 0x%llx (the guest is not booted yet, "
			"or is no Linux)", KERNEL_MAP_START);
	return map_image(g, e);
}

static int scan_image(struct guest *g, struct err *e)
{
	int r = state_scan(&g->mem, &g->table, e);

	return r ? r : map_image(g, e);
}

struct run {
	struct guest *g;
	const char *why;
	bool linux_banner;
	uint64_t scanned;
};

static int load_symbols(void *ctx, const uint8_t *buf, size_t len, uint64_t gva)
{
	static const char banner[] = "Linux version ";
	struct run *run = ctx;
	uint64_t lo, hi;
	int r;

	image_range(run->g->image, &lo, &hi);
	run->scanned += len;
	r = kallsyms_load(&run->g->syms, buf, len, gva, lo, hi, &run->why);
	if (r == 0)
		return 1;
	run->linux_banner |= !!memmem(buf, len, banner, sizeof(banner) - 1);
	/* more than any kernel's image: memory made to keep us busy */
	return r == -ENOMEM ? r : run->scanned > MIB(192) ? -EBADMSG : 0;
}

static int find_symbols(struct guest *g, struct err *e)
{
	struct run run = {.g = g};
	int r = image_each_run(g->image, &g->mem, load_symbols, &run);
	uint64_t mib = (run.scanned + MIB(1) - 1) >> 20;

	if (r < 0 && r != -EBADMSG)
		return state_unreadable(r, e);
	if (r == 1) {
		g->info.kallsyms_count = g->syms.n;
		snprintf(g->info.kallsyms_layout, sizeof(g->info.kallsyms_layout), "%s", g->syms.layout);
		return 0;
	}
	if (run.why)
		return err_set(e, EBADMSG, "kallsyms found in the kernel image, but %s (unknown layout "
			"or altered memory)", run.why);
	return err_set(e, ENOEXEC, run.linux_banner ?
		"a Linux kernel without kallsyms (CONFIG_KALLSYMS off? scanned %" PRIu64 " MiB of its "
		"image)" : "a kernel is mapped, but no Linux kallsyms table is in it (scanned %" PRIu64
		" MiB; not a Linux guest?)", mib);
}

/* Where the image begins, virtual and physical, and by how much KASLR moved it. */
static int find_base(struct guest *g, struct err *e)
{
	const struct extent *x;
	uint64_t end;

	if (guest_symbol(g, "_text", &g->text) && guest_symbol(g, "_stext", &g->text))
		return err_set(e, EBADMSG, "kallsyms has neither _text nor _stext");
	x = image_find(g->image, g->text);
	if (!x)
		return err_set(e, EBADMSG, "kallsyms says the kernel begins at 0x%" PRIx64
			", but nothing is mapped there", g->text);
	if (!guest_symbol(g, "_end", &end) && end > g->text)
		image_cut(g->image, end);
	g->info.kaslr_phys = x->gpa + (g->text - x->gva);
	g->info.kaslr_virt = g->text - TEXT_DEFAULT;
	return 0;
}

/*
 * The vCPU's page table belongs to a process and goes with it; the kernel's own, init_top_pgt at @gva,
 * stays. It is part of the image. Take it only if it maps the image to the same place.
 */
static int use_kernel_table(struct guest *g, uint64_t gva, struct err *e)
{
	const struct extent *x = image_find(g->image, gva);
	struct ptable own = g->table;
	struct mapping at;
	int r;

	if (!x)
		return err_set(e, EBADMSG, "init_top_pgt is said to be at 0x%" PRIx64 ", which is not in the "
			"kernel's image", gva);
	own.root = x->gpa + (gva - x->gva);
	r = ptable_walk(&own, g->text, &at);
	if (r && r != -EFAULT)
		return state_unreadable(r, e);
	if (r || at.gpa != g->info.kaslr_phys)
		return err_set(e, EINPROGRESS, "the guest's kernel is still starting (init_top_pgt at 0x%" PRIx64
			" does not map it yet)", gva);
	g->table = own;
	g->info.cr3 = own.root;
	return 0;
}

/* By its symbol; without symbols of data, by VMCOREINFO once that was found. */
static int find_kernel_table(struct guest *g, struct err *e)
{
	uint64_t gva;

	g->info.la57 = g->table.la57;
	g->info.cr3 = g->table.root;
	if (guest_symbol(g, "init_top_pgt", &gva) && guest_vmcoreinfo(g, "SYMBOL(init_top_pgt)", &gva))
		return 0;
	return use_kernel_table(g, gva, e);
}

/* The direct map, if the kernel tells where it is and a walk agrees. */
static void find_direct_map(struct guest *g)
{
	uint64_t var, base;
	struct mapping at;

	if (guest_symbol(g, "page_offset_base", &var) || guest_read(g, var, &base, sizeof(base)) ||
		base % MIB(1024) || base < 0xff00000000000000ull)
		return;
	if (ptable_walk(&g->table, base + g->info.kaslr_phys, &at) || at.gpa != g->info.kaslr_phys)
		return;
	/*
	 * What KASLR puts behind the direct map may follow 10 TiB after the end of RAM (mm/kaslr.c); RAM
	 * ends at most the PCI hole's 4 GiB later than its size says. Beyond that we walk.
	 */
	g->direct_base = base;
	g->direct_len = g->mem.ram_bytes < MIB(1 << 20) ? g->mem.ram_bytes + MIB(4096) : MIB(1 << 20);
}

/* VMCOREINFO and kallsyms were written by different code: they must agree. */
static int cross_check(struct guest *g, struct err *e)
{
	uint64_t a, b;

	if (!guest_vmcoreinfo(g, "SYMBOL(_stext)", &a) && !guest_symbol(g, "_stext", &b) && a != b)
		return err_set(e, EBADMSG, "VMCOREINFO has _stext at 0x%" PRIx64 ", kallsyms at 0x%"
			PRIx64, a, b);
	if (!guest_vmcoreinfo(g, "KERNELOFFSET", &a)) {
		/* differs from ours only if CONFIG_PHYSICAL_START is not the default */
		if (a >= MIB(1024) || a % MIB(2))
			return err_set(e, EBADMSG, "VMCOREINFO has an impossible KERNELOFFSET, 0x%"
				PRIx64, a);
		g->info.kaslr_virt = a;
	}
	if (!guest_vmcoreinfo(g, "NUMBER(phys_base)", &a) &&
		g->text - KERNEL_MAP_START + a != g->info.kaslr_phys)
		return err_set(e, EBADMSG, "VMCOREINFO has phys_base 0x%" PRIx64 ", but the kernel is "
			"at physical 0x%" PRIx64, a, g->info.kaslr_phys);
	return 0;
}

/* Everything but VMCOREINFO can say the release, if need be. */
static void find_release(struct guest *g)
{
	char banner[160] = "", *end;
	uint64_t gva;

	if (!vmcoreinfo_text(&g->note, "OSRELEASE", g->info.release, sizeof(g->info.release))) {
		vmcoreinfo_text(&g->note, "BUILD-ID", g->info.build_id, sizeof(g->info.build_id));
		return;
	}
	if (guest_symbol(g, "linux_banner", &gva) || guest_read(g, gva, banner, sizeof(banner) - 1) ||
		strncmp(banner, "Linux version ", 14))
		return;
	end = banner + 14;
	while (*end > ' ' && *end < 0x7f)
		end++;
	*end = 0;
	snprintf(g->info.release, sizeof(g->info.release), "%.*s", (int)sizeof(g->info.release) - 1,
		banner + 14);
}

static int find(struct guest *g, const struct gcpu *cpu, struct err *e)
{
	uint32_t t = now_us();
	int r;

	r = cpu ? find_image(g, cpu, e) : scan_image(g, e);
	step(g, "page-table", &t);
	if (r)
		return r;
	r = find_symbols(g, e);
	step(g, "kallsyms", &t);
	if (r)
		return r;
	r = find_base(g, e);
	r = r ? r : find_kernel_table(g, e);
	if (r)
		return r;
	find_direct_map(g);
	step(g, "base", &t);
	r = state_load_note(g, e);
	if (r && r != -ENOENT)
		return r;
	r = cross_check(g, e);
	r = r ? r : find_kernel_table(g, e);
	if (r)
		return r;
	find_release(g);
	step(g, "vmcoreinfo", &t);
	r = state_load_btf(g, e);
	if (r == -EBADMSG) /* root in the guest can scribble over it: what VMCOREINFO says may do */
		snprintf(g->info.btf_why, sizeof(g->info.btf_why), "%.*s",
			(int)sizeof(g->info.btf_why) - 1, e->text);
	else if (r && r != -ENOENT)
		return r;
	step(g, "btf", &t);
	r = state_load_boot(g, e);
	if (guest_symbol(g, "jiffies_64", &g->ticks_gva) && guest_symbol(g, "jiffies", &g->ticks_gva))
		g->ticks_gva = 0;
	step(g, "boot", &t);
	return r;
}

static int find_once(struct guest **out, const struct gmem *mem, const struct gcpu *cpu,
	struct err *e)
{
	struct guest *g = calloc(1, sizeof(*g));
	int r;

	if (!g || !(g->image = calloc(1, sizeof(*g->image)))) {
		free(g);
		return err_set(e, ENOMEM, "out of memory");
	}
	g->mem = *mem;
	r = find(g, cpu, e);
	if (r) {
		guest_free(g);
		return r;
	}
	*out = g;
	return 0;
}

int guest_find(struct guest **out, const struct gmem *mem, const struct gcpu *cpu, struct err *e)
{
	int r;

	*out = NULL;
	r = find_once(out, mem, cpu, e);
	/* The guest ran meanwhile and may have been changing its page table: believe it twice. */
	return r == -EBADMSG || r == -ENOEXEC ? find_once(out, mem, cpu, e) : r;
}

int guest_runs_on(const struct guest *g, const struct gcpu *cpu, struct err *e)
{
	struct mapping at;
	int r = check_mode(cpu, e);

	if (r)
		return err_set(e, ESTALE, "the vCPU no longer runs a 64-bit kernel (reboot?)");
	/* what is executable in the kernel's table is mapped in the user half's too, or in neither */
	for (unsigned i = 0; i < PTABLES; i++) {
		struct ptable t = ptable_of(&g->mem, cpu, i);

		r = ptable_walk(&t, g->text, &at);
		if (r == -ESRCH)
			return err_set(e, ESRCH, "the VM is gone");
		if (!r && at.gpa == g->info.kaslr_phys && t.la57 == g->info.la57)
			return 0;
	}
	return err_set(e, ESTALE, "the vCPU runs another kernel than the one found (reboot or kexec)");
}
