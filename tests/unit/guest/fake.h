/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake.h - four MiB of RAM with a small Linux kernel's tables in it: page tables (4 or 5 levels, with or
 * without page-table isolation), an image with text, read-only data and data, kallsyms in any layout,
 * BTF, VMCOREINFO. For unit tests and as the seed that fuzzing damages. Nothing in it runs.
 */
#ifndef LOGVISOR_TESTS_GUEST_FAKE_H
#define LOGVISOR_TESTS_GUEST_FAKE_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/gmem.h"

enum fake_layout { FAKE_OFFSETS_FIRST, FAKE_SEQS, FAKE_NAMES_FIRST, FAKE_PLACE_RELATIVE };

/* A symbol besides those every fake has, at an offset in RAM. By address as all are: after the others of its type. */
struct fake_extra {
	const char *name;
	char type;   /* 'T' or 'D' */
	uint32_t at; /* FAKE_IMAGE + 0x9000 or higher, FAKE_TASK + 0x1000 or higher */
};

struct fake_opt {
	enum fake_layout layout;
	const struct fake_extra *extra; /* up to one without a name; NULL: none */
	const char *note; /* more lines of VMCOREINFO; NULL: none */
	bool base_plus; /* no ABSOLUTE_PERCPU */
	bool la57, pti;
	bool no_data;   /* CONFIG_KALLSYMS_ALL off: functions only */
	uint64_t ram;   /* where RAM begins, guest-physical, a multiple of 2 MiB */
	uint64_t slide; /* KASLR, virtual */
};

#define FAKE_RAM     (4u << 20)
#define FAKE_IMAGE   (2u << 20) /* offset in RAM */
#define FAKE_TEXT    (64u << 10)
#define FAKE_RODATA  (64u << 10)
#define FAKE_DATA    (64u << 10)
#define FAKE_FILLERS 520
#define FAKE_SYMS    600

/* Offsets in RAM. */
enum {
	FAKE_PGD = 0x2000, FAKE_PGD_USER = 0x3000, FAKE_P4D = 0x4000, FAKE_P4D_DIRECT = 0x5000,
	FAKE_PUD = 0x6000, FAKE_PMD = 0x7000, FAKE_PT = 0x8000, FAKE_PUD_DIRECT = 0x9000,
	FAKE_PMD_DIRECT = 0xa000, FAKE_NOTE = 0xb000,
	/* in the image's data */
	FAKE_VARS = FAKE_IMAGE + FAKE_TEXT + FAKE_RODATA, FAKE_TOP_PGT = FAKE_VARS + 0x1000,
	FAKE_TASK = FAKE_VARS + 0x4000,
};

struct fake_sym {
	char name[200], type;
	uint64_t gva;
	bool percpu; /* absolute, small */
};

struct fake {
	uint8_t *mem;
	struct fake_opt opt;
	uint64_t text; /* GVA of _text */
	uint64_t direct;
	struct fake_sym sym[FAKE_SYMS];
	unsigned n;
	uint8_t *w; /* where the tables are written */
	uint64_t btf, btf_end;
	struct gmem gmem;
	struct gcpu cpu;
	unsigned long reads;
};

static inline int fake_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	struct fake *f = ctx;

	f->reads++;
	if (gpa < f->opt.ram || gpa - f->opt.ram > FAKE_RAM || FAKE_RAM - (gpa - f->opt.ram) < len)
		return -EFAULT;
	memcpy(buf, f->mem + (gpa - f->opt.ram), len);
	return 0;
}

static inline int fake_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end)
{
	struct fake *f = ctx;

	if (gpa >= f->opt.ram + FAKE_RAM)
		return -ENOENT;
	*start = gpa > f->opt.ram ? gpa : f->opt.ram;
	*end = f->opt.ram + FAKE_RAM;
	return 0;
}

