/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest_find_fuzz.c - all of guest_find() on memory that lies: a fake kernel, damaged at places the input
 * chooses, some of it only while it is being read; then every question that can be asked of the result.
 */
#include "../unit/guest/fake.h"
#include "guest/guest.h"

/* One damage: in @area, at @where / 65536 of its length, put, add or exchange @value when @when. */
struct damage {
	uint8_t area, op;
	uint16_t where;
	uint16_t when; /* number of reads before; 0: from the start */
	uint64_t value;
} __attribute__((packed));

static const struct { uint32_t at, len; } areas[] = {
	{FAKE_PGD, FAKE_NOTE - FAKE_PGD},
	{FAKE_PT, 0x1000},
	{FAKE_NOTE, 512},
	{FAKE_VARS, 64},
	{FAKE_TOP_PGT, 0x1000},
	{FAKE_IMAGE + FAKE_TEXT, 1024},
	{FAKE_IMAGE + FAKE_TEXT, 64 << 10},
	{FAKE_IMAGE, FAKE_TEXT + FAKE_RODATA + FAKE_DATA},
};

static struct fake *f;
static const uint8_t *next;
static size_t left;

static void apply(const struct damage *d)
{
	unsigned a = d->area % (sizeof(areas) / sizeof(areas[0]));
	uint32_t at = areas[a].at + (uint32_t)((uint64_t)d->where * areas[a].len >> 16);
	uint64_t v;

	if (d->op & 0x80)
		at &= ~7u;
	memcpy(&v, f->mem + at, sizeof(v));
	switch (d->op & 3) {
	case 0:
		v = d->value;
		break;
	case 1:
		v += d->value;
		break;
	case 2:
		v ^= d->value;
		break;
	case 3:
		v = (v & ~0xffull) | (d->value & 0xff);
		break;
	}
	fake_put64(f, at, v);
}

static void apply_due(void)
{
	struct damage d;

	while (left >= sizeof(d)) {
		memcpy(&d, next, sizeof(d));
		if (d.when > f->reads)
			return;
		apply(&d);
		next += sizeof(d);
		left -= sizeof(d);
	}
}

static int read_damaged(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	apply_due();
	return fake_read(ctx, gpa, buf, len);
}

static int see(void *ctx, const char *name, char type, uint64_t gva)
{
	*(size_t *)ctx += strlen(name) + (size_t)type + gva;
	return 0;
}

static void ask(struct guest *g)
{
	uint32_t off, size;
	uint64_t v[4], gpa;
	int64_t value;
	char buf[5000];
	size_t sum = 0;

	guest_each_symbol(g, see, &sum);
	guest_symbols(g, "namesake", v, 4);
	guest_member(g, "task_struct", "stack_canary", &off, &size);
	guest_member(g, "printk_info", "level.x", &off, &size);
	guest_bits(g, "printk_info", "level", &v[0], &v[1]);
	guest_sizeof(g, "t", &size);
	guest_enum(g, "desc_reusable", &value);
	guest_vmcoreinfo(g, "KERNELOFFSET", &v[0]);
	guest_translate(g, 0xffff888000123456ull, &gpa, NULL);
	guest_read(g, f->text + FAKE_TEXT - 100, buf, sizeof(buf));
	guest_read(g, ~0ull - 10, buf, sizeof(buf));
	guest_alive(g, NULL);
	guest_runs_on(g, &f->cpu, NULL);
	guest_trim(g);
	guest_alive(g, NULL);
	guest_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest *g;
	struct err e;

	if (size < 1)
		return 0;
	f = fake_again(&(struct fake_opt){.layout = data[0] & 3, .base_plus = data[0] & 4,
		.la57 = data[0] & 8, .pti = data[0] & 16, .no_data = data[0] & 32,
		.ram = data[0] & 64 ? 5ull << 30 : 0});
	next = data + 1;
	left = size - 1;
	f->gmem.read = read_damaged;
	if (guest_find(&g, &f->gmem, &f->cpu, &e) == 0)
		ask(g);
	return 0;
}
