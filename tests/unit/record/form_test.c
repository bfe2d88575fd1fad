/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * form_test.c - what is printed of a record, and that none of it can drive a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "record/form.h"
#include "record/harmless.h"
#include "record/meta.h"

#define SPAN(s) ((struct span){s, sizeof(s) - 1})

static char *text;
static size_t size;

static struct record sample(struct span msg)
{
	return (struct record){
		.time_us = INT64_C(1795475944123456), .severity = 6, .host = SPAN("web01"),
		.app = SPAN("kernel"), .msgid = SPAN("kmsg"), .channel = RECORD_KMSG, .has_seq = true,
		.seq = 7, .has_guest_ns = true, .guest_ns = 12345678901, .boot = SPAN("0123456789abcdef"),
		.msg = msg,
	};
}

static const char *put(struct form *f, const struct record *r)
{
	static const struct span leaf = SPAN("<6>1 the leaf\n\033");
	FILE *out;

	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	assert_non_null(out);
	form_put(f, out, r, leaf, 42);
	fclose(out);
	return text;
}

static const char *put_as(enum form_kind kind, const struct record *r)
{
	struct form f = {.kind = kind, .utc = true};

	return put(&f, r);
}

static void human_forms(void **state)
{
	struct record r = sample(SPAN("text"));

	(void)state;
	assert_string_equal(put_as(FORM_SHORT, &r), "Nov 23 23:19:04 web01 kernel: text\n");
	assert_string_equal(put_as(FORM_SHORT_ISO, &r),
		"2026-11-23T23:19:04+0000 web01 kernel: text\n");
	assert_string_equal(put_as(FORM_SHORT_MONOTONIC, &r), "[   12.345678] web01 kernel: text\n");
	assert_string_equal(put_as(FORM_CAT, &r), "text\n");
	r.procid = SPAN("77");
	r.app = SPAN("a\nb");
	r.truncated = true;
	assert_string_equal(put_as(FORM_SHORT, &r),
		"Nov 23 23:19:04 web01 a\\x0ab[77]: text [truncated]\n");
	r.has_guest_ns = false;
	assert_string_equal(put_as(FORM_SHORT_MONOTONIC, &r),
		"[            ] web01 a\\x0ab[77]: text [truncated]\n");
}

/* What journalctl 252 prints for the same record, but for the cursor. */
static void journalctl_forms(void **state)
{
	static const struct span only[] = {SPAN("MESSAGE"), SPAN("_UID")};
	struct record r = sample(SPAN("two\nlines"));
	struct form f = {.kind = FORM_VERBOSE, .utc = true, .only = only, .n_only = 2};

	(void)state;
	r.msg = SPAN("text");
	assert_string_equal(put_as(FORM_SHORT_FULL, &r), "Mon 2026-11-23 23:19:04 UTC web01 kernel: text\n");
	assert_string_equal(put_as(FORM_SHORT_PRECISE, &r), "Nov 23 23:19:04.123456 web01 kernel: text\n");
	assert_string_equal(put_as(FORM_SHORT_ISO_PRECISE, &r),
		"2026-11-23T23:19:04.123456+0000 web01 kernel: text\n");
	assert_string_equal(put_as(FORM_SHORT_UNIX, &r), "1795475944.123456 web01 kernel: text\n");
	assert_string_equal(put_as(FORM_WITH_UNIT, &r), "Mon 2026-11-23 23:19:04 UTC web01 kernel: text\n");
	r.n_observed = 2;
	r.observed[0] = (struct record_param){SPAN("unit"), SPAN("sshd.service")};
	r.observed[1] = (struct record_param){SPAN("uid"), SPAN("1000")};
	assert_string_equal(put_as(FORM_WITH_UNIT, &r),
		"Mon 2026-11-23 23:19:04 UTC web01 sshd.service: text\n");
	r.msg = SPAN("two\nlines");
	assert_string_equal(put(&f, &r), "Mon 2026-11-23 23:19:04.123456 UTC [vm=web01;i=42]\n"
		"    _UID=1000\n    MESSAGE=two\n            lines\n");
	f.kind = FORM_CAT;
	assert_string_equal(put(&f, &r), "two\nlines\n1000\n");
	f.kind = FORM_JSON_PRETTY;
	assert_string_equal(put(&f, &r), "{\n\t\"__CURSOR\" : \"vm=web01;i=42\",\n"
		"\t\"__REALTIME_TIMESTAMP\" : \"1795475944123456\",\n\t\"__MONOTONIC_TIMESTAMP\" : \"12345678\",\n"
		"\t\"_BOOT_ID\" : \"0123456789abcdef6c6f677669736f72\",\n\t\"_UID\" : \"1000\",\n"
		"\t\"MESSAGE\" : \"two\\nlines\"\n}\n");
	f.kind = FORM_JSON_SEQ;
	assert_memory_equal(put(&f, &r), "\036{\"__CURSOR\":", 13);
	f.kind = FORM_JSON_SSE;
	put(&f, &r);
	assert_memory_equal(text, "data: {\"__CURSOR\":", 18);
	assert_memory_equal(text + size - 3, "}\n\n", 3);
	f = (struct form){.kind = FORM_SHORT, .utc = true, .no_host = true};
	assert_string_equal(put(&f, &r), "Nov 23 23:19:04 kernel: two\n                        lines\n");
}

