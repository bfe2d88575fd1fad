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

#define RAM (256u << 10)

static uint8_t ram[RAM];

static int read_ram(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	(void)ctx;
	if (gpa > RAM || RAM - gpa < len)
		return -EFAULT;
	memcpy(buf, ram + gpa, len);
	return 0;
}

static int sum(void *ctx, const uint8_t *buf, size_t len, uint64_t gva)
{
	size_t *bytes = ctx;

	if (!len || gva < KERNEL_MAP_START || gva > KERNEL_MAP_END - len)
		abort();
	*bytes += len + buf[len - 1];
	return *bytes > (4u << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image img;
	struct gmem mem = {.read = read_ram};
	struct ptable t = {.mem = &mem};
	struct mapping at;
	uint64_t gva;
	size_t bytes = 0;

	if (size < 9)
		return 0;
	memcpy(&gva, data, sizeof(gva));
	t.la57 = data[8] & 1;
	t.root = (uint64_t)(data[8] >> 1) << 12;
	for (size_t o = 0; o < RAM; o += size)
		memcpy(ram + o, data, RAM - o < size ? RAM - o : size);
	if (ptable_walk(&t, gva, &at) == 0 && (at.gpa ^ gva) & (at.size - 1))
		abort();
	if (image_map(&img, &t) == 0)
		image_each_run(&img, &mem, sum, &bytes);
	return 0;
}
