/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab forge COUNT - what user space can do at a trap's door: issue hypercalls, and the trap's own
 * instruction, INVD, with a forged record where the kernel's would be. Nothing of it may appear in the
 * ledger. A hypercall number that does not exist only returns an error; INVD faults.
 */
#include "lab.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

static struct {
	uint64_t rb, irqflags, id, text_space;
	char text[64];
} forged = {.text = "forged record, must never be stored"};

static sigjmp_buf back;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void hypercall(int amd)
{
	uint64_t ax = 0;

	if (amd)
		__asm__ volatile("vmmcall" : "+a"(ax) : "D"(&forged) : "memory", "cc");
	else
		__asm__ volatile("vmcall" : "+a"(ax) : "D"(&forged) : "memory", "cc");
}

/* 1 if it faulted. */
static int invd(void)
{
	if (sigsetjmp(back, 1))
		return 1;
	__asm__ volatile("invd" : : "D"(&forged) : "memory");
	return 0;
}

int forge_main(int argc, char **argv)
{
	unsigned a, b, c, d;
	long count, faults = 0;

	if (argc != 2)
		return 2;
	count = number(argv[1], 1, 100000000, "COUNT");
	__cpuid(0, a, b, c, d);
	signal(SIGSEGV, on_fault);
	for (long i = 0; i < count; i++) {
		forged.id = (uint64_t)i;
		hypercall(b == 0x68747541); /* "Auth" */
		faults += invd();
	}
	printf("vmcall: %ld\ninvd: %ld faults of %ld\n", count, faults, count);
	return 0;
}
