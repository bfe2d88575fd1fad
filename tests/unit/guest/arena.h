/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arena.h - a piece of guest memory for tests of what follows pointers: objects are laid out in it by hand, and a
 * read outside of it fails as that of a page that is not mapped.
 */
#ifndef LOGVISOR_TESTS_GUEST_ARENA_H
#define LOGVISOR_TESTS_GUEST_ARENA_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "fetch/fetch.h"

#define ARENA_BASE 0xffff888000000000ULL
#define ARENA_SIZE (256u << 10)

struct arena {
	uint8_t mem[ARENA_SIZE];
	unsigned long reads;
};

static inline int arena_read(void *ctx, uint64_t gva, void *buf, size_t len)
{
	struct arena *a = ctx;

	a->reads++;
	if (gva < ARENA_BASE || gva - ARENA_BASE > ARENA_SIZE || ARENA_SIZE - (gva - ARENA_BASE) < len)
		return -EFAULT;
	memcpy(buf, a->mem + (gva - ARENA_BASE), len);
	return 0;
}

static inline struct fetch_mem arena_mem(struct arena *a)
{
	return (struct fetch_mem){.read = arena_read, .ctx = a};
}

static inline void arena_put(struct arena *a, uint64_t gva, const void *data, size_t len)
{
	memcpy(a->mem + (gva - ARENA_BASE), data, len);
}

static inline void arena_u64(struct arena *a, uint64_t gva, uint64_t v)
{
	arena_put(a, gva, &v, sizeof(v));
}

static inline void arena_u32(struct arena *a, uint64_t gva, uint32_t v)
{
	arena_put(a, gva, &v, sizeof(v));
}

#endif
