/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kallsyms_fuzz.c - kallsyms_load() on tables of every layout that are right but for what the input
 * changes, and on the input alone.
 */
#include "../unit/guest/fake.h"
#include "guest/kallsyms.h"

static void load(const uint8_t *buf, size_t len, uint64_t gva, uint64_t lo, uint64_t hi)
{
	char name[KALLSYMS_NAME_MAX], type;
	struct kallsyms k = {0};
	const char *why = NULL;

	if (kallsyms_load(&k, buf, len, gva, lo, hi, &why))
		return;
	for (uint32_t i = 0; i < k.n; i++) {
		kallsyms_name(&k, i, name, &type);
		if (kallsyms_find(&k, name, -1) < 0)
			abort();
	}
	kallsyms_free(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *f;
	uint32_t len = FAKE_RODATA, start = FAKE_IMAGE + FAKE_TEXT;
	uint8_t *copy;

	if (size < 1)
		return 0;
	load(data, size, 0xffffffff82000000ull, 0xffffffff81000000ull, 0xffffffff84000000ull);
	f = fake_again(&(struct fake_opt){.layout = data[0] & 3, .base_plus = data[0] & 4,
		.no_data = data[0] & 8});
	/* five bytes: where (three), how, what */
	for (size_t i = 1; i + 5 <= size; i += 5) {
		uint32_t at = data[i] | data[i + 1] << 8 | data[i + 2] << 16;
		uint8_t *p = f->mem + start + at % (uint32_t)(f->w - f->mem - start);

		*p = data[i + 3] & 1 ? data[i + 4] : *p + data[i + 4];
	}
	if (data[0] & 16)
		len = (uint32_t)(f->w - f->mem) - start; /* nothing behind the tables */
	copy = malloc(len); /* of exactly this size, so that a byte too far is seen */
	if (!copy)
		abort();
	memcpy(copy, f->mem + start, len);
	load(copy, len, fake_gva(f, start), f->text, fake_gva(f, FAKE_VARS + FAKE_DATA));
	free(copy);
	return 0;
}
