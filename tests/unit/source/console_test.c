/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Xen's console: a ring made up here, which is written and read as Xen does it, below the reader, the backend's
 * arithmetic and the source. What is stored, with what the gaps say, is all that Xen wrote, each byte once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/meta.h"
#include "source/host/console_text.h"
#include "source/source.h"
#include "trap/xen/console.h"

extern const struct source_ops source_console;

#define RING 16384u
#define ALL (1u << 22)

/* ---- Xen ---- */

static struct {
	char ring[RING];
	uint32_t c, p;   /* conringc, conringp */
	char all[ALL];   /* what was ever written */
	uint64_t n, base; /* so many bytes; p was so much when nothing was */
	unsigned amid;   /* so many bytes are written while a read copies */
} xen;

static void put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		xen.ring[xen.p++ % RING] = s[i];
		assert_true(xen.n < ALL);
		xen.all[xen.n++] = s[i];
	}
	if (xen.p - xen.c > RING)
		xen.c = xen.p - RING;
}

static void say(const char *s)
{
	put(s, strlen(s));
}

static void say_numbered(unsigned *i)
{
	char line[128];

	put(line, (size_t)snprintf(line, sizeof(line), "(XEN) line %u%.*s\n", *i, (int)(*i * 7 % 60),
		" ............................................................"));
	++*i;
}

/* read_console_ring() of Xen 4.17. */
static int readconsolering(void *xch, char *buf, unsigned *n, int clear, int incremental, uint32_t *index)
{
	uint32_t c = xen.c, p = xen.p, got = 0;

	assert_ptr_equal(xch, &xen);
	assert_int_equal(clear, 0);
	if (incremental && (c <= p ? c < *index && *index <= p : c < *index || *index <= p))
		c = *index;
	for (; c != p && got < *n; got++, c++)
		buf[got] = xen.ring[c % RING];
	*n = got;
	*index = c;
	for (; *n > 1 && xen.amid; xen.amid--) /* written after the copy, before who reads can look again */
		put("\n", 1);
	return 0;
}

static const struct xen_lib lib = {.readconsolering = readconsolering};

static void boot(uint32_t base)
{
	memset(&xen, 0, sizeof(xen));
	xen.c = xen.p = base;
	xen.base = base;
}

/* ---- the backend ---- */

static long read_ring(struct trap *t, uint64_t *at, char *buf, size_t cap, struct err *e)
{
	static struct xen_console_said said;
	const struct xen_console_wanted w = {(uint32_t)*at, (uint32_t)cap};
	uint32_t over;

	(void)t, (void)e;
	xen_console_read(&lib, &xen, &w, &said);
	over = xen_console_place(&said, at);
	memcpy(buf, said.data + over, said.n - over);
	return said.n - over;
}

static const struct trap_ops ops = {.what = TRAP_XEN_CONSOLE, .read = read_ring};
static const struct guest_info host = {.boot = "0123456789abcdef"};
static struct trap trap = {.ops = &ops, .host = &host};

/* ---- the ledger ---- */

static struct {
	bool full; /* it takes nothing */
	char boot[17], text[8200];
	uint64_t off, next; /* of the last line, and what follows it or a gap */
	bool cont, began;
	uint64_t lines, gaps, missing;
	struct record r;
} kept;

static int emit(void *ctx, struct record *r, struct err *e)
{
	enum meta_kind kind;
	uint64_t off, bytes;

	(void)ctx;
	if (kept.full)
		return err_set(e, ENOSPC, "full");
	assert_true(meta_get_u64(r, "off", &off));
	if (!kept.began)
		kept.next = off;
	assert_int_equal(off, kept.next);
	if (meta_is(r, &kind)) {
		assert_true(meta_is_blind(r));
		assert_true(meta_get_u64(r, "bytes", &bytes));
		kept.gaps++;
		kept.missing += bytes;
		kept.next = off + bytes;
		return 0;
	}
	assert_int_equal(r->msg.n <= CONSOLE_LINE, 1);
	assert_memory_equal(r->msg.p, xen.all + (off - xen.base), r->msg.n);
	kept.next = off + r->msg.n + !r->cont;
	if (!r->cont)
		assert_int_equal(xen.all[kept.next - 1 - xen.base], '\n');
	memcpy(kept.text, r->msg.p, r->msg.n);
	kept.text[r->msg.n] = 0;
	snprintf(kept.boot, sizeof(kept.boot), "%.*s", (int)r->boot.n, r->boot.p);
	kept.off = off;
	kept.cont = r->cont;
	kept.began = true;
	kept.lines++;
	return 0;
}

static int recall(void *ctx, enum record_channel channel, source_known known, void *known_ctx, struct err *e)
{
	struct source_stored s = {.boot = kept.boot, .r = &kept.r};
	char off[24];

	(void)ctx, (void)e;
	assert_int_equal(channel, RECORD_KMSG);
	if (!kept.began)
		return 0;
	snprintf(off, sizeof(off), "%llu", (unsigned long long)kept.off);
	kept.r = (struct record){.cont = kept.cont, .msg = span_of(kept.text), .n_observed = 1};
	kept.r.observed[0] = (struct record_param){span_of("off"), span_of(off)};
	return known(known_ctx, &s) < 0;
}

