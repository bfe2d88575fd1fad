/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab vmcall COUNT - issue the trap's own hypercall from user space, with a forged record where the
 * kernel's would be: nothing of it may appear in the ledger. On Linux a hypercall number that does not
 * exist only returns an error.
 */
#include "lab.h"

#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int vmcall_main(int argc, char **argv)
{
	static struct {
		uint64_t rb, irqflags, id, text_space;
		char text[64];
	} forged = {.text = "forged record, must never be stored"};
	unsigned a, b, c, d;
	long count;

	if (argc != 2)
		return 2;
	count = number(argv[1], 1, 100000000, "COUNT");
	__cpuid(0, a, b, c, d);
	for (long i = 0; i < count; i++) {
		uint64_t ax = 0;

		forged.id = (uint64_t)i;
		if (b == 0x68747541) /* "Auth" */
			__asm__ volatile("vmmcall" : "+a"(ax) : "D"(&forged) : "memory", "cc");
		else
			__asm__ volatile("vmcall" : "+a"(ax) : "D"(&forged) : "memory", "cc");
	}
	printf("%ld hypercalls\n", count);
	return 0;
}
