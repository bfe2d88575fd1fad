/* SPDX-License-Identifier: BSD-3-Clause */
/* stream_test.c - bytes written to stdout become lines, whatever they are and however they come. */
#include "unit/source/app_rig.h"

#include "source/unix/stream.h"

#define HEAD "myprog\nmy.service\n30\n1\n0\n0\n0\n"

static struct outbox out;
static struct streams streams;

static void begin(void)
{
	outbox_init(&out, &rig_sink);
	streams_init(&streams, &out);
}

static void flush(void)
{
	struct err e;

	assert_int_equal(outbox_flush(&out, UINT32_MAX, 1, &e), 0);
}

static void finish(void)
{
	streams_end(&streams);
	flush();
	streams_free(&streams);
	assert_int_equal(streams.bytes, 0);
	outbox_free(&out);
	rig_clear();
}

static void put(uint64_t sock, uint32_t pid, const char *text, size_t n)
{
	struct app_copy c = {.sock = sock, .pid = pid, .tid = pid, .comm = "prog", .tcomm = "prog",
		.loginuid = APP_ABSENT, .sessionid = APP_ABSENT};
	struct outbox_message m = {.channel = RECORD_STREAM, .time_us = 5, .copy = &c, .text = {text, n},
		.paths = {.exe = span_of("/usr/bin/prog"), .sock = span_of("/run/systemd/journal/stdout")}};

	streams_take(&streams, &m);
}

#define say(sock, pid, s) put(sock, pid, s, sizeof(s) - 1)

/* Record @i is line @text of process @pid; how it ended. */
static const struct record *line(unsigned i, const char *pid, const char *text, const char *brk)
{
	const struct record *r;

	flush();
	r = rig_get(i);
	assert_int_equal(r->channel, RECORD_STREAM);
	rig_is(r->msg, text);
	rig_is(r->procid, pid);
	rig_is(rig_observed(r, "brk"), brk);
	rig_is(rig_observed(r, "exe"), "/usr/bin/prog");
	return r;
}

static void from_its_first_byte(void **state)
{
	const struct record *r;

	(void)state;
	begin();
	say(1, 1, HEAD);
	line(0, "1", HEAD, "header");
	say(1, 7, "<3>bad\nplain\nhal");
	r = line(1, "7", "<3>bad", "");
	assert_int_equal(r->severity, 3);
	assert_int_equal(r->facility, 3);
	rig_is(rig_claimed(r, "identifier"), "myprog");
	rig_is(rig_claimed(r, "unit"), "my.service");
	assert_int_equal(line(2, "7", "plain", "")->severity, 6);
	assert_int_equal(rig.n, 3);
	say(1, 7, "f\n\n");
	line(3, "7", "half", "");
	line(4, "7", "", "");
	say(1, 7, "a\0b");
	line(5, "7", "a", "nul");
	say(1, 8, "c\n");
	line(6, "7", "b", "pid-change");
	line(7, "8", "c", "");
	assert_int_equal(rig.n, 8);
	say(1, 8, "end");
	finish();
}

static void met_midway(void **state)
{
	const struct record *r;

	(void)state;
	begin();
	say(1, 7, "rest of a line\n<4>warn\n<9>no\n<x\n");
	r = line(0, "7", "rest of a line", "");
	assert_int_equal(r->n_claimed, 0);
	assert_int_equal(line(1, "7", "<4>warn", "")->severity, 4);
	assert_int_equal(line(2, "7", "<9>no", "")->severity, 6);
	line(3, "7", "<x", "");
	/* Without its prefix meaning anything. */
	say(2, 7, "p\n\n13\n0\n0\n0\n0\n<2>x\n");
	r = line(5, "7", "<2>x", "");
	assert_int_equal(r->severity, 5);
	assert_int_equal(r->facility, 1);
	/* What only begins like a header is lines. */
	say(3, 7, "p\nu\n13\n1\n0\n0\nmaybe\n");
	line(6, "7", "p", "");
	line(12, "7", "maybe", "");
	assert_int_equal(rig.n, 13);
	finish();
}

/* A socket's memory is used again: what was begun before is no part of the new stream. */
static void another_at_its_place(void **state)
{
	(void)state;
	begin();
	say(1, 1, HEAD);
	say(1, 7, "begun");
	say(1, 1, "other\n\n6\n1\n0\n0\n0\nfirst\n");
	rig_is(rig_claimed(line(1, "7", "begun", "pid-change"), "identifier"), "myprog");
	rig_is(rig_claimed(line(3, "1", "first", ""), "identifier"), "other");
	finish();
}

