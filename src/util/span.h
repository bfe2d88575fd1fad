/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * span.h - a borrowed run of bytes. It owns nothing and is not NUL-terminated; any byte may occur.
 */
#ifndef LOGVISOR_UTIL_SPAN_H
#define LOGVISOR_UTIL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *p;
	size_t n;
};

static inline struct span span_of(const char *s)
{
	return (struct span){s, s ? strlen(s) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *s)
{
	return span_eq(a, span_of(s));
}

#endif