/* A journal takes no entry of the epoch itself and none past 2^55 us; the record's own time stays with it. */
static void absurd_times(void **state)
{
	struct record r = sample(SPAN("text"));

	(void)state;
	r.time_us = 0;
	assert_string_equal(put_as(FORM_SHORT, &r), "Jan 01 00:00:00 web01 kernel: text\n");
	assert_non_null(strstr(put_as(FORM_JSON, &r), "\"__REALTIME_TIMESTAMP\":\"0\""));
	assert_non_null(strstr(put_as(FORM_EXPORT, &r), "\n__REALTIME_TIMESTAMP=1\n"));
	assert_non_null(strstr(text, "\n_LOGVISOR_REALTIME=0\n"));
	r.time_us = INT64_C(253402300799999999);
	assert_string_equal(put_as(FORM_SHORT_FULL, &r), "Fri 9999-12-31 23:59:59 UTC web01 kernel: text\n");
	assert_non_null(strstr(put_as(FORM_EXPORT, &r), "\n__REALTIME_TIMESTAMP=36028797018963967\n"));
	assert_non_null(strstr(text, "\n_LOGVISOR_REALTIME=253402300799999999\n"));
}

static void fields_by_name(void **state)
{
	static struct form_fields fields;
	struct record r = sample(SPAN("text"));

	(void)state;
	r.n_claimed = 2;
	r.claimed[0] = (struct record_param){SPAN("uid"), SPAN("0")};
	r.claimed[1] = (struct record_param){SPAN("uid"), SPAN("1")};
	form_fields_named(&r, 42, SPAN("GUEST_UID"), &fields);
	assert_int_equal(fields.n, 2);
	assert_true(span_is(fields.field[1].value, "1"));
	form_fields_named(&r, 42, SPAN("_UID"), &fields); /* what the guest claims is no fact */
	assert_int_equal(fields.n, 0);
	form_fields_named(&r, 42, SPAN("__CURSOR"), &fields);
	assert_int_equal(fields.n, 0);
}

static void local_time(void **state)
{
	struct record r = sample(SPAN("text"));
	struct form f = {.kind = FORM_SHORT_ISO};

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	assert_string_equal(put(&f, &r), "2026-11-24T00:19:04+0100 web01 kernel: text\n");
	f.utc = true;
	f.has_second = false;
	assert_string_equal(put(&f, &r), "2026-11-23T23:19:04+0000 web01 kernel: text\n");
}

static void lines_cannot_be_forged(void **state)
{
	struct record r = sample(SPAN("one\nNov 23 23:19:04 web01 kernel: two\n\n"));

	(void)state;
	assert_string_equal(put_as(FORM_SHORT, &r), "Nov 23 23:19:04 web01 kernel: one\n"
		"                              Nov 23 23:19:04 web01 kernel: two\n");
}

