/* SPDX-License-Identifier: BSD-3-Clause */
/* hello.c - "Hello Nth world.", numbered as the original experiment numbered them. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lab.h"

static const char *ordinal(long n)
{
	static const char *const suffix[] = { "th", "st", "nd", "rd" };

	return n % 100 / 10 == 1 || n % 10 > 3 ? "th" : suffix[n % 10];
}

int hello_main(int argc, char **argv)
{
	long first, count;
	int fd, err;

	if (argc != 3) {
		fprintf(stderr, "usage: lab hello FIRST COUNT\n");
		return 2;
	}
	first = number(argv[1], 0, INT_MAX, "FIRST");
	count = number(argv[2], 0, INT_MAX, "COUNT");
	fd = kmsg_open();
	for (long n = first; n < first + count; n++) {
		char text[64];
		int len = snprintf(text, sizeof(text), "Hello %ld%s world.\n", n, ordinal(n));

		err = kmsg_put(fd, text, len);
		if (err) {
			fprintf(stderr, "lab: record %ld: %s\n", n, strerror(err));
			return 2;
		}
	}
	return 0;
}
