/* SPDX-License-Identifier: BSD-3-Clause */
/* tsc.c - a value of the host's TSC as a time. */
#include "trap/kvm/tsc.h"

#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

#include "util/clock.h"

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define SPAN_NS 10000000000LL /* the rate is that of the last 10 to 20 s */

bool tsc_is_clock(void)
{
	FILE *f = fopen(CLOCKSOURCE, "re");
	char name[16] = "";
	bool is;

	if (!f)
		return false;
	is = fgets(name, sizeof(name), f) && !strcmp(name, "tsc\n");
	fclose(f);
	return is;
}

void tsc_look(struct tsc *t)
{
	t->now = (struct tsc_pair){__rdtsc(), clock_mono_ns()};
	if (t->now.ns - t->next.ns >= SPAN_NS) {
		t->from = t->next;
		t->next = t->now;
	}
}

void tsc_start(struct tsc *t)
{
	t->now = t->next = (struct tsc_pair){__rdtsc(), clock_mono_ns()};
	t->from = t->next;
	t->earliest = t->now.tsc;
}

void tsc_none_before(struct tsc *t)
{
	t->earliest = t->now.tsc;
}

int64_t tsc_mono_ns(const struct tsc *t, uint64_t tsc)
{
	int64_t ticks = (int64_t)(t->now.tsc - tsc), most = (int64_t)(t->now.tsc - t->earliest);
	double rate = (double)(int64_t)(t->now.tsc - t->from.tsc) / (double)(t->now.ns - t->from.ns), age;

	if (ticks > most)
		ticks = most;
	if (ticks <= 0 || !(rate > 0)) /* nor if it is not a number */
		return t->now.ns;
	age = (double)ticks / rate;
	return age < (double)t->now.ns ? t->now.ns - (int64_t)age : t->now.ns;
}
