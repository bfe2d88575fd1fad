/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load.h - numbers out of bytes at any alignment, in the host's byte order, which is the guest's
 * (little-endian x86-64). The caller has checked that they are there.
 */
#ifndef LOGVISOR_UTIL_LOAD_H
#define LOGVISOR_UTIL_LOAD_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#endif
