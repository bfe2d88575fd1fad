/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * utmp_fuzz.c - records of logins become sentences without a control character, of bounded length; and patterns, from the
 * command line, are matched with paths, which are the guest's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/files/glob.h"
#include "source/files/utmp.h"

static void check(const char *text, size_t n)
{
	if (n > UTMP_TEXT_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[UTMP_TEXT_MAX];
	uint8_t raw[UTMP_SIZE] = {0};
	struct utmp_said said;
	struct span pattern, path;
	struct err e;

	if (size < 2)
		return 0;
	memcpy(raw, data, size < sizeof(raw) ? size : sizeof(raw));
	check(text, utmp_text(raw, size & 1, text, &said));
	check(text, lastlog_text(raw, (uint32_t)size, text, &said));
	pattern = (struct span){(const char *)data + 1, data[0] < size - 1 ? data[0] : size - 1};
	path = (struct span){pattern.p + pattern.n, size - 1 - pattern.n};
	if (!glob_check(pattern, &e) && path.n && *path.p == '/') {
		glob_match(pattern, path);
		glob_below(pattern, path);
	}
	return 0;
}
