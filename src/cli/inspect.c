/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect - what can be found in a running guest's memory, and how long that takes. Attaches as
 * `attach` does, reads, and lets go; the guest is not changed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "guest/guest.h"
#include "source/printk/layout.h"
#include "trap/trap.h"
#include "util/clock.h"

/* Where attach would follow the log, or why it would not. */
struct ring {
	struct printk_layout layout;
	int error;           /* 0, or a negative errno, and then `why` */
	struct err why;
	const char *kind;    /* "static" (early boot's, or log_buf_len not set), "dynamic", or unknown */
};

struct report {
	const struct guest_info *info;
	const struct trap *trap;
	struct ring ring;
	uint32_t attach_us, total_us;
};

static uint32_t since(int64_t start_ns)
{
	return (uint32_t)((clock_mono_ns() - start_ns) / 1000);
}

/* What attach does first, so that both say the same; `prb` points to the ring in use. */
static void find_ring(const struct guest *g, struct ring *ring)
{
	uint64_t fixed;

	ring->error = printk_layout_open(&ring->layout, g, &ring->why);
	ring->kind = "unknown";
	if (!ring->error && !guest_symbol(g, "printk_rb_static", &fixed))
		ring->kind = ring->layout.g.rb == fixed ? "static" : "dynamic";
}

static void print_text(const struct report *r)
{
	const struct guest_info *i = r->info;
	const struct prb_geometry *g = &r->ring.layout.g;

	printf("%-14s%s\n", "target", r->trap->desc);
	printf("%-14s%u\n", "vCPUs", r->trap->vcpus);
	printf("%-14s%" PRIu64 " MiB\n", "RAM", r->trap->mem.ram_bytes >> 20);
	printf("%-14s%s\n", "OS release", i->release);
	printf("%-14s%s\n", "build id", *i->build_id ? i->build_id : "not told by this kernel");
	printf("%-14s%s\n", "boot id", i->boot);
	printf("%-14s0x%" PRIx64 " virtual, at 0x%" PRIx64 " physical\n", "KASLR", i->kaslr_virt,
		i->kaslr_phys);
	printf("%-14s%d levels, root 0x%" PRIx64 "\n", "page table", i->la57 ? 5 : 4, i->cr3);
	printf("%-14s%" PRIu32 " symbols, layout %s\n", "kallsyms", i->kallsyms_count,
		i->kallsyms_layout);
	if (i->btf_bytes)
		printf("%-14s%" PRIu64 " bytes\n", "BTF", i->btf_bytes);
	else if (*i->btf_why)
		printf("%-14snot usable: %s\n", "BTF", i->btf_why);
	else
		printf("%-14snone in this kernel\n", "BTF");
	if (r->ring.error)
		printf("%-14scannot be followed: %s\n", "printk ring", r->ring.why.text);
	else
		printf("%-14s0x%" PRIx64 " (%s), %" PRIu64 " descriptors, %" PRIu64 " bytes of text\n",
			"printk ring", (uint64_t)g->rb, r->ring.kind, (uint64_t)g->desc_mask + 1,
			(uint64_t)g->data_mask + 1);
	printf("%-14s%.1f ms: attach %.1f", "time", r->total_us / 1000.0, r->attach_us / 1000.0);
	for (unsigned k = 0; k < i->steps; k++)
		printf(", %s %.1f", i->step[k].name, i->step[k].us / 1000.0);
	printf("\n");
}

static void json_field(const char *key, const char *value)
{
	printf("\"%s\":", key);
	cli_json_string(value);
	putchar(',');
}

/* Addresses are strings: JSON's numbers do not hold 64 bits. */
static void json_address(const char *key, uint64_t value)
{
	printf("\"%s\":\"0x%" PRIx64 "\",", key, value);
}

