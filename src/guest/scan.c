/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding a kernel without a vCPU's registers. RAM is searched for kallsyms tables; the symbols say how
 * far init_top_pgt is from _text; where _text is, physically, is told by the tables themselves where
 * they are place-relative, else tried in steps of 2 MiB (the image's alignment) until linux_banner is a
 * banner. The page table so found must map _text to where it is: that also tells 4 levels from 5.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/state.h"
#include "util/cleanup.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define CHUNK   MIB(1)
#define WINDOW  MIB(16) /* around the token table; names and offsets of 400,000 symbols fit */
#define IMAGE_MAX MIB(64)
#define TRIES   32      /* tables looked at; a machine has one, or one more from its last boot */

struct scan {
	const struct gmem *mem;
	struct ptable *t;
	unsigned tries;
	bool seen; /* a table was found, but nothing to go with it */
};

static bool symbol(const struct kallsyms *k, const char *name, uint64_t *gva)
{
	int64_t i = kallsyms_find(k, name, -1);

	if (i < 0)
		return false;
	*gva = k->address[i];
	return true;
}

/* Does the table at @root map, executable, the start of an image at @base? */
static bool maps_image(const struct scan *s, uint64_t root, uint64_t base)
{
	_cleanup_free_ struct image *img = malloc(sizeof(*img));
	struct ptable t = {s->mem, root, false};

	for (int la57 = 0; img && la57 < 2; la57++) {
		t.la57 = la57;
		if (image_map(img, &t))
			continue;
		for (unsigned i = 0; i < img->n; i++)
			if (img->ext[i].exec && base - img->ext[i].gpa < img->ext[i].len) {
				*s->t = t;
				return true;
			}
	}
	return false;
}

static bool banner_at(const struct scan *s, uint64_t gpa)
{
	char text[14];

	return !gmem_read(s->mem, gpa, text, sizeof(text)) && !memcmp(text, "Linux version ", 14);
}

/*
 * @k was found in a copy of @gpa, taken for virtual @gva; its tokens are at @hit, guest-physical. Derive
 * the root of the page table.
 */
static bool try_tables(struct scan *s, const struct kallsyms *k, uint64_t gpa, uint64_t gva,
	uint64_t hit)
{
	uint64_t text, banner, top, base;

	if (!symbol(k, "_text", &text) || !symbol(k, "init_top_pgt", &top) ||
		!symbol(k, "linux_banner", &banner))
		return false;
	if (strcmp(k->layout, "place-relative") == 0) {
		base = text - gva + gpa;
		return banner_at(s, base + (banner - text)) && maps_image(s, base + (top - text), base);
	}
	base = hit & ~(MIB(2) - 1);
	for (uint64_t back = 0; back <= IMAGE_MAX && back <= base; back += MIB(2))
		if (banner_at(s, base - back + (banner - text)) &&
			maps_image(s, base - back + (top - text), base - back))
			return true;
	return false;
}

/* Is the run of digits at @hit in a token table? Most are not. */
static bool tokens_at(const struct scan *s, uint64_t hit, uint64_t end)
{
	uint8_t buf[16384];
	uint64_t from = hit > 4096 ? (hit - 4096) & ~4095ull : 0;
	size_t len = end - from < sizeof(buf) ? end - from : sizeof(buf);

	return !gmem_read(s->mem, from, buf, len) && kallsyms_tokens(buf, len, hit - from);
}

/* Look for kallsyms in the copy @buf of @len bytes at @from, tokens at @hit, and try them. */
static bool try_window(struct scan *s, uint8_t *buf, uint64_t from, uint64_t len, uint64_t hit)
{
	/* Wherever it is, as long as place-relative symbols cannot leave the range around it. */
	uint64_t gva = KERNEL_MAP_START + MIB(512);
	struct kallsyms k = {0};
	const char *why;
	bool found;

	if (gmem_read(s->mem, from, buf, len) ||
		kallsyms_load(&k, buf, len, gva, KERNEL_MAP_START, KERNEL_MAP_END, &why))
		return false;
	s->seen = true;
	found = try_tables(s, &k, from, gva, hit);
	kallsyms_free(&k);
	return found;
}

/* A token table may be at @hit, in the RAM from @start to @end. */
static bool try_hit(struct scan *s, uint64_t hit, uint64_t start, uint64_t end)
{
	uint64_t from = hit > start + WINDOW / 2 ? (hit - WINDOW / 2) & ~4095ull : start;
	uint64_t len = end - from < WINDOW ? end - from : WINDOW;
	uint8_t *buf;
	bool found;

	if (!tokens_at(s, hit, end))
		return false;
	s->tries++;
	buf = malloc(len);
	found = buf && try_window(s, buf, from, len, hit);
	free(buf);
	return found;
}

static bool scan_range(struct scan *s, uint8_t *buf, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += CHUNK) {
		/* a little further than the chunk, for what lies across its end */
		size_t n = end - at < CHUNK + 64 ? end - at : CHUNK + 64;

		if (gmem_read(s->mem, at, buf, n))
			continue;
		for (size_t hit = kallsyms_digits(buf, n, 0); hit < n && s->tries < TRIES;
			hit = kallsyms_digits(buf, n, hit + 1))
			if (try_hit(s, at + hit, start, end))
				return true;
	}
	return false;
}

int state_scan(const struct gmem *mem, struct ptable *t, struct err *e)
{
	struct scan s = {.mem = mem, .t = t};
	uint8_t *buf = malloc(CHUNK + 64);
	uint64_t start, end, at = 0;
	bool found = false;

	if (!buf)
		return err_set(e, ENOMEM, "out of memory");
	while (!found && s.tries < TRIES && mem->next(mem->ctx, at, &start, &end) == 0 && end > at) {
		found = scan_range(&s, buf, start, end);
		at = end;
	}
	free(buf);
	if (found)
		return 0;
	if (s.seen)
		return err_set(e, EBADMSG, "kallsyms found in RAM, but no page table that maps it");
	return err_set(e, EAGAIN, "no Linux kernel in the guest's RAM (not booted yet, or not Linux)");
}
