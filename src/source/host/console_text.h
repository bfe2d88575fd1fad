/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * console_text.h - from the bytes of Xen's console ring to lines, and to what is missing between them. Bytes are counted
 * from Xen's boot on, as Xen itself does.
 *
 * The ring is read while Xen writes it (read_console_ring(), xen/drivers/char/console.c): where it was full, the oldest
 * bytes that were read may be amid being overwritten, at most as many as Xen writes at once. They are given up with
 * the rest of their line, and counted as missing too.
 */
#ifndef LOGVISOR_SOURCE_HOST_CONSOLE_TEXT_H
#define LOGVISOR_SOURCE_HOST_CONSOLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

#define CONSOLE_READ 32768    /* bytes at once, at most */
#define CONSOLE_LINE 8192     /* a longer line is taken in pieces */
#define CONSOLE_RING_MIN 16384 /* no ring is smaller (_CONRING_SIZE) */
#define CONSOLE_WRITE 1024    /* Xen writes so many bytes at once, at most (printk_buf of vprintk_common()) */

struct console_text {
	uint64_t at;        /* buf[0] is this byte of the console */
	size_t n;
	uint64_t gap_off, gap; /* so many bytes are missing before `at`, from there on */
	bool amid;          /* buf begins amid a line that is given up, */
	uint64_t doubt;     /* whose end is here or behind */
	char buf[CONSOLE_LINE + CONSOLE_READ];
};

/* Where what is read next goes, at least CONSOLE_READ bytes once all lines were taken. */
char *console_room(struct console_text *c);
/* @n bytes were put there, which are those from @at on; c->at + c->n were wanted. */
void console_add(struct console_text *c, uint64_t at, size_t n);
/*
 * The first line of it, without its end; *@whole: it has one, else it is a piece. False: there is none now. What is
 * missing before it is in c->gap, for the caller to tell and to clear.
 */
bool console_line(struct console_text *c, struct span *line, bool *whole);
/* Take away what console_line() found. */
void console_took(struct console_text *c, struct span line, bool whole);

#endif
