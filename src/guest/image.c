/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/image.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"

#define PAGE 4096ull

static int extent_add(struct image *img, uint64_t gva, uint64_t gpa, uint64_t len, bool write,
	bool exec)
{
	struct extent *last = img->n ? &img->ext[img->n - 1] : NULL;

	img->bytes += len;
	if (last && last->gva + last->len == gva && last->gpa + last->len == gpa &&
		last->write == write && last->exec == exec) {
		last->len += len;
		return 0;
	}
	if (img->n == IMAGE_EXTENTS_MAX)
		return -E2BIG;
	img->ext[img->n++] = (struct extent){gva, gpa, len, write, exec};
	return 0;
}

/* The entries of the last two levels (page directory @dir, then page tables) for 1 GiB at @gva. */
static int map_directory(struct image *img, const struct ptable *t, uint64_t dir, uint64_t gva,
	bool write, bool exec)
{
	uint64_t pd[512], pt[512];
	int r = gmem_read(t->mem, dir, pd, sizeof(pd));

	for (unsigned i = 0; !r && i < 512; i++, gva += PAGE * 512) {
		bool w = write && (pd[i] & PTE_WRITE), x = exec && !(pd[i] & PTE_NX);

		if (!(pd[i] & PTE_PRESENT))
			continue;
		if (pd[i] & PTE_LARGE) {
			r = extent_add(img, gva, pd[i] & PTE_ADDR & ~(PAGE * 512 - 1), PAGE * 512, w, x);
			continue;
		}
		r = gmem_read(t->mem, pd[i] & PTE_ADDR, pt, sizeof(pt));
		if (r == -EFAULT) { /* a table outside RAM maps nothing */
			r = 0;
			continue;
		}
		for (unsigned k = 0; !r && k < 512; k++)
			if (pt[k] & PTE_PRESENT)
				r = extent_add(img, gva + k * PAGE, pt[k] & PTE_ADDR, PAGE,
					w && (pt[k] & PTE_WRITE), x && !(pt[k] & PTE_NX));
	}
	return r;
}

int image_map(struct image *img, const struct ptable *t)
{
	uint64_t table = t->root & PTE_ADDR, gva = KERNEL_MAP_START;
	bool write = true, exec = true;

	img->n = 0;
	img->bytes = 0;
	for (int level = t->la57 ? 5 : 4; level >= 3; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t e;
		int r = gmem_read(t->mem, table + (gva >> shift & 511) * 8, &e, sizeof(e));

		if (r == -EFAULT || (!r && !(e & PTE_PRESENT)))
			return 0;
		if (r)
			return r;
		if (level == 3 && (e & PTE_LARGE))
			return 0; /* one 1 GiB page: no kernel maps its image so */
		write &= !!(e & PTE_WRITE);
		exec &= !(e & PTE_NX);
		table = e & PTE_ADDR;
	}
	int r = map_directory(img, t, table, gva, write, exec);

	return r == -EFAULT ? 0 : r;
}

const struct extent *image_find(const struct image *img, uint64_t gva)
{
	unsigned lo = 0, hi = img->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct extent *x = &img->ext[mid];

		if (gva < x->gva)
			hi = mid;
		else if (gva - x->gva < x->len)
			return x;
		else
			lo = mid + 1;
	}
	return NULL;
}

int image_read(const struct image *img, const struct gmem *mem, uint64_t gva, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		const struct extent *x = image_find(img, gva);
		uint64_t at, n;
		int r;

		if (!x)
			return -EFAULT;
		at = gva - x->gva;
		n = x->len - at < len ? x->len - at : len;
		r = gmem_read(mem, x->gpa + at, p, n);
		if (r)
			return r;
		p += n;
		gva += n;
		len -= n;
	}
	return 0;
}

void image_cut(struct image *img, uint64_t end)
{
	while (img->n && img->ext[img->n - 1].gva >= end)
		img->bytes -= img->ext[--img->n].len;
}

void image_range(const struct image *img, uint64_t *lo, uint64_t *hi)
{
	*lo = img->n ? img->ext[0].gva : 0;
	*hi = img->n ? img->ext[img->n - 1].gva + img->ext[img->n - 1].len : 0;
}

/* One run in pieces of at most IMAGE_RUN_MAX. What cannot be read is passed over. */
static int run_pieces(const struct image *img, const struct gmem *mem, uint64_t gva, uint64_t len,
	int (*f)(void *, const uint8_t *, size_t, uint64_t), void *ctx)
{
	size_t cap = len < IMAGE_RUN_MAX ? len : IMAGE_RUN_MAX;
	_cleanup_free_ uint8_t *buf = malloc(cap);

	if (!buf)
		return -ENOMEM;
	for (;;) {
		size_t n = len < cap ? len : cap;
		int r = image_read(img, mem, gva, buf, n);

		if (r && r != -EFAULT)
			return r;
		r = r ? 0 : f(ctx, buf, n, gva);
		if (r || n == len)
			return r;
		gva += cap / 2;
		len -= cap / 2;
	}
}

int image_each_run(const struct image *img, const struct gmem *mem,
	int (*f)(void *ctx, const uint8_t *buf, size_t len, uint64_t gva), void *ctx)
{
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0, k; i < img->n; i = k) {
			const struct extent *x = &img->ext[i];
			uint64_t len = x->len;
			bool rodata = !x->write && !x->exec;
			int r;

			for (k = i + 1; k < img->n; k++) {
				const struct extent *y = &img->ext[k];

				if (y->gva != x->gva + len || y->write != x->write || y->exec != x->exec)
					break;
				len += y->len;
			}
			if (rodata != (pass == 0))
				continue;
			r = run_pieces(img, mem, x->gva, len, f, ctx);
			if (r)
				return r;
		}
	return 0;
}