static inline void fake_put64(struct fake *f, uint32_t at, uint64_t v)
{
	memcpy(f->mem + at, &v, sizeof(v));
}

/* GVA of offset @at of RAM, which is in the image. */
static inline uint64_t fake_gva(const struct fake *f, uint32_t at)
{
	return f->text + (at - FAKE_IMAGE);
}

static inline void fake_entry(struct fake *f, uint32_t table, unsigned i, uint32_t to, uint64_t flags)
{
	fake_put64(f, table + i * 8, (f->opt.ram + to) | flags);
}

static inline void fake_page_tables(struct fake *f, uint32_t pgd)
{
	const uint64_t nx = 1ull << 63, table = 0x67;
	uint32_t top = pgd, top_direct = pgd;
	uint64_t v = f->text;

	if (f->opt.la57) {
		fake_entry(f, pgd, 511, FAKE_P4D, table);
		fake_entry(f, pgd, f->direct >> 48 & 511, FAKE_P4D_DIRECT, table);
		top = FAKE_P4D;
		top_direct = FAKE_P4D_DIRECT;
	}
	fake_entry(f, top, 511, FAKE_PUD, table);
	fake_entry(f, FAKE_PUD, 510, FAKE_PMD, table);
	fake_entry(f, FAKE_PMD, v >> 21 & 511, FAKE_PT, table);
	for (uint32_t o = 0; o < FAKE_TEXT + FAKE_RODATA + FAKE_DATA; o += 4096)
		fake_entry(f, FAKE_PT, o >> 12, FAKE_IMAGE + o,
			o < FAKE_TEXT ? 0x121 : o < FAKE_TEXT + FAKE_RODATA ? 0x121 | nx : 0x163 | nx);
	v = f->direct + f->opt.ram;
	fake_entry(f, top_direct, v >> 39 & 511, FAKE_PUD_DIRECT, table);
	fake_entry(f, FAKE_PUD_DIRECT, v >> 30 & 511, FAKE_PMD_DIRECT, table);
	for (uint32_t o = 0; o < FAKE_RAM; o += 2u << 20)
		fake_entry(f, FAKE_PMD_DIRECT, (v + o) >> 21 & 511, o, 0x1e3 | nx);
}

static inline void fake_sym(struct fake *f, const char *name, char type, uint64_t gva)
{
	struct fake_sym *s = &f->sym[f->n++];

	snprintf(s->name, sizeof(s->name), "%s", name);
	s->type = type;
	s->gva = gva;
}

static inline void fake_align(struct fake *f, unsigned a)
{
	while ((f->w - f->mem) % a)
		*f->w++ = 0;
}

static inline void fake_emit(struct fake *f, const void *p, size_t n)
{
	memcpy(f->w, p, n);
	f->w += n;
}

static inline void fake_u32(struct fake *f, uint32_t v)
{
	fake_emit(f, &v, sizeof(v));
}

static inline void fake_string(char *pool, uint32_t *len, const char *s)
{
	memcpy(pool + *len, s, strlen(s) + 1);
	*len += strlen(s) + 1;
}

/*
 * BTF: 1 int, 2 u64 = typedef int64, 3 printk_info {seq, text_len:5 level:3 at bit 152},
 * 4 task_struct {anonymous union {stack_canary @16}}, 5 that union, 6 enum desc_state.
 */
