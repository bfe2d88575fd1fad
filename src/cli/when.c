/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000)

static const struct {
	const char *name;
	int64_t us;
} units[] = {
	{"us", 1}, {"usec", 1}, {"ms", 1000}, {"msec", 1000},
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

static void skip_spaces(const char **p)
{
	while (**p == ' ' || **p == '\t')
		(*p)++;
}

static bool get_count(const char **p, int64_t *out)
{
	int64_t v = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **p - '0', &v))
			return false;
	*out = v;
	return true;
}

static bool get_unit(const char **p, int64_t *us)
{
	size_t n = 0;

	while (isalpha((unsigned char)(*p)[n]))
		n++;
	for (size_t i = 0; n && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != n || memcmp(units[i].name, *p, n) != 0)
			continue;
		*p += n;
		*us = units[i].us;
		return true;
	}
	return false;
}

/* "2h 30min", up to the end or to the word "ago". */
static bool get_span(const char **p, int64_t *us)
{
	int64_t sum = 0, n, unit;

	do {
		if (!get_count(p, &n))
			return false;
		skip_spaces(p);
		unit = SECOND;
		if (**p && strncmp(*p, "ago", 3) != 0 && !get_unit(p, &unit))
			return false;
		if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(sum, n, &sum))
			return false;
		skip_spaces(p);
	} while (isdigit((unsigned char)**p));
	*us = sum;
	return true;
}

/* Up to six digits after a point, as microseconds; more are read and dropped. */
static int64_t get_fraction(const char **p)
{
	int64_t us = 0, worth = SECOND;

	if (**p != '.')
		return 0;
	for ((*p)++; isdigit((unsigned char)**p); (*p)++) {
		worth /= 10;
		us += worth * (**p - '0');
	}
	return us;
}

static bool get_digits(const char **p, int n, int *out)
{
	*out = 0;
	for (; n > 0; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		*out = *out * 10 + **p - '0';
	}
	return true;
}

static bool get_date(const char **p, struct tm *tm)
{
	const char *s = *p;
	int y, m, d;

	if (!get_digits(&s, 4, &y) || *s++ != '-' || !get_digits(&s, 2, &m) || *s++ != '-' ||
	    !get_digits(&s, 2, &d))
		return false;
	tm->tm_year = y - 1900;
	tm->tm_mon = m - 1;
	tm->tm_mday = d;
	*p = s;
	return true;
}

static bool get_clock(const char **p, struct tm *tm, int64_t *frac)
{
	const char *s = *p;

	if (!get_digits(&s, 2, &tm->tm_hour) || *s++ != ':' || !get_digits(&s, 2, &tm->tm_min))
		return false;
	tm->tm_sec = 0;
	if (*s == ':') {
		s++;
		if (!get_digits(&s, 2, &tm->tm_sec))
			return false;
		*frac = get_fraction(&s);
	}
	*p = s;
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* true with *utc, and seconds east in *offset; nothing there means local time. */
static bool get_zone(const char **p, bool *utc, int *offset)
{
	int h, m, sign;

	skip_spaces(p);
	*utc = true;
	*offset = 0;
	if (!**p) {
		*utc = false;
		return true;
	}
	if (!strcmp(*p, "Z") || !strcmp(*p, "UTC")) {
		*p += strlen(*p);
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	if (!get_digits(p, 2, &h))
		return false;
	if (**p == ':')
		(*p)++;
	if (!get_digits(p, 2, &m) || h > 23 || m > 59)
		return false;
	*offset = sign * (h * 3600 + m * 60);
	return true;
}

static bool get_absolute(const char *p, int64_t now_us, int64_t *us)
{
	time_t now = (time_t)(now_us / SECOND), t;
	struct tm tm, check;
	int64_t frac = 0;
	bool utc, date;
	int offset;

	localtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	date = get_date(&p, &tm);
	if (date && (*p == ' ' || *p == 'T') && isdigit((unsigned char)p[1]))
		p++;
	if (isdigit((unsigned char)*p) ? !get_clock(&p, &tm, &frac) : !date)
		return false;
	if (!get_zone(&p, &utc, &offset) || *p)
		return false;
	check = tm;
	t = utc ? timegm(&check) : mktime(&check);
	if (check.tm_mday != tm.tm_mday || check.tm_mon != tm.tm_mon)
		return false; /* the 30th of February */
	*us = ((int64_t)t - offset) * SECOND + frac;
	return true;
}

static bool get_relative(const char *p, int64_t now_us, int64_t *us)
{
	int sign = 0;
	int64_t span;

	if (*p == '-' || *p == '+')
		sign = *p++ == '-' ? -1 : 1;
	if (!get_span(&p, &span))
		return false;
	if (sign == 0 && !strcmp(p, "ago")) {
		sign = -1;
		p += 3;
	}
	return sign != 0 && !*p && !__builtin_add_overflow(now_us, sign * span, us);
}

/* Midnight, @days away from today's. */
static int64_t midnight(int64_t now_us, int days)
{
	time_t now = (time_t)(now_us / SECOND);
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday += days;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * SECOND;
}

static bool get_epoch(const char *p, int64_t *us)
{
	int64_t s;

	p++;
	if (!get_count(&p, &s) || __builtin_mul_overflow(s, SECOND, &s))
		return false;
	return !__builtin_add_overflow(s, get_fraction(&p), us) && !*p;
}

int when_parse(const char *text, int64_t now_us, int64_t *us, struct err *e)
{
	bool ok = true;

	if (!strcmp(text, "now"))
		*us = now_us;
	else if (!strcmp(text, "today"))
		*us = midnight(now_us, 0);
	else if (!strcmp(text, "yesterday"))
		*us = midnight(now_us, -1);
	else if (!strcmp(text, "tomorrow"))
		*us = midnight(now_us, 1);
	else if (*text == '@')
		ok = get_epoch(text, us);
	else
		ok = get_relative(text, now_us, us) || get_absolute(text, now_us, us);
	if (ok)
		return 0;
	return err_set(e, EINVAL,
		"'%.80s' is not a time: try \"2026-11-23 10:00:00\", \"@EPOCH\", today, -5min, "
		"\"1 hour ago\"", text);
}
