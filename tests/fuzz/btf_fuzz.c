/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * btf_fuzz.c - btf_load() and every question on a blob that is the input, or a good one the input changes.
 */
#include "../unit/guest/fake.h"
#include "guest/btf.h"

static void load(const uint8_t *data, size_t size)
{
	struct btf_member_at at;
	struct btf_index b;
	const char *why;
	uint8_t *blob = malloc(size ? size : 1);
	uint32_t bytes;
	int64_t value;

	if (!blob)
		abort();
	memcpy(blob, data, size);
	btf_blob_len(blob, size);
	if (btf_load(&b, blob, size, &why))
		return;
	btf_find_member(&b, "task_struct", "stack_canary", &at);
	btf_find_member(&b, "task_struct", "stack_canary.seq", &at);
	btf_find_member(&b, "printk_info", "level", &at);
	btf_find_member(&b, "", "", &at);
	btf_find_size(&b, "t", &bytes);
	btf_find_size(&b, "printk_info", &bytes);
	btf_find_enum(&b, "nothing", &value);
	btf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *f;
	uint8_t *blob;
	size_t len;

	load(data, size);
	f = fake_again(&(struct fake_opt){0});
	blob = f->mem + FAKE_IMAGE + (f->btf - f->text);
	len = f->btf_end - f->btf;
	/* three bytes: where (two), what */
	for (size_t i = 0; i + 3 <= size; i += 3)
		blob[(data[i] | data[i + 1] << 8) % len] = data[i + 2];
	load(blob, len);
	return 0;
}