static const struct source_sink sink = {.emit = emit, .recall = recall};
static struct source *s;
static struct err e;

static void open_it(void)
{
	const struct source_start start = {.trap = &trap, .sink = &sink};

	if (source_console.open(&s, &start, &e))
		fail_msg("%s", e.text);
}

static int drain(void)
{
	const struct moment m = {.now_us = 1, .now_ms = 1};
	int r;

	do
		r = source_console.drain(s, &m, &e);
	while (r == SOURCE_MORE);
	return r;
}

static void again(void)
{
	source_console.close(s);
	open_it();
}

static int fresh(void **state)
{
	(void)state;
	memset(&kept, 0, sizeof(kept));
	boot(0);
	open_it();
	return 0;
}

static int over(void **state)
{
	(void)state;
	source_console.close(s);
	return 0;
}

/* ---- tests ---- */

static void lines(void **state)
{
	(void)state;
	say("(XEN) Xen version 4.17\n(XEN) half");
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 1);
	assert_string_equal(kept.text, "(XEN) Xen version 4.17");
	say(" a line\n\n");
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 3);
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 3);
	assert_int_equal(kept.next, xen.n);
	assert_int_equal(kept.gaps, 0);
	assert_int_equal(source_console.counters(s)->records, 3);
}

static void goes_on(void **state)
{
	(void)state;
	say("one\ntwo\nthr");
	assert_int_equal(drain(), 0);
	assert_false(s->resumed);
	again();
	assert_true(s->resumed);
	say("ee\n");
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 3);
	assert_string_equal(kept.text, "three");
	strcpy(kept.boot, "fedcba9876543210"); /* what is stored is of another boot of Xen */
	again();
	assert_false(s->resumed);
	kept.began = false;
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 6);
}

static void wraps(void **state)
{
	unsigned i = 0;

	(void)state;
	say_numbered(&i);
	assert_int_equal(drain(), 0);
	while (xen.n < 3 * RING)
		say_numbered(&i);
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.gaps, 1);
	assert_int_equal(kept.next, xen.n);
	/* Not only what was overwritten, but what may have been amid it, and that line's end. */
	assert_in_range(kept.missing, xen.n - RING - 200 + CONSOLE_WRITE, xen.n - RING + CONSOLE_WRITE + 200);
	again();
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.gaps, 1);
}

/* Overwritten while it is read: what was copied before is not believed. */
static void overtaken(void **state)
{
	unsigned i = 0;

	(void)state;
	say_numbered(&i);
	assert_int_equal(drain(), 0);
	while (xen.n < RING - 200)
		say_numbered(&i);
	xen.amid = 700;
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.gaps, 1);
	assert_in_range(kept.missing, 300 + CONSOLE_WRITE, 700 + CONSOLE_WRITE);
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.next, xen.n);
}

/* xl dmesg -c: what was not read yet is missing, and nothing else. */
static void cleared(void **state)
{
	(void)state;
	say("one\n");
	assert_int_equal(drain(), 0);
	say("two\n");
	xen.c = xen.p;
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.gaps, 0); /* told with the next line */
	again();
	assert_int_equal(drain(), 0);
	say("three\n");
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.gaps, 1);
	assert_int_equal(kept.missing, 4);
	assert_string_equal(kept.text, "three");
}

static void long_line(void **state)
{
	char x[3000];

	(void)state;
	memset(x, 'x', sizeof(x));
	for (int i = 0; i < 4; i++)
		put(x, sizeof(x));
	say("\nnext\n");
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 3);
	assert_int_equal(kept.next, xen.n);
	assert_string_equal(kept.text, "next");
}

static void full_store(void **state)
{
	(void)state;
	say("one\ntwo\n");
	kept.full = true;
	assert_int_equal(drain(), -ENOSPC);
	say("three\n");
	assert_int_equal(drain(), -ENOSPC);
	kept.full = false;
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.lines, 3);
	assert_int_equal(kept.next, xen.n);
}

/* At random: lines, pieces of lines, floods, clearings, other workers, across the end of 32 bits. */
static void at_random(void **state)
{
	unsigned i = 0, seed = 20, done = 0;

	(void)state;
	boot(UINT32_MAX - 300000);
	while (xen.n < ALL - 100000) {
		unsigned x = (unsigned)rand_r(&seed) % 100;

		for (unsigned n = x < 3 ? 800 : x < 60 ? x % 7 : 0; n; n--)
			say_numbered(&i);
		if (x >= 60 && x < 70)
			say("(XEN) piece ");
		xen.amid = x >= 70 && x < 80 ? x * 7 : 0;
		if (x == 80)
			xen.c = xen.p;
		if (x >= 81 && x < 85)
			again();
		kept.full = x >= 85 && x < 88;
		if (x < 90)
			assert_int_equal(drain(), kept.full ? drain() : 0);
		done++;
	}
	kept.full = false;
	say("\n");
	assert_int_equal(drain(), 0);
	assert_int_equal(kept.next, xen.base + xen.n);
	assert_true(kept.gaps > 10 && kept.lines > 1000 && done > 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines), TEST(goes_on), TEST(wraps), TEST(overtaken), TEST(cleared), TEST(long_line), TEST(full_store),
		TEST(at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