static inline void fake_btf(struct fake *f)
{
	static const uint32_t types[] = {
		1, 1u << 24, 8, 64,                                  /* 1: INT "u64" */
		5, 8u << 24, 1,                                      /* 2: TYPEDEF "t" = 1 */
		7, 4u << 24 | 3 | 1u << 31, 88,                      /* 3: STRUCT "printk_info" */
		19, 2, 0, 23, 1, 5u << 24 | 152, 29, 1, 3u << 24 | 157,
		35, 4u << 24 | 1, 4096, 0, 5, 16 * 8,                /* 4: STRUCT "task_struct" */
		0, 5u << 24 | 1, 8, 47, 2, 0,                        /* 5: UNION */
		60, 6u << 24 | 2, 4, 71, 2, 86, 3,                   /* 6: ENUM "desc_state" */
	};
	char pool[256] = "";
	uint32_t len = 1, head[6];

	fake_string(pool, &len, "u64");          /* 1 */
	fake_string(pool, &len, "t");            /* 5 */
	fake_string(pool, &len, "printk_info");  /* 7 */
	fake_string(pool, &len, "seq");          /* 19 */
	fake_string(pool, &len, "flags");        /* 23 */
	fake_string(pool, &len, "level");        /* 29 */
	fake_string(pool, &len, "task_struct");  /* 35 */
	fake_string(pool, &len, "stack_canary"); /* 47 */
	fake_string(pool, &len, "desc_state");   /* 60 */
	fake_string(pool, &len, "desc_finalized"); /* 71 */
	fake_string(pool, &len, "desc_reusable"); /* 86 */
	head[0] = 0xeb9f | 1u << 16;
	head[1] = 24;
	head[2] = 0;
	head[3] = sizeof(types);
	head[4] = sizeof(types);
	head[5] = len;
	fake_align(f, 8);
	f->btf = fake_gva(f, (uint32_t)(f->w - f->mem));
	fake_emit(f, head, sizeof(head));
	fake_emit(f, types, sizeof(types));
	fake_emit(f, pool, len);
	f->btf_end = fake_gva(f, (uint32_t)(f->w - f->mem));
}

/* Token i is the character i; where that is not printable, something of several characters. */
static inline void fake_token(unsigned i, char out[16])
{
	if (i > ' ' && i < 0x7f)
		snprintf(out, 16, "%c", (char)i);
	else if (i == 1)
		snprintf(out, 16, "filler_");
	else
		snprintf(out, 16, "q%02x", i);
}

static inline void fake_names(struct fake *f, uint32_t *marker)
{
	uint8_t *start = f->w;

	for (unsigned i = 0; i < f->n; i++) {
		const char *name = f->sym[i].name;
		bool filler = !strncmp(name, "filler_", 7);
		size_t len = 1 + (filler ? strlen(name) - 6 : strlen(name));

		if (i % 256 == 0)
			marker[i / 256] = (uint32_t)(f->w - start);
		if (len >= 0x80) {
			*f->w++ = 0x80 | (len & 0x7f);
			*f->w++ = (uint8_t)(len >> 7);
		} else {
			*f->w++ = (uint8_t)len;
		}
		*f->w++ = (uint8_t)f->sym[i].type;
		if (filler)
			*f->w++ = 1;
		fake_emit(f, name + (filler ? 7 : 0), len - (filler ? 2 : 1));
	}
}

static inline void fake_offsets(struct fake *f, unsigned word)
{
	fake_align(f, word);
	for (unsigned i = 0; i < f->n; i++) {
		uint64_t gva = f->sym[i].gva, off;

		if (f->opt.layout == FAKE_PLACE_RELATIVE)
			off = gva - fake_gva(f, (uint32_t)(f->w - f->mem));
		else if (f->opt.base_plus)
			off = gva - f->text;
		else
			off = f->sym[i].percpu ? gva : f->text - 1 - gva;
		fake_u32(f, (uint32_t)off);
	}
	fake_align(f, word);
	if (f->opt.layout != FAKE_PLACE_RELATIVE)
		fake_emit(f, &f->text, 8);
}

