/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/facility.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/span.h"

/* journalctl's names (log_facility_unshifted, systemd 252), by number; 12 to 15 have none. */
static const char *const names[24] = {
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	[16] = "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static int number_of(struct span s)
{
	uint64_t v;

	for (unsigned int i = 0; i < NAMES; i++)
		if (names[i] && span_is(s, names[i]))
			return (int)i;
	return span_digits(s, &v) && v <= UINT8_MAX ? (int)v : -1;
}

int facility_parse(const char *text, struct facilities *f, struct err *e)
{
	for (;;) {
		size_t n = strcspn(text, ",");
		int k = number_of((struct span){text, n});

		if (k < 0)
			return err_set(e, EINVAL, "'%.*s' is not a facility; '--facility=help' lists them",
				(int)(n < 80 ? n : 80), text);
		f->bits[k >> 6] |= UINT64_C(1) << (k & 63);
		f->any = true;
		if (!text[n])
			return 0;
		text += n + 1;
	}
}

void facility_list(void)
{
	puts("Available facilities:");
	for (unsigned int i = 0; i < NAMES; i++) {
		if (names[i])
			puts(names[i]);
		else
			printf("%u\n", i);
	}
}
