/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record_test.c - leaves are valid RFC 5424, exact under round trip, and the only form accepted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "unit/record/rfc5424.h"
#include "record/meta.h"
#include "record/record.h"

static char leaf[RECORD_LEAF_MAX], again[RECORD_LEAF_MAX], scratch[RECORD_LEAF_MAX];

#define SPAN(s) ((struct span){s, sizeof(s) - 1})

static struct record sample(void)
{
	struct record r = {
		.time_us = 1795475944123456,
		.facility = 0,
		.severity = 6,
		.host = SPAN("web01"),
		.app = SPAN("kernel"),
		.msgid = SPAN("kmsg"),
		.channel = RECORD_KMSG,
		.fidelity = RECORD_LIVE,
		.has_seq = true,
		.seq = 1234,
		.has_guest_ns = true,
		.guest_ns = 12345678901,
		.boot = SPAN("0123456789abcdef"),
		.msg = SPAN("Hello 1234th world."),
	};

	return r;
}

static void assert_span(struct span a, struct span b)
{
	assert_int_equal(a.n, b.n);
	if (a.n)
		assert_memory_equal(a.p, b.p, a.n);
}

static void assert_params(const struct record_param *a, const struct record_param *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_span(a[i].name, b[i].name);
		assert_span(a[i].value, b[i].value);
	}
}

static void assert_record(const struct record *a, const struct record *b)
{
	assert_int_equal(a->time_us, b->time_us);
	assert_int_equal(a->facility, b->facility);
	assert_int_equal(a->severity, b->severity);
	assert_span(a->host, b->host);
	assert_span(a->app, b->app);
	assert_span(a->procid, b->procid);
	assert_span(a->msgid, b->msgid);
	assert_int_equal(a->channel, b->channel);
	assert_int_equal(a->fidelity, b->fidelity);
	assert_int_equal(a->has_seq, b->has_seq);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->has_guest_ns, b->has_guest_ns);
	assert_int_equal(a->guest_ns, b->guest_ns);
	assert_int_equal(a->has_caller, b->has_caller);
	assert_int_equal(a->caller, b->caller);
	assert_int_equal(a->cont, b->cont);
	assert_int_equal(a->truncated, b->truncated);
	assert_span(a->boot, b->boot);
	assert_span(a->subsystem, b->subsystem);
	assert_span(a->device, b->device);
	assert_int_equal(a->n_observed, b->n_observed);
	assert_params(a->observed, b->observed, a->n_observed);
	assert_int_equal(a->n_claimed, b->n_claimed);
	assert_params(a->claimed, b->claimed, a->n_claimed);
	assert_span(a->msg, b->msg);
}

/* Encode, check against the RFC, decode, compare, encode again, compare. Returns the leaf's length. */
static size_t round_trip(const struct record *r)
{
	long n = record_encode(r, leaf, sizeof(leaf));
	struct record d;
	struct err e = {""};
	uint8_t severity;
	int64_t time_us;
	size_t where;

	assert_true(n > 0);
	if (!rfc5424_valid(leaf, (size_t)n, &where))
		fail_msg("not RFC 5424 at byte %zu: %.*s", where, (int)(n < 400 ? n : 400), leaf);
	memset(&d, 0x5a, sizeof(d));
	if (record_decode(leaf, (size_t)n, &d, scratch, (size_t)n, &e))
		fail_msg("%s: %.*s", e.text, (int)(n < 400 ? n : 400), leaf);
	assert_record(r, &d);
	assert_int_equal(record_encode(&d, again, sizeof(again)), n);
	assert_memory_equal(leaf, again, (size_t)n);
	assert_int_equal(record_peek(leaf, (size_t)n, &time_us, &severity), 0);
	assert_int_equal(time_us, r->time_us);
	assert_int_equal(severity, r->severity);
	return (size_t)n;
}

static void documented_form(void **state)
{
	static const char want[] =
		"<6>1 2026-11-23T23:19:04.123456Z web01 kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
		"fid=\"live\" seq=\"1234\" gt=\"12345678901\" boot=\"0123456789abcdef\"] "
		"Hello 1234th world.";
	struct record r = sample();

	(void)state;
	r.time_us = 1795475944123456;
	assert_int_equal(round_trip(&r), sizeof(want) - 1);
	assert_memory_equal(leaf, want, sizeof(want) - 1);
}

