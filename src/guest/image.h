/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * image.h - what of the Linux kernel's image a guest's page table maps.
 *
 * The image is what the kernel half maps between 0xffffffff80000000 and 0xffffffffc0000000 (arch/x86/include/asm/
 * page_64_types.h: __START_KERNEL_map and KERNEL_IMAGE_SIZE with KASLR, Linux 4.8 to 7.2), kept as a
 * short list of extents. The image does not move while the kernel runs, so the list stays true.
 */
#ifndef LOGVISOR_GUEST_IMAGE_H
#define LOGVISOR_GUEST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/x86.h"
#include "guest/gmem.h"
#include "util/err.h"

#define KERNEL_MAP_START 0xffffffff80000000ull
#define KERNEL_MAP_END   0xffffffffc0000000ull

/* A run of the image, contiguous in both address spaces and of one protection. */
struct extent {
	uint64_t gva, gpa, len;
	bool write, exec;
};

#define IMAGE_EXTENTS_MAX 1024

struct image {
	struct extent ext[IMAGE_EXTENTS_MAX]; /* ascending gva */
	unsigned n;
	uint64_t bytes; /* sum of the lengths */
};

/*
 * List what @t maps of the kernel image. 0 also when nothing is mapped (img->n == 0); -E2BIG if the
 * mapping is cut into more pieces than any kernel's; or what gmem's read returned.
 */
int image_map(struct image *img, const struct ptable *t);

/* The extent that holds @gva, or NULL. */
const struct extent *image_find(const struct image *img, uint64_t gva);

/* Copy from the image by its extents alone, no walk. All or nothing: 0, -EFAULT. */
int image_read(const struct image *img, const struct gmem *mem, uint64_t gva, void *buf, size_t len);

/*
 * Forget what begins at or after @end: modules, where CONFIG_RANDOMIZE_BASE is off, whose mapping does
 * change.
 */
void image_cut(struct image *img, uint64_t end);

/* Lowest and one past the highest address mapped; 0, 0 if nothing is. */
void image_range(const struct image *img, uint64_t *lo, uint64_t *hi);

/*
 * Read, one after the other, the runs of the image that are contiguous in virtual addresses, those
 * that are read-only data (where Linux keeps its tables) first, into a buffer that is lent to @f for
 * the call. Stops when @f returns non-zero and returns that, else 0. Runs longer than IMAGE_RUN_MAX
 * are cut, with an overlap of half of it.
 */
#define IMAGE_RUN_MAX (64u << 20)
int image_each_run(const struct image *img, const struct gmem *mem,
	int (*f)(void *ctx, const uint8_t *buf, size_t len, uint64_t gva), void *ctx);

#endif