/* As scripts/kallsyms.c of the kernel writes them. */
static inline void fake_kallsyms(struct fake *f)
{
	unsigned word = f->opt.layout == FAKE_PLACE_RELATIVE ? 4 : 8;
	bool offsets_first = f->opt.layout <= FAKE_SEQS;
	uint32_t marker[FAKE_SYMS / 256 + 1] = {0};
	uint16_t index[256], at = 0;
	char token[16];

	if (offsets_first)
		fake_offsets(f, word);
	fake_align(f, word);
	fake_u32(f, f->n);
	fake_align(f, word);
	fake_names(f, marker);
	fake_align(f, word);
	fake_emit(f, marker, (f->n + 255) / 256 * 4);
	fake_align(f, word);
	for (unsigned i = 0; f->opt.layout == FAKE_SEQS && i < f->n; i++)
		fake_emit(f, (uint8_t[]){0, (uint8_t)(i >> 8), (uint8_t)i}, 3);
	fake_align(f, word);
	for (unsigned i = 0; i < 256; i++) {
		fake_token(i, token);
		index[i] = at;
		at += strlen(token) + 1;
		fake_emit(f, token, strlen(token) + 1);
	}
	fake_align(f, word);
	fake_emit(f, index, sizeof(index));
	if (!offsets_first)
		fake_offsets(f, word);
}

static inline void fake_extras(struct fake *f, char type)
{
	for (const struct fake_extra *x = f->opt.extra; x && x->name; x++)
		if (x->type == type)
			fake_sym(f, x->name, x->type, fake_gva(f, x->at));
}

static inline void fake_symbols(struct fake *f)
{
	char name[200];

	if (!f->opt.base_plus && f->opt.layout != FAKE_PLACE_RELATIVE && !f->opt.no_data) {
		f->sym[f->n].percpu = true;
		fake_sym(f, "fixed_percpu_data", 'A', 0);
		f->sym[f->n].percpu = true;
		fake_sym(f, "cpu_number", 'A', 0x1234);
	}
	fake_sym(f, "_text", 'T', f->text);
	fake_sym(f, "_stext", 'T', f->text);
	for (unsigned i = 0; i < FAKE_FILLERS; i++) {
		snprintf(name, sizeof(name), "filler_%u", i);
		fake_sym(f, name, 't', f->text + 64 + i * 64);
	}
	memset(name, 'x', 150);
	name[150] = 0;
	fake_sym(f, name, 't', f->text + 64 + FAKE_FILLERS * 64);
	fake_sym(f, "namesake", 't', f->text + 64 + FAKE_FILLERS * 64);
	fake_sym(f, "namesake", 't', f->text + 65 + FAKE_FILLERS * 64);
	fake_extras(f, 'T');
	if (f->opt.no_data)
		return;
	fake_sym(f, "linux_banner", 'D', fake_gva(f, FAKE_IMAGE + FAKE_TEXT));
	fake_sym(f, "__start_BTF", 'D', f->btf);
	fake_sym(f, "__stop_BTF", 'D', f->btf_end);
	fake_sym(f, "vmcoreinfo_data", 'D', fake_gva(f, FAKE_VARS));
	fake_sym(f, "vmcoreinfo_size", 'D', fake_gva(f, FAKE_VARS + 8));
	fake_sym(f, "page_offset_base", 'D', fake_gva(f, FAKE_VARS + 16));
	fake_sym(f, "vmalloc_base", 'D', fake_gva(f, FAKE_VARS + 24));
	fake_sym(f, "vmemmap_base", 'D', fake_gva(f, FAKE_VARS + 32));
	fake_sym(f, "init_top_pgt", 'D', fake_gva(f, FAKE_TOP_PGT));
	fake_sym(f, "init_task", 'D', fake_gva(f, FAKE_TASK));
	fake_extras(f, 'D');
	fake_sym(f, "_end", 'B', fake_gva(f, FAKE_VARS + FAKE_DATA));
}

