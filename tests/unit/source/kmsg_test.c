/* SPDX-License-Identifier: BSD-3-Clause */
/* This host's own kernel log: what /dev/kmsg writes, and which of it is stored. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "record/meta.h"
#include "source/host/kmsg_text.h"
#include "source/source.h"

extern const struct source_ops source_kmsg;

static bool parse(const char *text, struct record *r)
{
	static char buf[1024];

	snprintf(buf, sizeof(buf), "%s", text);
	return kmsg_parse(buf, strlen(buf), r);
}

static void records(void **state)
{
	struct record r;

	(void)state;
	assert_true(parse("6,339,5140900,-;NET: Registered PF_INET6\n", &r));
	assert_int_equal(r.facility, 0);
	assert_int_equal(r.severity, 6);
	assert_int_equal(r.seq, 339);
	assert_int_equal(r.guest_ns, 5140900000);
	assert_false(r.cont || r.has_caller);
	assert_true(span_is(r.msg, "NET: Registered PF_INET6"));

	assert_true(parse("30,340,7,c,caller=T4711;a\\x5cb\\x0ac\\xe4 \\x5\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n", &r));
	assert_int_equal(r.facility, 3);
	assert_true(r.cont && r.has_caller);
	assert_int_equal(r.caller, 4711);
	assert_true(span_is(r.msg, "a\\b\nc\xe4 \\x5"));
	assert_true(span_is(r.subsystem, "acpi"));
	assert_true(span_is(r.device, "+acpi:PNP0A03:00"));

	assert_true(parse("4,1,0,-,caller=C3,new=1;\n", &r));
	assert_int_equal(r.caller, 0x80000003);
	assert_int_equal(r.msg.n, 0);
}

static void no_records(void **state)
{
	static const char *const bad[] = {"", "\n", ";\n", "6,1;x\n", "x,1,2,-;x\n", "6,-1,2,-;x\n",
		"99999,1,2,-;x\n", "6,1,99999999999999999999,-;x\n", "6,1,2,-;no end", "6,1,2,-"};
	struct record r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i], &r));
}

/* ---- the source ---- */

static const char *const *coming;
static char stored[512];
static bool full;

static long read_kmsg(struct trap *t, uint64_t *at, char *buf, size_t cap, struct err *e)
{
	(void)t, (void)at, (void)e;
	if (!*coming)
		return 0;
	return snprintf(buf, cap, "%s", *coming++);
}

static int emit(void *ctx, struct record *r, struct err *e)
{
	uint64_t first, count;
	size_t n = strlen(stored);

	(void)ctx;
	if (full)
		return err_set(e, ENOSPC, "full");
	if (meta_get_gap(r, &first, &count)) {
		snprintf(stored + n, sizeof(stored) - n, "gap:%d+%d ", (int)first, (int)count);
		return 0;
	}
	assert_true(span_is(meta_get(r, "protected"), "no"));
	snprintf(stored + n, sizeof(stored) - n, "%c:%.*s ", record_fidelity_name(r->fidelity)[0], (int)r->msg.n, r->msg.p);
	return 0;
}

static const struct trap_ops ops = {.what = TRAP_HOST_KMSG, .read = read_kmsg};
static const struct guest_info host = {.boot = "0123456789abcdef"};
static struct trap trap = {.ops = &ops, .host = &host};
static const struct source_sink sink = {.emit = emit};
static struct source *s;
static struct err e;

static void begin(const struct source_resume *at)
{
	struct source_resume resume[RECORD_CHANNELS] = {{.known = false}};
	const struct source_start start = {.trap = &trap, .sink = &sink, .resume = resume};

	resume[RECORD_KMSG] = *at;
	stored[0] = 0;
	assert_int_equal(source_kmsg.open(&s, &start, &e), 0);
}

static int drain(const char *const *lines)
{
	const struct moment m = {.now_us = 1, .now_ms = 1};

	coming = lines;
	return source_kmsg.drain(s, &m, &e);
}

static void numbers(void **state)
{
	const struct source_resume none = {.known = false};

	(void)state;
	begin(&none);
	assert_int_equal(drain((const char *const[]){"6,5,1,-;a\n", "6,6,1,-;b\n", NULL}), 0);
	assert_string_equal(stored, "gap:0+5 b:a b:b ");
	assert_int_equal(source_kmsg.counters(s)->lost, 0); /* from before */
	full = true;
	assert_int_equal(drain((const char *const[]){"6,9,1,-;c\n", "6,10,1,-;d\n", NULL}), -ENOSPC);
	full = false;
	assert_int_equal(drain(coming), 0);
	assert_string_equal(stored, "gap:0+5 b:a b:b gap:7+2 l:c l:d ");
	assert_int_equal(source_kmsg.counters(s)->lost, 2);
	assert_int_equal(drain((const char *const[]){"nonsense", NULL}), -EBADMSG);
	source_kmsg.close(s);
}

static void goes_on(void **state)
{
	struct source_resume at = {.known = true, .boot = "0123456789abcdef", .seq = 6, .next = 7};

	(void)state;
	begin(&at);
	assert_true(s->resumed);
	assert_int_equal(drain((const char *const[]){"6,6,1,-;b\n", "6,7,1,-;c\n", NULL}), 0);
	assert_string_equal(stored, "b:c ");
	source_kmsg.close(s);
	begin(&at);
	assert_int_equal(drain((const char *const[]){"6,20,1,-;x\n", NULL}), 0);
	assert_string_equal(stored, "gap:7+13 b:x ");
	assert_int_equal(source_kmsg.counters(s)->lost, 13);
	source_kmsg.close(s);
	at.boot[0] = '1';
	begin(&at);
	assert_false(s->resumed);
	assert_int_equal(drain((const char *const[]){"6,0,0,-;first\n", NULL}), 0);
	assert_string_equal(stored, "b:first ");
	source_kmsg.close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records), cmocka_unit_test(no_records), cmocka_unit_test(numbers), cmocka_unit_test(goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