static void own_records(void **state)
{
	const struct meta_counters c = {0};
	struct form f = {.kind = FORM_SHORT, .utc = true};
	struct meta m;

	(void)state;
	meta_begin(&m, "web01", META_GAP, INT64_C(1795475944123456), NULL);
	meta_gap(&m, RECORD_KMSG, 5, 2, "overwritten");
	assert_true(form_shows(&f, &m.r));
	assert_string_equal(put(&f, &m.r), "Nov 23 23:19:04 web01 logvisor: gap: 2 records of kmsg lost "
					   "from sequence number 5 on: overwritten\n");
	f.kind = FORM_CAT;
	assert_true(form_shows(&f, &m.r));
	assert_string_equal(put(&f, &m.r), "-- logvisor gap: 2 records of kmsg lost from sequence number "
					   "5 on: overwritten --\n");
	meta_begin(&m, "web01", META_HEARTBEAT, 1, NULL);
	meta_heartbeat(&m, &c);
	assert_false(form_shows(&f, &m.r));
	f.kind = FORM_SHORT;
	assert_false(form_shows(&f, &m.r));
	f.all = true;
	assert_true(form_shows(&f, &m.r));
	f = (struct form){.kind = FORM_JSON};
	assert_true(form_shows(&f, &m.r));
}

static void json(void **state)
{
	struct record r = sample(SPAN("q\" b\\ n\n e\033 c1\xc2\x9b \xe2\x80\xae \xc3\xbc"));
	const char *s = put_as(FORM_JSON, &r);

	(void)state;
	assert_non_null(strstr(s, "\"MESSAGE\":\"q\\\" b\\\\ n\\n e\\u001b c1\\u009b \\u202e \xc3\xbc\"}\n"));
	assert_non_null(strstr(s, "\"__CURSOR\":\"vm=web01;i=42\""));
	assert_non_null(strstr(s, "\"_SOURCE_MONOTONIC_TIMESTAMP\":\"12345678\""));
	r.msg = SPAN("\xff\0");
	r.n_claimed = 3;
	r.claimed[0] = (struct record_param){SPAN("a.b"), SPAN("1")};
	r.claimed[1] = (struct record_param){SPAN("x"), SPAN("\xf3\xa0\x80\x81")};
	r.claimed[2] = (struct record_param){SPAN("A-B"), SPAN("2")};
	s = put_as(FORM_JSON, &r);
	assert_non_null(strstr(s, "\"MESSAGE\":[255,0]}\n"));
	assert_non_null(strstr(s, "\"GUEST_A_B\":[\"1\",\"2\"],\"GUEST_X\":\"\\udb40\\udc01\","));
}

/* RFC 8259 the slow way, for US-ASCII: the string that stands for @n bytes @s. Returns its length. */
static size_t json_string(char *out, const char *s, size_t n)
{
	size_t len = 0;

	out[len++] = '"';
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			out[len++] = '\\';
		if (c == '\n' || c == '\t')
			len += (size_t)sprintf(out + len, "\\%c", c == '\n' ? 'n' : 't');
		else if (c < 0x20 || c == 0x7f)
			len += (size_t)sprintf(out + len, "\\u%04x", c);
		else
			out[len++] = (char)c;
	}
	out[len++] = '"';
	return len;
}

/* Whatever the text's length, and wherever in it stands what. */
static void json_any_text(void **state)
{
	static const size_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 2000, 3000, 3500,
		3700, 3800, 4000, 4095, 4096, 4097, 9000, 60000};
	static char msg[60000], want[400000];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i];

		for (unsigned int c = 0; c < 256; c++) {
			size_t places = n < 18 ? n : 18, len;
			struct record r = sample((struct span){msg, n});

			/* All places of a short text; of a long one each byte is somewhere. */
			for (size_t at = n < 2000 ? 0 : c % 17; at < places; at += n < 2000 ? 1 : 17) {
				memset(msg, 'm', sizeof(msg));
				msg[n < 2000 ? at : n - 1 - at] = (char)c;
				put_as(FORM_JSON, &r);
				len = json_string(want, msg, n);
				if (c >= 0x80) /* not UTF-8: an array of numbers */
					assert_int_equal(text[size - 3], ']');
				else
					assert_memory_equal(text + size - 2 - len, want, len);
				assert_memory_equal(text + size - 2, "}\n", 2);
			}
		}
	}
}

/* Long values before the text, so that pieces end anywhere in the buffer they are gathered in. */
static void json_any_place(void **state)
{
	static char value[5000];
	struct record r = sample(SPAN("the text"));

	(void)state;
	memset(value, 'v', sizeof(value));
	for (size_t n = 3200; n < 4400; n++) {
		char *at;

		r.n_claimed = 1;
		r.claimed[0] = (struct record_param){SPAN("x"), {value, n}};
		put_as(FORM_JSON, &r);
		at = memmem(text, size, ",\"GUEST_X\":\"vvv", 15);
		assert_non_null(at);
		assert_int_equal(strspn(at + 12, "v"), n);
		assert_string_equal(at + 12 + n, "\",\"MESSAGE\":\"the text\"}\n");
	}
}