static void hostile_values(void **state)
{
	static const struct span values[] = {
		SPAN("a\"b\\c]d"), SPAN("\\"), SPAN("]"), SPAN("\"\"\"\""), SPAN("line\nline\r\n"),
		SPAN("\0\0nul\0"), SPAN("\xff\xfe\x80"), SPAN("\xc3\xa9t\xc3\xa9"), SPAN("\xc3"),
		SPAN("\xed\xa0\x80 surrogate"), SPAN("\xc0\xaf overlong"), SPAN("\xf4\x90\x80\x80"),
		SPAN("\xf4\x8f\xb8\x80 our own escape"), SPAN("\xf4\x8f\xba\xbf\xf4\x8f\xb9\x81"),
		SPAN("\xef\xbb\xbf" "bom"), SPAN("\x7f\x1b[31m"), SPAN("\xe2\x80\xae rtl"), SPAN(""),
		SPAN(" "), SPAN("-"), SPAN("] fake [x@1 y=\"z\"] "), SPAN("\xef\xbb\xbf\xff"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct record r = sample();

		r.msg = r.app = r.procid = r.msgid = values[i];
		r.subsystem = r.device = values[i];
		r.n_observed = r.n_claimed = 2;
		r.observed[0] = (struct record_param){SPAN("exe"), values[i]};
		r.observed[1] = (struct record_param){SPAN("x"), SPAN("")};
		r.claimed[0] = (struct record_param){SPAN("seq"), values[i]};
		r.claimed[1] = (struct record_param){SPAN("abcdefghijklmnopqrstuvwxyz012345"),
			values[i]};
		round_trip(&r);
	}
}

static void numbers_at_their_ends(void **state)
{
	struct record r = sample();

	(void)state;
	for (int fac = 0; fac < 256; fac++) {
		r.facility = (uint8_t)fac;
		r.severity = fac & 7;
		round_trip(&r);
	}
	r.seq = r.guest_ns = UINT64_MAX;
	r.has_caller = r.cont = r.truncated = true;
	r.caller = UINT32_MAX;
	r.time_us = 0;
	round_trip(&r);
	r.time_us = INT64_C(253402300799999999);
	round_trip(&r);
	assert_memory_equal(leaf + strlen("<15>1 "), "9999-12-31T23:59:59.999999Z", 27);
	for (int64_t day = 0; day < 2932896; day += 13) {
		r.time_us = day * 86400000000 + 86399999999;
		round_trip(&r);
	}
}

static void long_header_fields(void **state)
{
	static char text[40000];
	struct record r = sample();

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t n = 1; n < 300; n++) {
		r.app = r.procid = r.msgid = (struct span){text, n};
		round_trip(&r);
	}
	r.msg = (struct span){text, 32768};
	r.app = SPAN("kworker/u8:3 x");
	round_trip(&r);
	assert_non_null(memmem(leaf, 200, " kworker/u8:3_x ", 16));
}

static void large_messages(void **state)
{
	static char text[RECORD_LEAF_MAX + 10];
	struct record r = sample(), d;
	size_t head;
	long n;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + i / 256);
	r.msg = (struct span){text, 0};
	head = round_trip(&r);
	r.msg.n = RECORD_LEAF_MAX - head;
	assert_int_equal(round_trip(&r), RECORD_LEAF_MAX);

	for (size_t over = 1; over < 9; over++) {
		r.msg.n = RECORD_LEAF_MAX - head + over;
		n = record_encode(&r, leaf, sizeof(leaf));
		assert_int_equal(n, RECORD_LEAF_MAX);
		assert_int_equal(record_decode(leaf, (size_t)n, &d, scratch, sizeof(scratch), NULL), 0);
		assert_true(d.truncated);
		assert_true(d.msg.n < r.msg.n);
		assert_memory_equal(d.msg.p, text, d.msg.n);
		round_trip(&d);
	}
}

static void small_buffers(void **state)
{
	struct record r = sample(), d;
	static char small[400];
	long n, full;

	(void)state;
	r.msg = SPAN("\xef\xbb\xbf" "begins with a byte order mark");
	full = record_encode(&r, leaf, sizeof(leaf));
	for (size_t cap = 0; cap <= sizeof(small); cap++) {
		n = record_encode(&r, small, cap);
		if (n == -ENOSPC) {
			assert_true(cap < (size_t)full);
			continue;
		}
		assert_true(n > 0 && (size_t)n <= cap);
		assert_int_equal(record_decode(small, (size_t)n, &d, scratch, (size_t)n, NULL), 0);
		assert_int_equal(d.truncated, n != full);
	}
}

