/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * span.h - a borrowed run of bytes. It owns nothing and is not NUL-terminated; any byte may occur.
 */
#ifndef LOGVISOR_UTIL_SPAN_H
#define LOGVISOR_UTIL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* Decimal digits and nothing else, leading zeroes allowed; false too if the number needs more than 64 bits. */
static inline bool span_digits(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned int d = (unsigned char)s.p[i] - '0';

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return s.n > 0;
}

/* The same without leading zeroes: a number has one way to be written. */
static inline bool span_decimal(struct span s, uint64_t *out)
{
	return (s.n < 2 || s.p[0] != '0') && span_digits(s, out);
}

/* Cut the first line off *@s, without its newline; false if there is no whole one. */
static inline bool span_line(struct span *s, struct span *line)
{
	const char *nl = s->n ? (const char *)memchr(s->p, '\n', s->n) : NULL;

	if (!nl)
		return false;
	*line = (struct span){s->p, (size_t)(nl - s->p)};
	s->n -= line->n + 1;
	s->p = nl + 1;
	return true;
}

#endif
