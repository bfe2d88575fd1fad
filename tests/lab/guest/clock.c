/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab clock cpuid|kmsg COUNT - what one of them costs, in ns of the guest's clock: the least of ten
 * rounds of COUNT. Under QEMU's icount a nanosecond is an instruction.
 */
#include "lab.h"

#include <cpuid.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int clock_main(int argc, char **argv)
{
	static const char line[] = "<6>a line of a length that kernels often write, 64 bytes in all\n";
	unsigned a, b, c, d;
	long long best = 0;
	long count;
	int fd = -1;

	if (argc != 3 || (strcmp(argv[1], "cpuid") && strcmp(argv[1], "kmsg")))
		return 2;
	count = number(argv[2], 1, 1000000, "COUNT");
	if (argv[1][0] == 'k') {
		fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
		if (fd < 0) {
			perror("/dev/kmsg");
			return 2;
		}
	}
	for (int round = 0; round < 10; round++) {
		long long start = now(), took;

		for (long i = 0; i < count; i++) {
			if (fd < 0) {
				__cpuid(0, a, b, c, d);
			} else if (write(fd, line, sizeof(line) - 1) < 0) {
				perror("/dev/kmsg");
				return 2;
			}
		}
		took = (now() - start) / count;
		if (!best || took < best)
			best = took;
	}
	printf("%lld\n", best);
	return 0;
}
