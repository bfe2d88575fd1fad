/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * page_table_fuzz.c - RAM is the input over and over, so that every table is made of it: walks and the
 * map of the image end, and never point outside what was asked.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/image.h"

#define RAM (16u << 20)

static const uint8_t *input;
static size_t input_len;

static int read_input(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)ctx;
	if (gpa > RAM || RAM - gpa < len)
		return -EFAULT;
	for (size_t i = 0; i < len; i++)
		p[i] = input[(gpa + i) % input_len];
	return 0;
}

static int sum(void *ctx, const uint8_t *buf, size_t len, uint64_t gva)
{
	size_t *bytes = ctx;

	if (!len || gva < KERNEL_MAP_START || gva > KERNEL_MAP_END - len)
		abort();
	*bytes += len + buf[len - 1];
	return *bytes > (32u << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image img;
	struct gmem mem = {.read = read_input};
	struct ptable t = {.mem = &mem};
	struct mapping at;
	uint64_t gva;
	size_t bytes = 0;

	if (size < 9)
		return 0;
	memcpy(&gva, data, sizeof(gva));
	t.la57 = data[8] & 1;
	t.root = (uint64_t)(data[8] >> 1) << 12;
	input = data;
	input_len = size;
	if (ptable_walk(&t, gva, &at) == 0 && (at.gpa ^ gva) & (at.size - 1))
		abort();
	if (image_map(&img, &t) == 0)
		image_each_run(&img, &mem, sum, &bytes);
	return 0;
}
