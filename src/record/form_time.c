/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_time.c - time stamps of the forms for people.
 */
#include <inttypes.h>
#include <time.h>

#include "record/form.h"

#define SECOND INT64_C(1000000)

/* systemd's names, whatever the locale: what it prints it reads again (format_timestamp, systemd 252). */
static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

static void break_down(time_t t, bool utc, struct tm *tm)
{
	memset(tm, 0, sizeof(*tm));
	if (utc)
		gmtime_r(&t, tm);
	else
		localtime_r(&t, tm);
}

static const char *zone_of(const struct tm *tm, bool utc)
{
	return utc ? "UTC" : tm->tm_zone ? tm->tm_zone : "";
}

const char *form_time_pretty(char buf[FORM_PRETTY_MAX], int64_t us, bool utc, bool micro)
{
	char date[32], frac[16] = "";
	struct tm tm;

	break_down((time_t)(us / SECOND), utc, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	if (micro)
		snprintf(frac, sizeof(frac), ".%06u", (unsigned int)(us % SECOND));
	snprintf(buf, FORM_PRETTY_MAX, "%s %s%s %.40s", weekdays[tm.tm_wday], date, frac, zone_of(&tm, utc));
	return buf;
}

static bool has_micro(enum form_kind k)
{
	return k == FORM_SHORT_PRECISE || k == FORM_SHORT_ISO_PRECISE || k == FORM_SHORT_UNIX;
}

/* What all of a second's stamps have in common. */
static void set_second(struct form *f, int64_t second)
{
	struct tm tm;

	break_down((time_t)second, f->utc, &tm);
	snprintf(f->zone_text, sizeof(f->zone_text), " ");
	switch (f->kind) {
	case FORM_SHORT_ISO:
	case FORM_SHORT_ISO_PRECISE:
		strftime(f->second_text, sizeof(f->second_text), "%Y-%m-%dT%H:%M:%S", &tm);
		strftime(f->zone_text, sizeof(f->zone_text), "%z ", &tm);
		break;
	case FORM_SHORT_FULL:
	case FORM_WITH_UNIT:
		snprintf(f->second_text, sizeof(f->second_text), "%s ", weekdays[tm.tm_wday]);
		strftime(f->second_text + 4, sizeof(f->second_text) - 4, "%Y-%m-%d %H:%M:%S", &tm);
		snprintf(f->zone_text, sizeof(f->zone_text), " %.37s ", zone_of(&tm, f->utc));
		break;
	case FORM_SHORT_UNIX:
		snprintf(f->second_text, sizeof(f->second_text), "%10" PRId64, second);
		break;
	default:
		strftime(f->second_text, sizeof(f->second_text), "%b %d %H:%M:%S", &tm);
	}
	f->second = second;
	f->has_second = true;
}

int form_time_put(struct form *f, FILE *out, const struct record *r)
{
	int64_t second = r->time_us / SECOND;
	int n;

	if (f->kind == FORM_SHORT_MONOTONIC) {
		if (!r->has_guest_ns)
			return fprintf(out, "[%12s] ", "");
		return fprintf(out, "[%5" PRIu64 ".%06" PRIu64 "] ", r->guest_ns / 1000000000,
			r->guest_ns / 1000 % 1000000);
	}
	if (!f->has_second || f->second != second)
		set_second(f, second);
	fputs_unlocked(f->second_text, out);
	n = (int)(strlen(f->second_text) + strlen(f->zone_text));
	if (has_micro(f->kind))
		n += fprintf(out, ".%06u", (unsigned int)(r->time_us % SECOND));
	fputs_unlocked(f->zone_text, out);
	return n;
}
