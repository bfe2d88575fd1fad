/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hash.h - FNV-1a (Fowler, Noll, Vo): for tables and for recognising what was seen before. Equality, not
 * security: who knows it can make two inputs of one hash.
 */
#ifndef LOGVISOR_UTIL_HASH_H
#define LOGVISOR_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

/* 64 bits, of @n bytes. */
static inline uint64_t hash64(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325ULL; /* offset basis and prime */

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

/* 32 bits, of a name up to its NUL or @max bytes of it; the upper bits serve best as an index. */
static inline uint32_t hash_name(const char *s, size_t max)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < max && s[i]; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h * 2654435769u; /* 2^32 by the golden ratio */
}

#endif
