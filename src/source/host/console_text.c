/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/host/console_text.h"

#include <string.h>

static void drop(struct console_text *c, size_t n)
{
	c->n -= n;
	c->at += n;
	memmove(c->buf, c->buf + n, c->n);
}

static void miss(struct console_text *c, uint64_t off, uint64_t n)
{
	if (!c->gap)
		c->gap_off = off;
	c->gap = off + n - c->gap_off;
}

char *console_room(struct console_text *c)
{
	return c->buf + c->n;
}

void console_add(struct console_text *c, uint64_t at, size_t n)
{
	if (at != c->at + c->n) { /* the beginning of a line that was there is of no use without its end */
		miss(c, c->at, at - c->at);
		memmove(c->buf, c->buf + c->n, n);
		c->at = at;
		c->n = 0;
		/* With so little in it the ring is not full: it was emptied (xl dmesg -c). */
		c->amid = n >= CONSOLE_RING_MIN / 2;
		c->doubt = at + CONSOLE_WRITE;
	}
	c->n += n;
}

/* Give up what is in doubt, with the end of its line. */
static void give_up(struct console_text *c)
{
	while (c->amid && c->n) {
		const char *end = memchr(c->buf, '\n', c->n);
		size_t n = end ? (size_t)(end - c->buf) + 1 : c->n;

		c->amid = !end || c->at + n < c->doubt;
		miss(c, c->at, n);
		drop(c, n);
	}
}

bool console_line(struct console_text *c, struct span *line, bool *whole)
{
	const char *end;

	give_up(c);
	end = memchr(c->buf, '\n', c->n);
	*whole = end && end - c->buf <= CONSOLE_LINE;
	if (!*whole && c->n < CONSOLE_LINE)
		return false;
	*line = (struct span){c->buf, *whole ? (size_t)(end - c->buf) : CONSOLE_LINE};
	return true;
}

void console_took(struct console_text *c, struct span line, bool whole)
{
	drop(c, line.n + whole);
}