/* Every byte that is written is in a record, however the writes are cut, and no line is longer than journald's. */
static void any_bytes(void **state)
{
	static char all[400000];
	size_t done = 0, got = 0;

	(void)state;
	srand(1);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = i > 100000 && i < 300000 ? 'x' : (char)(rand() % 100 ? rand() : '\n');
	begin();
	while (done < sizeof(all)) {
		size_t n = (size_t)rand() % 9000 + 1;

		n = n < sizeof(all) - done ? n : sizeof(all) - done;
		put(1, 7, all + done, n);
		done += n;
		flush();
	}
	streams_end(&streams);
	flush();
	for (unsigned i = 0; i < rig.n; i++) {
		const struct record *r = rig_get(i);
		struct span brk = rig_observed(r, "brk");

		assert_true(r->msg.n <= STREAM_LINE_MAX);
		assert_memory_equal(r->msg.p, all + got, r->msg.n);
		got += r->msg.n + (!brk.n || span_is(brk, "nul"));
	}
	assert_int_equal(got, sizeof(all));
	finish();
}

/* Streams and bytes without end: bounded, and nothing is lost. */
static void hostile(void **state)
{
	static char big[STREAM_LINE_MAX - 1];
	unsigned before;

	(void)state;
	begin();
	for (uint64_t i = 1; i <= STREAMS_MAX + 1000; i++)
		say(i << 6, 7, "x");
	assert_int_equal(streams.n, STREAMS_MAX);
	flush();
	assert_int_equal(rig.n, 1000);
	rig_is(rig_observed(rig_get(0), "brk"), "memory");
	finish();
	begin();
	memset(big, 'y', sizeof(big));
	for (uint64_t i = 1; i <= 300; i++)
		put(i << 6, 7, big, sizeof(big));
	assert_true(streams.bytes <= STREAM_BYTES_MAX);
	flush();
	before = rig.n;
	assert_true(before >= 300 - STREAM_BYTES_MAX / sizeof(big) - 1);
	streams_end(&streams);
	flush();
	assert_int_equal(rig.n, 300);
	finish();
}

/* While the sink takes nothing they wait; what is too much is counted. */
static void nothing_taken(void **state)
{
	static char big[40000];
	uint64_t lost;
	struct err e;

	(void)state;
	begin();
	rig.full = true;
	memset(big, 'z', sizeof(big));
	big[sizeof(big) - 1] = '\n';
	for (unsigned i = 0; i < 3000; i++)
		put(1, 7, big, sizeof(big));
	assert_true(outbox_flush(&out, 10, 1, &e) == -ENOSPC);
	assert_true(out.bytes <= OUTBOX_BYTES_MAX);
	rig.full = false;
	flush();
	assert_true(meta_get_u64(rig_get(rig.n - 1), "count", &lost));
	assert_int_equal(lost + rig.n - 1, 3000);
	assert_int_equal(out.counters.lost, lost);
	assert_int_equal(out.counters.records, rig.n - 1);
	finish();
}

/* What is appended to files: with its place in the file, and nothing in it is more than text. */
static void of_files(void **state)
{
	struct app_copy c = {.sock = 1, .pid = 7, .tid = 7, .loginuid = APP_ABSENT, .sessionid = APP_ABSENT};
	struct outbox_message m = {.channel = RECORD_FILE, .copy = &c, .has_offset = true, .facility = 1, .severity = 6,
		.paths = {.file = span_of("/var/log/x")}};
	static const char *const text[] = {HEAD, "<3>ba", "d\nnext\nthi", "rd\n"};
	static const char *const want[] = {"myprog", "my.service", "30", "1", "0", "0", "0", "<3>bad", "next", "third"};
	static const char *const off[] = {"100", "107", "118", "121", "123", "125", "127", "129", "136", "141"};

	(void)state;
	outbox_init(&out, &rig_sink);
	streams_init_plain(&streams, &out);
	m.offset = 100;
	for (unsigned i = 0; i < 4; i++) {
		m.text = span_of(text[i]);
		streams_take(&streams, &m);
		m.offset += m.text.n;
	}
	m.text = (struct span){"a\0b\n", 4};
	streams_take(&streams, &m);
	flush();
	assert_int_equal(rig.n, 11);
	for (unsigned i = 0; i < 10; i++) {
		rig_is(rig_get(i)->msg, want[i]);
		rig_is(rig_observed(rig_get(i), "off"), off[i]);
		rig_is(rig_observed(rig_get(i), "file"), "/var/log/x");
		assert_int_equal(rig_get(i)->severity, 6);
		assert_int_equal(rig_get(i)->facility, 1);
	}
	assert_int_equal(rig_get(10)->msg.n, 3);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_its_first_byte), cmocka_unit_test(met_midway), cmocka_unit_test(another_at_its_place),
		cmocka_unit_test(any_bytes), cmocka_unit_test(hostile), cmocka_unit_test(nothing_taken),
		cmocka_unit_test(of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