static inline void fake_note(struct fake *f)
{
	int n = snprintf((char *)f->mem + FAKE_NOTE, 4096,
		"OSRELEASE=6.1.0-fake\nBUILD-ID=00112233445566778899aabbccddeeff00112233\n"
		"PAGESIZE=4096\nSYMBOL(_stext)=%" PRIx64 "\nOFFSET(prb.desc_ring)=24\n"
		"NUMBER(phys_base)=%" PRId64 "\nKERNELOFFSET=%" PRIx64
		"\nSYMBOL(init_top_pgt)=%" PRIx64 "\n%s", f->text,
		(int64_t)(f->opt.ram + FAKE_IMAGE - (f->text - 0xffffffff80000000ull)), f->opt.slide,
		fake_gva(f, FAKE_TOP_PGT), f->opt.note ? f->opt.note : "");

	fake_put64(f, FAKE_VARS, f->direct + f->opt.ram + FAKE_NOTE);
	fake_put64(f, FAKE_VARS + 8, (uint64_t)n);
	fake_put64(f, FAKE_VARS + 16, f->direct);
	fake_put64(f, FAKE_VARS + 24, 0xffffc90000000000ull);
	fake_put64(f, FAKE_VARS + 32, 0xffffea0000000000ull);
	fake_put64(f, FAKE_TASK + 16, 0x1122334455667700ull);
}

/* Build it; fake_free() releases it. */
static inline void fake_make(struct fake *f, const struct fake_opt *opt)
{
	static const char banner[] = "Linux version 6.1.0-fake (nobody) (gcc) #1 SMP\n";

	*f = (struct fake){.opt = *opt};
	f->mem = calloc(1, FAKE_RAM);
	if (!f->mem)
		abort();
	f->text = 0xffffffff81000000ull + opt->slide;
	f->direct = opt->la57 ? 0xff11000000000000ull : 0xffff888000000000ull;
	fake_page_tables(f, FAKE_PGD);
	fake_page_tables(f, FAKE_TOP_PGT);
	f->w = f->mem + FAKE_IMAGE + FAKE_TEXT;
	fake_emit(f, banner, sizeof(banner));
	fake_btf(f);
	fake_symbols(f);
	fake_kallsyms(f);
	fake_note(f);
	f->gmem = (struct gmem){fake_read, fake_next, f, FAKE_RAM};
	f->cpu = (struct gcpu){.cr0 = 0x80050033, .cr3 = opt->ram + FAKE_PGD,
		.cr4 = opt->la57 ? 0x1000 : 0, .efer = 0xd01, .rip = f->text + 0x100};
	if (opt->pti)
		f->cpu.cr3 = (opt->ram + FAKE_PGD_USER) | 7; /* user half, PCID 7; maps nothing here */
}

/* Bytes that fake_make() writes, at the beginning of RAM and in the image. */
#define FAKE_LOW   (FAKE_NOTE + 4096u)
#define FAKE_BYTES (FAKE_TEXT + FAKE_RODATA + FAKE_DATA)

/*
 * As fake_make(), but of each kind only the first is made; later ones are restored from a copy. The
 * result belongs to the cache and is valid until the next call. For fuzzing.
 */
static inline struct fake *fake_again(const struct fake_opt *opt)
{
	static struct fake cache[128];
	static uint8_t *copy[128];
	unsigned i = opt->layout | opt->base_plus << 2 | opt->la57 << 3 | opt->pti << 4 |
		opt->no_data << 5 | (opt->ram != 0) << 6;
	struct fake *f = &cache[i];

	if (!f->mem) {
		fake_make(f, opt);
		copy[i] = malloc(FAKE_LOW + FAKE_BYTES);
		if (!copy[i])
			abort();
		memcpy(copy[i], f->mem, FAKE_LOW);
		memcpy(copy[i] + FAKE_LOW, f->mem + FAKE_IMAGE, FAKE_BYTES);
	}
	memcpy(f->mem, copy[i], FAKE_LOW);
	memcpy(f->mem + FAKE_IMAGE, copy[i] + FAKE_LOW, FAKE_BYTES);
	f->reads = 0;
	return f;
}

static inline void fake_free(struct fake *f)
{
	free(f->mem);
}

#endif