static void print_json(const struct report *r)
{
	const struct guest_info *i = r->info;
	const struct prb_geometry *g = &r->ring.layout.g;

	putchar('{');
	json_field("target", r->trap->desc);
	printf("\"vcpus\":%u,\"ram_bytes\":%" PRIu64 ",", r->trap->vcpus, r->trap->mem.ram_bytes);
	json_field("release", i->release);
	json_field("build_id", i->build_id);
	json_field("boot_id", i->boot);
	json_address("kaslr_virtual", i->kaslr_virt);
	json_address("kaslr_physical", i->kaslr_phys);
	printf("\"page_table_levels\":%d,", i->la57 ? 5 : 4);
	json_address("page_table", i->cr3);
	json_field("kallsyms_layout", i->kallsyms_layout);
	printf("\"kallsyms_count\":%" PRIu32 ",\"btf_bytes\":%" PRIu64 ",", i->kallsyms_count,
		i->btf_bytes);
	if (*i->btf_why)
		json_field("btf_error", i->btf_why);
	if (r->ring.error) {
		printf("\"ring\":null,");
		json_field("ring_error", r->ring.why.text);
	} else {
		printf("\"ring\":{");
		json_address("address", g->rb);
		json_field("kind", r->ring.kind);
		printf("\"descriptors\":%" PRIu64 ",\"text_bytes\":%" PRIu64 "},",
			(uint64_t)g->desc_mask + 1, (uint64_t)g->data_mask + 1);
	}
	printf("\"time_us\":{\"attach\":%" PRIu32, r->attach_us);
	for (unsigned k = 0; k < i->steps; k++)
		printf(",\"%s\":%" PRIu32, i->step[k].name, i->step[k].us);
	printf(",\"total\":%" PRIu32 "}}\n", r->total_us);
}

static int print_symbol(void *ctx, const char *name, char type, uint64_t gva)
{
	(void)ctx;
	return printf("%016" PRIx64 " %c %s\n", gva, type, name) < 0;
}

static int inspect(struct trap *t, int64_t start_ns, bool json, bool symbols)
{
	struct report r = {.trap = t, .attach_us = since(start_ns)};
	struct guest *g = NULL;
	struct gcpu cpu;
	struct err e;

	if (t->host)
		return cli_failf("%s is a log, and no VM: there is nothing to inspect", t->ops->name);
	if (t->ops->cpu(t, 0, &cpu, &e) || guest_find(&g, &t->mem, &cpu, &e)) {
		err_prefix(&e, "%s", t->desc);
		return cli_fail(&e);
	}
	r.info = guest_info(g);
	find_ring(g, &r.ring);
	r.total_us = since(start_ns);
	if (symbols)
		guest_each_symbol(g, print_symbol, NULL);
	else if (json)
		print_json(&r);
	else
		print_text(&r);
	guest_free(g);
	if (fflush(stdout) || ferror(stdout))
		return cli_failf("cannot write to standard output: %s", strerror(errno));
	return r.ring.error ? EXIT_FINDING : EXIT_OK;
}

enum { OPT_SYMBOLS = OPTION_LONG };

static const struct cli_option options[] = {
	{'o', "output", "text|json", "json: for programs"},
	{OPT_SYMBOLS, "symbols", NULL, "the kernel's symbols instead, as in /proc/kallsyms"},
	{0, NULL, NULL, NULL},
};

static int inspect_main(int argc, char **argv)
{
	bool json = false, symbols = false;
	int64_t start_ns;
	struct trap *t;
	struct err e;
	int c, ret;

	option_begin();
	while ((c = option_next(argc, argv, &inspect_command, &ret)) != OPTION_END) {
		if (c == OPT_SYMBOLS)
			symbols = true;
		else if (c == OPTION_STOP || (ret = cli_output_form(&inspect_command, optarg, &json)))
			return ret;
	}
	if (!cli_operands(&inspect_command, argc, argv))
		return EXIT_TROUBLE;
	start_ns = clock_mono_ns();
	if (trap_attach(&t, argv[optind], &e))
		return cli_fail(&e);
	ret = inspect(t, start_ns, json, symbols);
	t->ops->detach(t);
	return ret;
}

const struct command inspect_command = {
	.name = "inspect",
	.main = inspect_main,
	.description = "what is found in a guest's memory",
	.options = options,
	.notes = "TARGET is as for attach. The guest is not changed.\n",
	.operands = {"TARGET"},
};
