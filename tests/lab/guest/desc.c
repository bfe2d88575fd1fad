/* SPDX-License-Identifier: BSD-3-Clause */
/* desc.c - reads its descriptor table registers, again and again: are the values the same each time? */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lab.h"

struct tables {
	uint16_t ldt, tr;
	uint8_t gdt[10], idt[10];
};

static void look(struct tables *t)
{
	memset(t, 0, sizeof(*t));
	__asm__ volatile("sldt %0" : "=m"(t->ldt));
	__asm__ volatile("str %0" : "=m"(t->tr));
	__asm__ volatile("sgdt %0" : "=m"(t->gdt));
	__asm__ volatile("sidt %0" : "=m"(t->idt));
}

static void show(const struct tables *t)
{
	printf("ldt %x tr %x gdt ", t->ldt, t->tr);
	for (unsigned i = 0; i < sizeof(t->gdt); i++)
		printf("%02x", t->gdt[i]);
	printf(" idt ");
	for (unsigned i = 0; i < sizeof(t->idt); i++)
		printf("%02x", t->idt[i]);
	putchar('\n');
}

/* On one CPU: each has a GDT of its own. */
int desc_main(int argc, char **argv)
{
	long count = argc == 2 ? number(argv[1], 1, 1000000000, "COUNT") : 0;
	struct tables first, now;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (!count || sched_setaffinity(0, sizeof(one), &one)) {
		fprintf(stderr, "usage: lab desc COUNT\n");
		return 2;
	}
	look(&first);
	for (long i = 1; i < count; i++) {
		look(&now);
		if (memcmp(&now, &first, sizeof(now)) != 0) {
			show(&first);
			show(&now);
			return 1;
		}
	}
	show(&first);
	return 0;
}
