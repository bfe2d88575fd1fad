/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab clock cpuid|msr|outq|kmsg|log|file COUNT [MS] - what one of them costs, in ns of the guest's clock: the least of
 * ten rounds of COUNT. Under QEMU's icount a nanosecond is an instruction. msr has the kernel read the
 * modem status register of a serial port, one IN and so one exit to the VMM; outq asks the same driver
 * for what it knows without one. (Port 0x80 from user space would be simpler, but the emulated SVM does
 * not let I/O permission bitmaps through to a nested guest.) log and file append
 * a line to a file in /var/log and to another. Each round begins MS milliseconds after the last.
 */
#include "lab.h"

#include <cpuid.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static const char line[] = "<6>a line of a length that kernels often write, 64 bytes in all\n";

enum kind { CPUID, MSR, OUTQ, KMSG, LOG, OTHER_FILE };

/* Do it @count times. 0, or -1 with errno. */
static int repeat(enum kind kind, int fd, long count)
{
	unsigned a, b, c, d;
	int n, r = 0;

	for (long i = 0; i < count && r >= 0; i++) {
		switch (kind) {
		case CPUID:
			__cpuid(0, a, b, c, d);
			break;
		case MSR:
			r = ioctl(fd, TIOCMGET, &n);
			break;
		case OUTQ:
			r = ioctl(fd, TIOCOUTQ, &n);
			break;
		case KMSG:
		case LOG:
		case OTHER_FILE:
			r = (int)write(fd, line, sizeof(line) - 1);
		}
	}
	return r < 0 ? -1 : 0;
}

int clock_main(int argc, char **argv)
{
	static const struct {
		const char *name, *path;
	} kinds[] = { { "cpuid", "/dev/null" }, { "msr", "/dev/ttyS0" }, { "outq", "/dev/ttyS0" },
		{ "kmsg", "/dev/kmsg" }, { "log", "/var/log/clock" }, { "file", "/srv/a/b/clock" } };
	enum kind kind = CPUID;
	long long best = 0;
	long count, pause;
	int fd;

	while (argc >= 3 && kind <= OTHER_FILE && strcmp(argv[1], kinds[kind].name))
		kind++;
	if (argc < 3 || argc > 4 || kind > OTHER_FILE)
		return 2;
	count = number(argv[2], 1, 1000000, "COUNT");
	pause = argc > 3 ? number(argv[3], 0, 1000, "MS") : 0;
	fd = open(kinds[kind].path, O_RDWR | O_CLOEXEC | O_NOCTTY | (kind < LOG ? 0 : O_CREAT | O_APPEND), 0644);
	if (fd < 0) {
		perror(kinds[kind].path);
		return 2;
	}
	for (int round = 0; round < 10; round++) {
		long long start, took;

		usleep(pause * 1000);
		start = now();
		if (repeat(kind, fd, count)) {
			perror(kinds[kind].path);
			return 2;
		}
		took = (now() - start) / count;
		if (!best || took < best)
			best = took;
	}
	printf("%lld\n", best);
	return 0;
}
