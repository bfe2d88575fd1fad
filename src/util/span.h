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

/* Copy to @to, where there is room; without a call if it is short. */
static inline void span_copy(char *to, struct span s)
{
	if (s.n > 64) {
		memcpy(to, s.p, s.n);
	} else if (s.n >= 32) {
		memcpy(to, s.p, 32);
		memcpy(to + s.n - 32, s.p + s.n - 32, 32);
	} else if (s.n >= 16) {
		memcpy(to, s.p, 16);
		memcpy(to + s.n - 16, s.p + s.n - 16, 16);
	} else if (s.n >= 8) {
		memcpy(to, s.p, 8);
		memcpy(to + s.n - 8, s.p + s.n - 8, 8);
	} else if (s.n >= 4) {
		memcpy(to, s.p, 4);
		memcpy(to + s.n - 4, s.p + s.n - 4, 4);
	} else {
		for (size_t i = 0; i < s.n; i++)
			to[i] = s.p[i];
	}
}

/* Decimal digits and nothing else, leading zeroes allowed; false too if the number needs more than 64 bits. */
static inline bool span_digits(struct span s, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	/* 18 digits always fit. */
	for (; s.n - i >= 2 && i < 18; i += 2) {
		unsigned int a = (unsigned char)s.p[i] - '0', b = (unsigned char)s.p[i + 1] - '0';

		if (a > 9 || b > 9)
			return false;
		v = v * 100 + a * 10 + b;
	}
	for (; i < s.n; i++) {
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

/* Cut off *@s what is before the first @end, into *@out, and that too; false if there is none. */
static inline bool span_until(struct span *s, char end, struct span *out)
{
	const char *at = s->n ? (const char *)memchr(s->p, end, s->n) : NULL;

	if (!at)
		return false;
	*out = (struct span){s->p, (size_t)(at - s->p)};
	s->n -= out->n + 1;
	s->p = at + 1;
	return true;
}

/* Cut the first line off *@s, without its newline; false if there is no whole one. */
static inline bool span_line(struct span *s, struct span *line)
{
	return span_until(s, '\n', line);
}

#endif