static void export(void **state)
{
	struct record r = sample(SPAN("a\nb"));
	struct form f = {.kind = FORM_EXPORT};

	(void)state;
	put(&f, &r);
	assert_non_null(memmem(text, size, "\nMESSAGE\n\3\0\0\0\0\0\0\0a\nb\n\n", 22));
	assert_non_null(strstr(text, "\n__MONOTONIC_TIMESTAMP=12345678\n"));
	/* printk's stamps may step back a little within a boot; an entry's monotonic time may not */
	r.guest_ns -= 5000000;
	put(&f, &r);
	assert_non_null(strstr(text, "\n__MONOTONIC_TIMESTAMP=12345678\n"));
	assert_non_null(strstr(text, "\n_SOURCE_MONOTONIC_TIMESTAMP=12340678\n"));
	r.boot = SPAN("fedcba9876543210");
	put(&f, &r);
	assert_non_null(strstr(text, "\n__MONOTONIC_TIMESTAMP=12340678\n"));
}

static void exact_forms(void **state)
{
	struct record r = sample(SPAN(""));
	struct form f = {.kind = FORM_FRAMED, .terminal = true};

	(void)state;
	assert_string_equal(put_as(FORM_RAW, &r), "<6>1 the leaf\n\033\n");
	assert_string_equal(put_as(FORM_FRAMED, &r), "15 <6>1 the leaf\n\033");
	assert_string_equal(put(&f, &r), "15 <6>1 the leaf\\x0a\\x1b\n");
}

/* On a terminal no form lets through anything but printable text, newline, tab, and our own colours. */
static void terminals_are_safe(void **state)
{
	char msg[256 + 64];
	struct record r;

	(void)state;
	for (int i = 0; i < 256; i++)
		msg[i] = (char)i;
	memcpy(msg + 256, "\xc2\x80\xc2\x9f\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xc3\xa9", 16);
	r = sample((struct span){msg, 272});
	r.app = r.procid = r.subsystem = r.device = r.msg;
	r.n_observed = 1;
	r.observed[0] = (struct record_param){SPAN("p"), r.msg};
	for (int kind = 0; kind < FORM_KINDS; kind++) {
		for (int ascii = 0; ascii < 2; ascii++) {
			struct form f = {.kind = (enum form_kind)kind, .terminal = true, .ascii = ascii};

			put(&f, &r);
			for (size_t i = 0; i < size; i++) {
				unsigned char c = (unsigned char)text[i];

				if (c == 0xc2)
					assert_true((unsigned char)text[i + 1] >= 0xa0);
				else
					assert_true(c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) ||
						(c >= 0x80 && !ascii));
			}
			assert_null(memmem(text, size, "\xe2\x80\xae", 3));
			assert_null(memmem(text, size, "\xe2\x81\xa6", 3));
		}
	}
}

static void colours(void **state)
{
	struct form f = {.kind = FORM_SHORT, .utc = true, .colour = true};
	struct record r = sample(SPAN("text"));

	(void)state;
	assert_null(strchr(put(&f, &r), '\033'));
	r.severity = 3;
	assert_string_equal(put(&f, &r), "Nov 23 23:19:04 web01 kernel: \033[1;31mtext\033[0m\n");
}

static void names(void **state)
{
	(void)state;
	for (int k = 0; k < FORM_KINDS; k++)
		assert_int_equal(form_by_name(form_name((enum form_kind)k)), k);
	assert_int_equal(form_by_name("loud"), -1);
}

static int free_text(void **state)
{
	(void)state;
	free(text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(human_forms),
		cmocka_unit_test(journalctl_forms),
		cmocka_unit_test(absurd_times),
		cmocka_unit_test(fields_by_name),
		cmocka_unit_test(local_time),
		cmocka_unit_test(lines_cannot_be_forged),
		cmocka_unit_test(own_records),
		cmocka_unit_test(json), cmocka_unit_test(json_any_text), cmocka_unit_test(json_any_place),
		cmocka_unit_test(export),
		cmocka_unit_test(exact_forms),
		cmocka_unit_test(terminals_are_safe),
		cmocka_unit_test(colours),
		cmocka_unit_test(names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, free_text);
}
