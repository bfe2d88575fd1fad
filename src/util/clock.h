/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - what time it is, and waiting for a while: through one table, so that a test can be an hour
 * long and over at once.
 */
#ifndef LOGVISOR_UTIL_CLOCK_H
#define LOGVISOR_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
	int64_t (*ns)(clockid_t id); /* nanoseconds */
	void (*sleep_ns)(int64_t ns);
};

extern const struct clock clock_libc; /* the system calls themselves */
extern const struct clock *clock_now; /* in force; tests replace it */

/* Microseconds since the epoch: of records. It may be set, back too. */
static inline int64_t clock_wall_us(void)
{
	return clock_now->ns(CLOCK_REALTIME) / 1000;
}

/* Nanoseconds of a clock that nobody sets, the one BPF programs read: for what takes how long. */
static inline int64_t clock_mono_ns(void)
{
	return clock_now->ns(CLOCK_MONOTONIC);
}

/* The same in milliseconds: for how long to wait. */
static inline int64_t clock_mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

/*
 * Milliseconds of a clock that nobody sets and that goes on while the host sleeps: for what is due when.
 * Never 0, which may stand for no time.
 */
static inline int64_t clock_due_ms(void)
{
	return clock_now->ns(CLOCK_BOOTTIME) / 1000000 + 1;
}

/* What to add to a time of clock @id to have the time since the epoch; microseconds. */
static inline int64_t clock_offset_us(clockid_t id)
{
	int64_t ns = clock_now->ns(id);

	return (clock_now->ns(CLOCK_REALTIME) - ns) / 1000;
}

/* May be shorter, when a signal comes. */
static inline void clock_sleep_ms(int64_t ms)
{
	clock_now->sleep_ns(ms * 1000000);
}

#endif
