/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * meta_test.c - Logvisor's own records encode, whatever is put into them, and are told from a guest's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "record/meta.h"

static struct meta m;
static struct record d;
static char leaf[RECORD_LEAF_MAX], scratch[RECORD_LEAF_MAX];

/* Encode m, decode it into d, expect @kind. */
static void through_leaf(enum meta_kind kind)
{
	enum meta_kind found;
	long n = record_encode(&m.r, leaf, sizeof(leaf));

	assert_true(n > 0);
	assert_int_equal(record_decode(leaf, (size_t)n, &d, scratch, sizeof(scratch), NULL), 0);
	assert_true(meta_is(&d, &found));
	assert_int_equal(found, kind);
	assert_true(span_is(d.host, "web01"));
	assert_true(d.msg.n > 0);
}

static void begin(enum meta_kind kind)
{
	meta_begin(&m, "web01", kind, 1000000, "0123456789abcdef");
}

static void every_kind(void **state)
{
	const struct meta_counters c = {.records = 10, .lost = 3, .lag_us = UINT64_MAX};
	uint64_t v;

	(void)state;
	begin(META_ATTACH);
	meta_attach(&m, "gdb:/run/web01.gdb", "gdb", "6.1.0-18-cloud-amd64");
	through_leaf(META_ATTACH);
	assert_true(span_is(meta_get(&d, "target"), "gdb:/run/web01.gdb"));
	begin(META_DETACH);
	meta_detach(&m, "SIGTERM", &c);
	through_leaf(META_DETACH);
	assert_true(meta_get_u64(&d, "records", &v) && v == 10);
	begin(META_BOOT);
	meta_boot(&m, "6.1", NULL);
	through_leaf(META_BOOT);
	begin(META_GAP);
	meta_gap(&m, RECORD_KMSG, 100, 7, "overwritten");
	through_leaf(META_GAP);
	assert_int_equal(d.channel, RECORD_KMSG);
	assert_int_equal(d.severity, 3);
	assert_true(meta_get_u64(&d, "first", &v) && v == 100);
	assert_true(meta_get_u64(&d, "count", &v) && v == 7);
	assert_false(meta_get_u64(&d, "reason", &v));
	assert_false(meta_get_u64(&d, "absent", &v));
	begin(META_HEARTBEAT);
	meta_heartbeat(&m, &c);
	through_leaf(META_HEARTBEAT);
	assert_true(meta_get_u64(&d, "lag_us", &v) && v == UINT64_MAX);
	begin(META_RECOVERY);
	meta_recovery(&m, 1, 2, 3);
	through_leaf(META_RECOVERY);
	begin(META_ALERT);
	meta_alert(&m, "ring-geometry", "the ring's geometry changed");
	through_leaf(META_ALERT);
	begin(META_CLOCK);
	meta_clock(&m, INT64_MIN);
	through_leaf(META_CLOCK);
	begin(META_END);
	meta_end(&m, NULL, &c);
	through_leaf(META_END);
	begin(META_REKEY);
	meta_rekey(&m, "web01+00000001+a", "web01+00000002+b", 7, "root", "https://127.0.0.1:7007");
	through_leaf(META_REKEY);
	begin(META_PRUNE);
	meta_prune(&m, 65536, 131072, "root", 0);
	through_leaf(META_PRUNE);
	assert_int_equal(d.severity, 5);
	assert_true(meta_get_u64(&d, "first", &v) && v == 131072);
	assert_false(meta_get_u64(&d, "unproven", &v));
}

static void no_room(void **state)
{
	static char longer[20000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	meta_begin(&m, "web01", META_ALERT, 1000000, NULL);
	for (int i = 0; i < 100; i++)
		meta_str(&m, "name", longer);
	meta_text(&m, "%s", longer);
	assert_true(record_encode(&m.r, leaf, sizeof(leaf)) > 0);
	assert_int_equal(m.r.boot.n, 0);
	meta_begin(&m, "web01", META_ALERT, 1000000, "");
	meta_alert(&m, longer, longer);
	through_leaf(META_ALERT);
}

/* A guest program may call itself logvisor; it cannot choose its MSGID or channel. */
static void guest_records_are_not_meta(void **state)
{
	struct record r = {.app = span_of("logvisor"), .msgid = span_of("syslog"),
		.channel = RECORD_SYSLOG};

	(void)state;
	assert_false(meta_is(&r, NULL));
	r.msgid = span_of("alert");
	assert_false(meta_is(&r, NULL));
	r.channel = RECORD_META;
	assert_true(meta_is(&r, NULL));
	r.app = span_of("kernel");
	assert_false(meta_is(&r, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(no_room),
		cmocka_unit_test(guest_records_are_not_meta),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
