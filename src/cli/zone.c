/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/zone.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

#define DATABASE "/usr/share/zoneinfo"
#define NAME_MAX_LEN 64

/* "+01:00", "-0500" at the end, behind a digit or a space. */
static bool take_offset(struct span *s, struct zone *z)
{
	const char *p;
	size_t n;
	int h, m;

	for (n = 6; n >= 5; n--) {
		p = s->p + s->n - n;
		if (s->n <= n || (*p != '+' && *p != '-') || (n == 6 && p[3] != ':'))
			continue;
		if (!isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]) ||
		    !isdigit((unsigned char)p[n - 2]) || !isdigit((unsigned char)p[n - 1]))
			continue;
		/* 2026-11-23 ends in -23, and 26-11-2300 is none: a time of day has a colon before the sign */
		if (!memchr(s->p, ':', s->n - n) && p[-1] != ' ')
			continue;
		h = (p[1] - '0') * 10 + p[2] - '0';
		m = (p[n - 2] - '0') * 10 + p[n - 1] - '0';
		if (h > 23 || m > 59)
			return false;
		z->fixed = true;
		z->offset = (*p == '-' ? -1 : 1) * (h * 3600 + m * 60);
		s->n -= n;
		return true;
	}
	return false;
}

/* A file of the zone database? By the rules of timezone_is_valid (systemd 252), no way out of it. */
static bool in_database(const char *name)
{
	char path[sizeof(DATABASE) + NAME_MAX_LEN + 2], magic[4];
	_cleanup_fd_ int fd = -1;

	if (!isalpha((unsigned char)*name))
		return false;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_+/", *p))
			return false;
	if (strstr(name, "//") || name[strlen(name) - 1] == '/')
		return false;
	snprintf(path, sizeof(path), DATABASE "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) && !memcmp(magic, "TZif", 4);
}

static bool enter(struct zone *z, const char *name)
{
	const char *now = getenv("TZ");
	char tz[NAME_MAX_LEN + 2];

	z->before = now ? strdup(now) : NULL;
	if (now && !z->before)
		return false;
	snprintf(tz, sizeof(tz), ":%s", name);
	z->changed = true;
	setenv("TZ", tz, 1);
	tzset();
	return true;
}

/* Is @name one of the two that the local zone has? Then it says whether it is summer time. */
static bool is_local(const char *name, struct zone *z)
{
	for (int i = 0; i < 2; i++) {
		if (!tzname[i] || !*tzname[i] || strcasecmp(name, tzname[i]) != 0)
			continue;
		z->dst = i;
		return true;
	}
	return false;
}

bool zone_take(struct span *s, struct zone *z)
{
	const char *space = s->n ? memrchr(s->p, ' ', s->n) : NULL;
	char name[NAME_MAX_LEN];
	size_t n = space ? s->n - (size_t)(space + 1 - s->p) : 0;

	*z = (struct zone){.dst = -1};
	if (take_offset(s, z)) {
		;
	} else if (s->n > 1 && s->p[s->n - 1] == 'Z' && memchr(s->p, ':', s->n)) {
		z->fixed = true;
		s->n--;
	} else if (n && n < sizeof(name)) {
		memcpy(name, space + 1, n);
		name[n] = 0;
		if (!strcasecmp(name, "UTC"))
			z->fixed = true;
		else if (in_database(name) && !enter(z, name))
			return false;
		if (!z->fixed && !is_local(name, z) && !z->changed) /* CET is a zone, and its winter time too */
			return true; /* no zone: a time of day, or what is none at all */
		s->n -= n;
	}
	while (s->n && s->p[s->n - 1] == ' ')
		s->n--;
	return true;
}

void zone_leave(struct zone *z)
{
	if (!z->changed)
		return;
	if (z->before)
		setenv("TZ", z->before, 1);
	else
		unsetenv("TZ");
	free(z->before);
	tzset();
	*z = (struct zone){.dst = -1};
}
