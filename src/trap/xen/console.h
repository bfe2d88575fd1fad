/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * console.h - what worker (console.c) and reader (console_serve.c) of Xen's console ring say to each other. The reader
 * holds the device by which anything can be done to any domain, reads the ring from a place on, and parses nothing.
 *
 * Xen counts the console's bytes by 32 bits, from its boot on (struct xen_sysctl_readconsole, xen/sysctl.h).
 */
#ifndef LOGVISOR_TRAP_XEN_CONSOLE_H
#define LOGVISOR_TRAP_XEN_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "trap/xen/lib.h"

#define XEN_CONSOLE_READ 32768

struct xen_console_wanted {
	uint32_t at, n;
};

struct xen_console_said {
	int32_t r;      /* 0 or -errno */
	uint32_t at, n; /* what `data` is */
	uint32_t after; /* the oldest from `at` on that was in the ring still when it had been read */
	char data[XEN_CONSOLE_READ];
};

/*
 * The place of what was said when *@at was wanted, in 64 bits, into *@at; returns how many bytes of it are to be left
 * out, for they may have been overwritten while they were read.
 */
uint32_t xen_console_place(const struct xen_console_said *said, uint64_t *at);

/* Read what is wanted. */
void xen_console_read(const struct xen_lib *l, void *xch, const struct xen_console_wanted *w, struct xen_console_said *said);

/* The reader's whole life; the other descriptors it inherits are closed. */
_Noreturn void xen_console_serve(const struct xen_lib *l, int ctl);

#endif
