/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/timespan.h"

#include <ctype.h>

#define SECOND INT64_C(1000000)

static const struct {
	const char *name;
	int64_t us;
} units[] = {
	{"us", 1}, {"usec", 1}, {"\xc2\xb5s", 1}, {"\xce\xbcs", 1}, /* micro sign, Greek mu */
	{"ms", 1000}, {"msec", 1000},
	{"s", SECOND}, {"sec", SECOND}, {"second", SECOND}, {"seconds", SECOND},
	{"m", 60 * SECOND}, {"min", 60 * SECOND}, {"minute", 60 * SECOND}, {"minutes", 60 * SECOND},
	{"h", 3600 * SECOND}, {"hr", 3600 * SECOND}, {"hour", 3600 * SECOND},
	{"hours", 3600 * SECOND}, {"d", 86400 * SECOND}, {"day", 86400 * SECOND},
	{"days", 86400 * SECOND}, {"w", 604800 * SECOND}, {"week", 604800 * SECOND},
	{"weeks", 604800 * SECOND},
	/* As systemd.time(7) has them: 30.44 and 365.25 days. */
	{"M", 2629800 * SECOND}, {"month", 2629800 * SECOND}, {"months", 2629800 * SECOND},
	{"y", 31557600 * SECOND}, {"year", 31557600 * SECOND}, {"years", 31557600 * SECOND},
};

static bool digit(const char *p, const char *end)
{
	return p < end && isdigit((unsigned char)*p);
}

static void skip_spaces(const char **p, const char *end)
{
	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
}

int64_t timespan_fraction(const char **p, const char *end, int64_t whole)
{
	int64_t us = 0;

	for (; digit(*p, end); (*p)++) {
		whole /= 10;
		us += whole * (**p - '0');
	}
	return us;
}

static bool get_count(const char **p, const char *end, int64_t *out)
{
	int64_t v = 0;

	if (!digit(*p, end))
		return false;
	for (; digit(*p, end); (*p)++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **p - '0', &v))
			return false;
	*out = v;
	return true;
}

/* A unit's name, or none: seconds. */
static bool get_unit(const char **p, const char *end, int64_t *us)
{
	struct span name = {*p, 0};

	while (*p + name.n < end && (isalpha((unsigned char)(*p)[name.n]) || ((*p)[name.n] & 0x80)))
		name.n++;
	*us = SECOND;
	for (size_t i = 0; name.n && i < sizeof(units) / sizeof(units[0]); i++) {
		if (!span_is(name, units[i].name))
			continue;
		*p += name.n;
		*us = units[i].us;
		return true;
	}
	return name.n == 0;
}

bool timespan_parse(struct span s, int64_t *us)
{
	const char *p = s.p, *end = s.p + s.n, *fraction;
	int64_t sum = 0, n, unit;

	skip_spaces(&p, end);
	do {
		n = 0; /* ".5h" is as good */
		if ((p == end || *p != '.') && !get_count(&p, end, &n))
			return false;
		fraction = NULL;
		if (p < end && *p == '.') {
			fraction = ++p;
			if (!digit(p, end))
				return false;
			while (digit(p, end))
				p++;
		}
		skip_spaces(&p, end);
		if (!get_unit(&p, end, &unit) || __builtin_mul_overflow(n, unit, &n) ||
		    __builtin_add_overflow(sum, n, &sum))
			return false;
		if (fraction && __builtin_add_overflow(sum, timespan_fraction(&fraction, end, unit), &sum))
			return false;
		skip_spaces(&p, end);
	} while (p < end);
	*us = sum;
	return true;
}
