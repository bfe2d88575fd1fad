/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cli/timespan.h"
#include "cli/zone.h"

#define SECOND INT64_C(1000000)

static const char *const weekdays[7] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
	"saturday"};
static const char *const months[12] = {"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december"};

/* One of @n names, or its first three letters, before a space: its number, and *@p behind the spaces. */
static int get_name(const char **p, const char *end, const char *const *names, int n)
{
	for (int i = 0; i < n; i++) {
		size_t lengths[2] = {strlen(names[i]), 3};

		for (int k = 0; k < 2; k++) {
			size_t len = lengths[k];

			if ((size_t)(end - *p) <= len || strncasecmp(*p, names[i], len) != 0 || (*p)[len] != ' ')
				continue;
			for (*p += len; *p < end && **p == ' ';)
				(*p)++;
			return i;
		}
	}
	return -1;
}

/* A number of @least to @most digits. */
static bool get_number(const char **p, const char *end, int least, int most, int *out)
{
	int n = 0;

	for (*out = 0; n < most && *p < end && isdigit((unsigned char)**p); n++, (*p)++)
		*out = *out * 10 + **p - '0';
	return n >= least;
}

static bool get_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* 2026-11-23 or 26-11-23, the latter from 1969 to 2068 (POSIX strptime, %y). */
static bool get_date(const char **p, const char *end, struct tm *tm)
{
	const char *s = *p;
	int y, m, d;

	if (!get_number(&s, end, 2, 4, &y) || (s - *p != 2 && s - *p != 4))
		return false;
	if (s - *p == 2)
		y += y < 69 ? 2000 : 1900;
	if (!get_char(&s, end, '-') || !get_number(&s, end, 1, 2, &m) || !get_char(&s, end, '-') ||
	    !get_number(&s, end, 1, 2, &d))
		return false;
	tm->tm_year = y - 1900;
	tm->tm_mon = m - 1;
	tm->tm_mday = d;
	*p = s;
	return true;
}

static bool get_clock(const char **p, const char *end, struct tm *tm, int64_t *frac)
{
	tm->tm_sec = 0;
	if (!get_number(p, end, 1, 2, &tm->tm_hour) || !get_char(p, end, ':') ||
	    !get_number(p, end, 2, 2, &tm->tm_min))
		return false;
	if (get_char(p, end, ':')) {
		if (!get_number(p, end, 2, 2, &tm->tm_sec))
			return false;
		if (get_char(p, end, '.')) {
			if (*p == end || !isdigit((unsigned char)**p))
				return false;
			*frac = timespan_fraction(p, end, SECOND);
		}
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

static time_t time_of(struct tm *tm, const struct zone *z)
{
	return z->fixed ? timegm(tm) - z->offset : mktime(tm);
}

/* Midnight of a day named by a word. */
static bool get_day(struct span s, struct tm *tm)
{
	static const char *const words[] = {"yesterday", "today", "tomorrow"};

	for (int i = 0; i < 3; i++) {
		if (!span_is(s, words[i]))
			continue;
		tm->tm_mday += i - 1;
		return true;
	}
	return false;
}

/* Date and time of day as @s has them, without its zone. */
static bool get_absolute(struct span s, const struct zone *z, int64_t now_us, int64_t *us)
{
	time_t now = (time_t)(now_us / SECOND) + z->offset, t;
	const char *p = s.p, *end = s.p + s.n;
	struct tm tm, check;
	int64_t frac = 0;
	int weekday, month;
	bool date;

	if (!(z->fixed ? gmtime_r(&now, &tm) : localtime_r(&now, &tm)))
		return false;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = z->dst;
	if (get_day(s, &tm)) {
		*us = (int64_t)time_of(&tm, z) * SECOND;
		return true;
	}
	weekday = get_name(&p, end, weekdays, 7);
	month = get_name(&p, end, months, 12);
	if (month >= 0) { /* the short form's */
		tm.tm_mon = month;
		if (!get_number(&p, end, 1, 2, &tm.tm_mday) || !get_char(&p, end, ' '))
			return false;
		date = false;
	} else {
		date = get_date(&p, end, &tm);
		if (date && end - p > 1 && *p == 'T')
			p++;
		while (date && end - p > 1 && *p == ' ')
			p++;
	}
	if (!(date && p == end) && (!get_clock(&p, end, &tm, &frac) || p != end))
		return false;
	check = tm;
	t = time_of(&check, z);
	if (check.tm_mday != tm.tm_mday || check.tm_mon != tm.tm_mon)
		return false; /* the 30th of February */
	if (weekday >= 0 && check.tm_wday != weekday)
		return false;
	*us = (int64_t)t * SECOND + frac;
	return true;
}

/* What follows "+" or "-", or stands before " ago" or " left". */
static bool get_relative(struct span s, int64_t now_us, int64_t *us)
{
	static const struct span ago = {" ago", 4}, left = {" left", 5};
	int64_t length;
	int sign = 0;

	if (s.n && (*s.p == '-' || *s.p == '+')) {
		sign = *s.p == '-' ? -1 : 1;
		s = (struct span){s.p + 1, s.n - 1};
	} else if (s.n > ago.n && span_eq((struct span){s.p + s.n - ago.n, ago.n}, ago)) {
		sign = -1;
		s.n -= ago.n;
	} else if (s.n > left.n && span_eq((struct span){s.p + s.n - left.n, left.n}, left)) {
		sign = 1;
		s.n -= left.n;
	}
	return sign && timespan_parse(s, &length) && !__builtin_add_overflow(now_us, sign * length, us);
}

static bool get_in_zone(struct span s, int64_t now_us, int64_t *us)
{
	struct zone z;
	bool ok = zone_take(&s, &z) && get_absolute(s, &z, now_us, us);

	zone_leave(&z);
	return ok;
}

int when_parse(const char *text, int64_t now_us, int64_t *us, struct err *e)
{
	struct span s = span_of(text);
	bool ok = true;

	if (!strcmp(text, "now"))
		*us = now_us;
	else if (*text == '@')
		ok = timespan_parse((struct span){text + 1, s.n - 1}, us);
	else
		ok = get_relative(s, now_us, us) || get_in_zone(s, now_us, us);
	if (ok)
		return 0;
	return err_set(e, EINVAL,
		"'%.80s' is not a time: try \"2026-11-23 10:00:00\", \"@EPOCH\", today, -5min, "
		"\"1 hour ago\"", text);
}
