/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/priority.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	uint8_t severity;
} names[] = {
	{"emerg", 0}, {"panic", 0}, {"alert", 1}, {"crit", 2}, {"err", 3}, {"error", 3},
	{"warning", 4}, {"warn", 4}, {"notice", 5}, {"info", 6}, {"debug", 7},
};

static int one(const char *s, size_t n)
{
	if (n == 1 && *s >= '0' && *s <= '7')
		return *s - '0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n && !memcmp(names[i].name, s, n))
			return names[i].severity;
	return -1;
}

int priority_parse(const char *text, uint8_t *from, uint8_t *to, struct err *e)
{
	const char *dots = strstr(text, "..");
	int a = dots ? one(text, (size_t)(dots - text)) : 0;
	int b = dots ? one(dots + 2, strlen(dots + 2)) : one(text, strlen(text));

	if (a < 0 || b < 0)
		return err_set(e, EINVAL,
			"'%.80s' is not a priority: emerg alert crit err warning notice info debug, "
			"0-7, or a range as err..warning", text);
	*from = (uint8_t)(a < b ? a : b);
	*to = (uint8_t)(a < b ? b : a);
	return 0;
}
