/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * console.c - Xen's own log, line by line from its console ring. Where a line stands in all that Xen ever wrote since it
 * booted (off) is stored with it: so the next worker goes on behind the last one stored, and anybody can see that
 * nothing is missing between two of them, or that a gap says how many bytes are. A gap is stored with the first line
 * after it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/meta.h"
#include "source/host/console_text.h"
#include "source/host/plain.h"

#define ROUNDS 8 /* of reading, then others have their turn */

extern const struct source_ops source_console;

struct console {
	struct plain p;
	bool began; /* a line of this boot is stored */
	struct console_text text;
};

/* The newest line stored: of this boot it says where to go on. */
static int go_on(void *ctx, const struct source_stored *stored)
{
	struct console *c = ctx;
	uint64_t off;

	if (strcmp(stored->boot, c->p.boot) != 0)
		return 1;
	if (!meta_get_u64(stored->r, "off", &off))
		return 0; /* another log's */
	c->text.at = off + stored->r->msg.n + !stored->r->cont;
	c->began = c->p.s.resumed = true;
	return 1;
}

static int open_console(struct source **out, const struct source_start *start, struct err *e)
{
	const struct source_sink *sink = start->sink;
	struct console *c = plain_make(sizeof(*c), &source_console, start, e);
	int r;

	if (!c)
		return -ENOMEM;
	r = sink->recall ? sink->recall(sink->ctx, RECORD_KMSG, go_on, c, e) : 0;
	if (r < 0) {
		free(c);
		return r;
	}
	snprintf(c->p.s.desc, sizeof(c->p.s.desc), "Xen's console from byte %" PRIu64 " on", c->text.at);
	*out = &c->p.s;
	return 0;
}

static int put_gap(struct console *c, int64_t now_us, struct err *e)
{
	char why[96];
	struct meta m;
	int r;

	snprintf(why, sizeof(why), "%" PRIu64 " bytes of Xen's console were overwritten or cleared before they were read",
		c->text.gap);
	meta_begin(&m, "", META_GAP, now_us, c->p.boot);
	meta_blind(&m, RECORD_KMSG, 0, why);
	meta_u64(&m, "off", c->text.gap_off);
	meta_u64(&m, "bytes", c->text.gap);
	r = c->p.sink->emit(c->p.sink->ctx, &m.r, e);
	if (r)
		return r;
	c->p.counters.gaps++;
	c->text.gap = 0;
	return 0;
}

static int put_line(struct console *c, struct span line, bool whole, int64_t now_us, struct err *e)
{
	char off[24];
	struct record r = {.severity = 6, .cont = !whole, .msg = line};
	int ret;

	snprintf(off, sizeof(off), "%" PRIu64, c->text.at);
	if (!c->began)
		c->text.gap = 0; /* from before capture: the first line's place tells of it */
	ret = c->text.gap ? put_gap(c, now_us, e) : 0;
	if (!ret)
		ret = plain_put(&c->p, &r, "xen", "off", off, now_us, e);
	if (ret)
		return ret;
	c->began = true;
	console_took(&c->text, line, whole);
	return 0;
}

static int put_lines(struct console *c, int64_t now_us, struct err *e)
{
	struct span line;
	bool whole;
	int r = 0;

	while (!r && console_line(&c->text, &line, &whole))
		r = put_line(c, line, whole, now_us, e);
	return r;
}

static int drain(struct source *s, const struct moment *m, struct err *e)
{
	struct console *c = (struct console *)s;

	c->p.next_ms = m->now_ms + PLAIN_POLL_MS;
	for (unsigned i = 0; i < ROUNDS; i++) {
		int r = put_lines(c, m->now_us, e); /* what the store did not take the last time, first */
		uint64_t at = c->text.at + c->text.n;
		long n;

		if (r)
			return r;
		n = c->p.trap->ops->read(c->p.trap, &at, console_room(&c->text), CONSOLE_READ, e);
		if (n < 0)
			return (int)n;
		console_add(&c->text, at, (size_t)n);
		r = put_lines(c, m->now_us, e);
		if (r)
			return r;
		if (n < CONSOLE_READ) {
			c->p.caught_up = true;
			return 0;
		}
	}
	return SOURCE_MORE;
}

const struct source_ops source_console = {
	.name = "xen-console", .channels = 1 << RECORD_KMSG, .needed = true, .open = open_console, .drain = drain,
	PLAIN_OPS,
};
