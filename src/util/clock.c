/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/clock.h"

static int64_t ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_ns(int64_t ns)
{
	const struct timespec t = {ns / 1000000000, ns % 1000000000};

	nanosleep(&t, NULL);
}

const struct clock clock_libc = {ns, sleep_ns};
const struct clock *clock_now = &clock_libc;