static void bad_records_are_refused(void **state)
{
	struct record r = sample();

	(void)state;
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		r = sample();                                                                      \
		change;                                                                            \
		assert_int_equal(record_encode(&r, leaf, sizeof(leaf)), -EINVAL);                  \
	} while (0)
	REFUSED(r.time_us = -1);
	REFUSED(r.time_us = INT64_C(253402300800000000));
	REFUSED(r.severity = 8);
	REFUSED(r.host = SPAN(""));
	REFUSED(r.host = SPAN("../x"));
	REFUSED(r.boot = SPAN("0123456789ABCDEF"));
	REFUSED(r.boot = SPAN("0123"));
	REFUSED(r.channel = RECORD_CHANNELS);
	REFUSED(r.fidelity = RECORD_FIDELITIES);
	REFUSED(r.n_observed = RECORD_PARAMS_MAX + 1);
	REFUSED(r.n_claimed = 1; r.claimed[0].name = SPAN(""));
	REFUSED(r.n_claimed = 1; r.claimed[0].name = SPAN("a b"));
	REFUSED(r.n_claimed = 1; r.claimed[0].name = SPAN("a=b"));
	REFUSED(r.n_claimed = 1; r.claimed[0].name = SPAN("abcdefghijklmnopqrstuvwxyz0123456"));
	REFUSED(r.n_observed = 1; r.observed[0].name = SPAN("seq"));
#undef REFUSED
}

#define HEAD "<6>1 2026-11-23T23:19:04.123456Z web01 kernel - kmsg "
#define BEGIN HEAD "[logvisor@32473 ch=\"kmsg\" fid=\"live\""

static void other_leaves_are_refused(void **state)
{
	static const struct span bad[] = {
		SPAN(""), SPAN("<6>1"), SPAN("<06>1 2026-11-23T23:19:04.123456Z web01 kernel - kmsg - x"),
		SPAN(HEAD "- text"), SPAN(HEAD "[logvisor@32473] text"),
		SPAN(HEAD "[logvisor@32473 fid=\"live\" ch=\"kmsg\"] text"),
		SPAN(HEAD "[logvisor@32473 ch=\"kmsg\"] text"), SPAN(BEGIN), SPAN(BEGIN "]"),
		SPAN(BEGIN "]text"), SPAN(BEGIN "] \xef\xbb\xbf text"), SPAN(BEGIN " bom=\"1\"]  text"),
		SPAN(BEGIN " bom=\"1\"] \xef\xbb\xbf text"), SPAN(BEGIN " seq=\"01\"] text"),
		SPAN(BEGIN " seq=\"18446744073709551616\"] text"), SPAN(BEGIN " seq=\"\"] text"),
		SPAN(BEGIN " seq=\"-1\"] text"), SPAN(BEGIN " gt=\"1\" seq=\"1\"] text"),
		SPAN(BEGIN " seq=\"1\" seq=\"1\"] text"), SPAN(BEGIN " x=\"1\" seq=\"1\"] text"),
		SPAN(BEGIN " caller=\"4294967296\"] text"), SPAN(BEGIN " cont=\"0\"] text"),
		SPAN(BEGIN " boot=\"0\"] text"), SPAN(BEGIN " sub=\"\"] text"),
		SPAN(BEGIN " fac=\"24\"] text"), SPAN(BEGIN " app=\"kernel\"] text"),
		SPAN(BEGIN " app=\"two words\"] text"), SPAN(BEGIN " x=\"a\\b\"] text"),
		SPAN(BEGIN " x=\"a]b\"] text"), SPAN(BEGIN " x=\"a\nb\"] text"),
		SPAN(BEGIN " x=\"\xff\"] text"), SPAN(BEGIN " x=\"\xf4\x8f\xb9\x81\"] text"),
		SPAN(BEGIN " x=\"\xf4\x8f\xbb\x83\xf4\x8f\xba\xa9\"] text"), SPAN(BEGIN " x=1] text"),
		SPAN(BEGIN "  x=\"1\"] text"), SPAN(BEGIN "][guest@32473] text"),
		SPAN(BEGIN "][guest@32473 a=\"1\"][x@1] text"),
		SPAN("<6>1 2026-02-29T23:19:04.123456Z web01 kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
		     "fid=\"live\"] text"),
		SPAN("<6>1 2026-11-23T23:19:60.123456Z web01 kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
		     "fid=\"live\"] text"),
		SPAN("<6>1 2026-11-23T23:19:04.123456Z - kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
		     "fid=\"live\"] text"),
		SPAN("<192>1 2026-11-23T23:19:04.123456Z web01 kernel - kmsg [logvisor@32473 ch=\"kmsg\" "
		     "fid=\"live\"] text"),
	};
	struct record d;
	struct err e;

	(void)state;
	assert_int_equal(record_decode(BEGIN "] text", strlen(BEGIN "] text"), &d, scratch,
		sizeof(scratch), &e), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.text[0] = 0;
		if (record_decode(bad[i].p, bad[i].n, &d, scratch, sizeof(scratch), &e) != -EBADMSG)
			fail_msg("accepted: %s", bad[i].p);
		assert_non_null(strstr(e.text, "leaf: "));
	}
}

