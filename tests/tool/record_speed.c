/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record_speed.c - nanoseconds to encode, decode, peek at and print one record of ordinary size: the best
 * of many short rounds each, single-threaded.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "record/form.h"
#include "record/record.h"

#define ROUNDS 200
#define TIMES 5000

static char leaf[RECORD_LEAF_MAX], scratch[RECORD_LEAF_MAX];
static struct record r, d;
static FILE *null;
static long n;

static void encode(void)
{
	r.seq++;
	r.time_us += 37;
	n = record_encode(&r, leaf, sizeof(leaf));
}

static void decode(void)
{
	record_decode(leaf, (size_t)n, &d, scratch, sizeof(scratch), NULL);
}

static void peek(void)
{
	record_peek(leaf, (size_t)n, &d.time_us, &d.severity);
}

static struct form form;

static void print(void)
{
	form_put(&form, null, &r, (struct span){leaf, (size_t)n}, 1);
}

static double measure(void (*f)(void))
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		struct timespec a, b;
		double t;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < TIMES; i++)
			f();
		clock_gettime(CLOCK_MONOTONIC, &b);
		t = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / TIMES;
		if (t < best)
			best = t;
	}
	return best;
}

int main(void)
{
	r = (struct record){
		.time_us = INT64_C(1795475944123456), .severity = 6, .host = span_of("web01"),
		.app = span_of("kernel"), .msgid = span_of("kmsg"), .channel = RECORD_KMSG,
		.has_seq = true, .seq = 123456, .has_guest_ns = true, .guest_ns = 12345678901,
		.has_caller = true, .caller = 1234, .boot = span_of("0123456789abcdef"),
		.subsystem = span_of("pci"), .device = span_of("+pci:0000:00:01.0"),
		.msg = span_of("pci 0000:00:01.0: [8086:7010] type 00 class 0x010180 conventional PCI"),
	};
	null = fopen("/dev/null", "w");
	if (!null)
		return 2;
	printf("%-28s %7.0f ns\n", "encode", measure(encode));
	printf("%-28s %7.0f ns\n", "decode and check", measure(decode));
	printf("%-28s %7.0f ns\n", "peek at time and severity", measure(peek));
	for (int k = 0; k < FORM_KINDS; k++) {
		char title[64];

		form = (struct form){.kind = (enum form_kind)k, .utc = true};
		snprintf(title, sizeof(title), "print as %s", form_name(form.kind));
		printf("%-28s %7.0f ns\n", title, measure(print));
	}
	printf("(a leaf of %ld bytes)\n", n);
	return 0;
}
