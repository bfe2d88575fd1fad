/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The questions that can be asked of a guest once it is found.
 */
#include "guest/guest.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "guest/state.h"

void guest_trim(struct guest *g)
{
	kallsyms_free(&g->syms);
	btf_free(&g->btf);
	malloc_trim(0);
}

void guest_free(struct guest *g)
{
	if (!g)
		return;
	kallsyms_free(&g->syms);
	btf_free(&g->btf);
	free(g->image);
	free(g);
}

const struct guest_info *guest_info(const struct guest *g)
{
	return &g->info;
}

int guest_symbol(const struct guest *g, const char *name, uint64_t *gva)
{
	return guest_symbols(g, name, gva, 1) ? 0 : -ENOENT;
}

unsigned guest_symbols(const struct guest *g, const char *name, uint64_t *gva, unsigned max)
{
	unsigned n = 0;

	for (int64_t i = kallsyms_find(&g->syms, name, -1); i >= 0 && n < max;
		i = kallsyms_find(&g->syms, name, i))
		gva[n++] = g->syms.address[i];
	return n;
}

int guest_each_symbol(const struct guest *g,
	int (*f)(void *ctx, const char *name, char type, uint64_t gva), void *ctx)
{
	char name[KALLSYMS_NAME_MAX], type;

	for (uint32_t i = 0; i < g->syms.n; i++) {
		int r;

		kallsyms_name(&g->syms, i, name, &type);
		r = f(ctx, name, type, g->syms.address[i]);
		if (r)
			return r;
	}
	return 0;
}

int guest_member(const struct guest *g, const char *type, const char *member, uint32_t *offset,
	uint32_t *size)
{
	uint64_t bit, bits;
	int r = guest_bits(g, type, member, &bit, &bits);

	if (r)
		return r;
	*offset = (uint32_t)(bit / 8);
	*size = (uint32_t)((bit % 8 + bits + 7) / 8);
	return 0;
}

int guest_bits(const struct guest *g, const char *type, const char *member, uint64_t *bit,
	uint64_t *bits)
{
	struct btf_member_at at;
	int r = btf_find_member(&g->btf, type, member, &at);

	if (r)
		return r;
	*bit = at.bit_offset;
	*bits = at.bit_size;
	return 0;
}

int guest_sizeof(const struct guest *g, const char *type, uint32_t *size)
{
	return btf_find_size(&g->btf, type, size);
}

int guest_enum(const struct guest *g, const char *enumerator, int64_t *value)
{
	return btf_find_enum(&g->btf, enumerator, value);
}

int guest_vmcoreinfo(const struct guest *g, const char *key, uint64_t *value)
{
	return vmcoreinfo_number(&g->note, key, value);
}

int guest_translate(const struct guest *g, uint64_t gva, uint64_t *gpa, uint64_t *page_size)
{
	struct ptable t = g->table;
	struct mapping at;
	int r;

	t.mem = &g->mem;
	r = ptable_walk(&t, gva, &at);
	if (r)
		return r;
	*gpa = at.gpa;
	if (page_size)
		*page_size = at.size;
	return 0;
}

/* Where @gva is and how far that goes on, as it was when the kernel was found: image and direct map are linear. */
static bool linear(const struct guest *g, uint64_t gva, uint64_t *gpa, uint64_t *len)
{
	const struct extent *x = image_find(g->image, gva);

	if (x) {
		*gpa = x->gpa + (gva - x->gva);
		*len = x->len - (gva - x->gva);
		return true;
	}
	if (!g->direct_len || gva - g->direct_base >= g->direct_len)
		return false;
	*gpa = gva - g->direct_base;
	*len = g->direct_len - *gpa;
	return true;
}

/* By the page table: as far as @gva's page reaches. */
static int walked(const struct guest *g, uint64_t gva, uint64_t *gpa, uint64_t *len)
{
	uint64_t size;
	int r = guest_translate(g, gva, gpa, &size);

	if (!r)
		*len = size - (gva & (size - 1));
	return r;
}

/* The pages of a page table, each read once in a walk over a range: five levels, one page of each. */
struct table_pages {
	const struct gmem *from;
	unsigned n, next;
	uint64_t gpa[5];
	uint8_t bytes[5][4096];
};

static int read_table(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	struct table_pages *t = ctx;
	const uint64_t page = gpa & ~(uint64_t)4095;
	unsigned i = 0;
	int r;

	if (gpa - page + len > sizeof(t->bytes[0]))
		return gmem_read(t->from, gpa, buf, len);
	while (i < t->n && t->gpa[i] != page)
		i++;
	if (i == t->n) {
		i = t->next;
		r = gmem_read(t->from, page, t->bytes[i], sizeof(t->bytes[i]));
		if (r)
			return r;
		t->gpa[i] = page;
		t->next = (i + 1) % 5;
		t->n = t->n < 5 ? t->n + 1 : 5;
	}
	memcpy(buf, t->bytes[i] + (gpa - page), len);
	return 0;
}

int guest_maps(const struct guest *g, uint64_t gva, uint64_t len)
{
	struct table_pages pages;
	const struct gmem mem = {.read = read_table, .ctx = &pages};
	struct ptable t = g->table;

	pages.from = &g->mem;
	pages.n = pages.next = 0; /* its 20 KiB need no clearing */
	t.mem = &mem;
	while (len) {
		uint64_t was, was_len, n;
		struct mapping at;
		int r;

		if (!linear(g, gva, &was, &was_len))
			return 0; /* walked each time */
		r = ptable_walk(&t, gva, &at);
		if (r)
			return r;
		if (at.gpa != was)
			return -ESTALE;
		n = at.size - (gva & (at.size - 1));
		n = n < was_len ? n : was_len;
		n = n < len ? n : len;
		gva += n;
		len -= n;
	}
	return 0;
}

void guest_walk(struct guest *g)
{
	g->walk = true;
}

int guest_read(const struct guest *g, uint64_t gva, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		uint64_t gpa, n;
		int r = !g->walk && linear(g, gva, &gpa, &n) ? 0 : walked(g, gva, &gpa, &n);

		if (r)
			return r;
		if (n > len)
			n = len;
		r = gmem_read(&g->mem, gpa, p, n);
		if (r)
			return r;
		p += n;
		gva += n;
		len -= n;
	}
	return 0;
}

static int read_for(void *ctx, uint64_t gva, void *buf, size_t len)
{
	return guest_read(ctx, gva, buf, len);
}

struct fetch_mem guest_mem(const struct guest *g)
{
	return (struct fetch_mem){read_for, (void *)g};
}

int guest_ticks(const struct guest *g, uint64_t *n)
{
	return g->ticks_gva ? guest_read(g, g->ticks_gva, n, sizeof(*n)) : -ENOENT;
}