/* Any change of one byte either is refused, or is another record's only form. */
static void one_byte_changed(void **state)
{
	struct record r = sample(), d;
	char changed[600];
	long n;

	(void)state;
	r.app = SPAN("a b");
	r.n_observed = r.n_claimed = 1;
	r.observed[0] = (struct record_param){SPAN("exe"), SPAN("/bin/\xff\n]")};
	r.claimed[0] = (struct record_param){SPAN("tag"), SPAN("t\xc3\xa9")};
	n = record_encode(&r, leaf, sizeof(leaf));
	for (long i = 0; i < n; i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(changed, leaf, (size_t)n);
			changed[i] = (char)c;
			if (record_decode(changed, (size_t)n, &d, scratch, (size_t)n, NULL))
				continue;
			assert_int_equal(record_encode(&d, again, sizeof(again)), n);
			assert_memory_equal(again, changed, (size_t)n);
		}
	}
}

static uint32_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static struct span random_span(char **at, const char *end, size_t max)
{
	struct span s = {*at, rnd((uint32_t)max + 1)};
	bool text = rnd(2);

	if ((size_t)(end - *at) < s.n)
		s.n = (size_t)(end - *at);
	for (size_t i = 0; i < s.n; i++)
		*(*at)++ = (char)(text ? 'a' + rnd(26) : rnd(256));
	return s;
}

static void random_records(void **state)
{
	static const char *const names[] = {"a", "exe", "uid", "_COMM", "x/y", "CODE_FILE"};
	static char pool[20000];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char *at = pool;
		const char *end = pool + sizeof(pool);
		struct record r = sample();

		r.time_us = (int64_t)rnd(UINT32_MAX) * 50000 + rnd(50000);
		r.facility = (uint8_t)rnd(256);
		r.severity = (uint8_t)rnd(8);
		r.channel = rnd(RECORD_CHANNELS);
		r.fidelity = rnd(RECORD_FIDELITIES);
		r.has_caller = rnd(2);
		r.caller = r.has_caller ? rnd(UINT32_MAX) : 0;
		r.cont = rnd(2);
		r.truncated = rnd(2);
		r.app = random_span(&at, end, 60);
		r.procid = random_span(&at, end, 140);
		r.msgid = random_span(&at, end, 40);
		r.subsystem = random_span(&at, end, 10);
		r.device = random_span(&at, end, 10);
		r.n_observed = rnd(5);
		r.n_claimed = rnd(5);
		for (int i = 0; i < 5; i++) {
			r.observed[i].name = span_of(names[rnd(6)]);
			r.observed[i].value = random_span(&at, end, 50);
			r.claimed[i].name = span_of(names[rnd(6)]);
			r.claimed[i].value = random_span(&at, end, 50);
		}
		r.msg = random_span(&at, end, rnd(20) ? 200 : 9000);
		round_trip(&r);
	}
}

static void names(void **state)
{
	(void)state;
	assert_true(record_name_ok("web01"));
	assert_true(record_name_ok("a.b-c_d"));
	assert_true(record_name_ok("0123456789012345678901234567890123456789012345678901234567890123"));
	assert_false(record_name_ok(
		"01234567890123456789012345678901234567890123456789012345678901234"));
	assert_false(record_name_ok(""));
	assert_false(record_name_ok(NULL));
	assert_false(record_name_ok(".."));
	assert_false(record_name_ok("-x"));
	assert_false(record_name_ok("a/b"));
	assert_false(record_name_ok("a\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented_form),
		cmocka_unit_test(hostile_values),
		cmocka_unit_test(numbers_at_their_ends),
		cmocka_unit_test(long_header_fields),
		cmocka_unit_test(large_messages),
		cmocka_unit_test(small_buffers),
		cmocka_unit_test(bad_records_are_refused),
		cmocka_unit_test(other_leaves_are_refused),
		cmocka_unit_test(one_byte_changed),
		cmocka_unit_test(random_records),
		cmocka_unit_test(names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
