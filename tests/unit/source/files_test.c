/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files_test.c - what becomes of a log file, from the guest's memory to records: appended lines, truncation, deletion,
 * renaming, bytes written over, logins; and of sizes that lie.
 */
#include "unit/source/files_rig.h"

#include <utmp.h>

/* The VM stops, and goes on. */
static void stop(void)
{
	files_look(&f, &f.e[0], true);
}
static bool waits(void)
{
	struct err e;
	const bool w = files_settle(&f, &f.e[0]);

	while (outbox_flush(&f.out, UINT32_MAX, 1, &e) > 0)
		;
	return w;
}

static void append(uint64_t at, const char *text, uint64_t who)
{
	owner(who);
	text_at(at, text, strlen(text));
	size(at + strlen(text));
	stop();
	owner(0);
}

static void appended(void **state)
{
	(void)state;
	begin("log");
	append(0, "one\ntw", TASK);
	append(6, "o\n", TASK);
	append(8, "three\n", OTHER);
	assert_false(waits());
	assert_int_equal(rig.n, 3);
	record(0, "7", "", "one");
	record(1, "7", "", "two");
	rig_is(rig_observed(rig_get(1), "off"), "4");
	rig_is(rig_observed(rig_get(1), "file"), "/var/log");
	record(2, "8", "", "three");
	rig_is(rig_observed(rig_get(2), "off"), "8");
	finish();
}

/* The time changes before an append, after a truncation; and alone where bytes are written over. */
static void overwritten(void **state)
{
	(void)state;
	begin("log");
	owner(TASK);
	word(INODE + 0x68, 100);
	stop();
	assert_true(waits());
	append(0, "one\n", TASK);
	assert_false(waits());
	assert_int_equal(rig.n, 1);
	owner(OTHER);
	size(0);
	stop();
	word(INODE + 0x68, 101);
	stop();
	owner(0);
	assert_false(waits());
	record(1, "8", "truncate", "cut from 4 to 0 bytes");
	assert_int_equal(rig.n, 2);
	append(0, "two\n", TASK);
	owner(OTHER);
	word(INODE + 0x70, 5);
	stop();
	assert_true(waits());
	owner(0);
	assert_false(waits());
	record(3, "8", "overwrite", "written to before its end, or its time was set; it has 4 bytes as before");
	/* another appends before that was told */
	owner(OTHER);
	word(INODE + 0x70, 6);
	stop();
	append(4, "x\n", TASK);
	waits();
	record(4, "8", "overwrite", "written to before its end, or its time was set; it has 4 bytes as before");
	record(5, "7", "", "x");
	assert_int_equal(rig.n, 6);
	/* by who maps it the time says nothing */
	arena_u32(&a, B + MAPPING + 0x20, 1);
	for (uint64_t i = 7; i < 20; i++) {
		word(INODE + 0x70, i);
		stop();
	}
	assert_false(waits());
	assert_int_equal(rig.n, 7);
	rig_is(rig_observed(rig_get(6), "op"), "mmap");
	finish();
}

static void renamed(void **state)
{
	(void)state;
	begin("log");
	word(DIR + 0xa0, B + OTHER);
	arena_u32(&a, B + DENTRY + 4, 1);
	arena_put(&a, B + DENTRY + 0x38, "old", 4);
	arena_u32(&a, B + DENTRY + 0x20, 77); /* its hash */
	stop();
	assert_true(waits());
	assert_int_equal(rig.n, 0);
	arena_u32(&a, B + DENTRY + 4, 2);
	assert_false(waits());
	record(0, "8", "rename", "renamed to /var/old");
	rig_is(rig_observed(rig_get(0), "file"), "/var/log");
	rig_is(rig_observed(rig_get(0), "to"), "/var/old");
	/* deleted, written to, and closed at last */
	owner(OTHER);
	arena_u32(&a, B + INODE + 0x48, 0);
	stop();
	append(0, "after\n", TASK);
	word(DENTRY + 0x30, 0);
	stop();
	waits();
	record(1, "8", "unlink", "deleted, with 0 bytes");
	record(2, "7", "", "after");
	assert_false(f.e[0].follows);
	append(6, "not ours\n", TASK);
	waits();
	assert_int_equal(rig.n, 3);
	finish();
}

/* Records of logins lie across pages, and are written in two then. */
static void logins(void **state)
{
	struct utmp u;

	(void)state;
	begin("wtmp");
	memset(&u, 0, sizeof(u));
	u.ut_type = USER_PROCESS;
	memcpy(u.ut_user, "root", 4);
	for (unsigned i = 0; i < 11; i++) {
		u.ut_pid = (pid_t)i;
		text_at(i * sizeof(u), &u, sizeof(u));
	}
	owner(TASK);
	size(4096);
	stop();
	size(11 * sizeof(u));
	stop();
	waits();
	assert_int_equal(rig.n, 11);
	record(10, "7", "", "login of root, pid 10");
	rig_is(rig_observed(rig_get(10), "off"), "3840");
	rig_is(rig_claimed(rig_get(10), "user"), "root");
	assert_int_equal(rig_get(10)->channel, RECORD_WTMP);
	finish();
}

static void sizes_that_lie(void **state)
{
	static const uint64_t lie[] = {UINT64_MAX, UINT64_MAX - 1, 1ULL << 63, UINT64_MAX - 383, 3, 1ULL << 40, 0};
	static const char *const of[] = {"log", "wtmp", "btmp", "lastlog"};
	struct err e;

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		begin(of[k]);
		for (unsigned i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
			size(lie[i]);
			word(INODE + 0x68, i);
			stop();
			files_settle(&f, &f.e[0]);
			while (outbox_flush(&f.out, 1000, 1, &e) > 0)
				rig_clear();
			rig_clear();
		}
		/* pages that are nowhere, a mapping that is nowhere, no inode, no dentry */
		word(NODE + 40, 0x1234567);
		size(100);
		stop();
		word(MAPPING + 16, 0xdeadbeef);
		size(200);
		stop();
		f.e[0].mapping = 8;
		size(300);
		stop();
		f.e[0].knot.inode = 8;
		stop();
		f.e[0].dentry = 8;
		stop();
		waits();
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended),
		cmocka_unit_test(overwritten),
		cmocka_unit_test(renamed),
		cmocka_unit_test(logins),
		cmocka_unit_test(sizes_that_lie),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
