/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files_trapped_test.c - what code sites bring of a log file becomes records: bytes as they were copied, whatever
 * memory says by then; holes, bytes written over, lines that no trap told of; and copies that lie.
 */
#include "unit/source/files_rig.h"

#include <utmp.h>

#include "record/meta.h"

extern const struct source_ops source_files;

static struct files_copy c;

static void world(const char *file)
{
	begin(file);
	f.trapped = true;
	f.traps.geometry[FILES_TRAP_CHANGE].at = FILES_AT_SECOND;
	f.e[0].ino = 5;
	f.e[0].generation = 0;
	f.dcache.i_ino = 0x60;
	f.dcache.i_generation = 0x7c;
	word(INODE + 0x60, 5);
	f.e[0].fresh = false;
	f.e[0].doubt = FILES_SURE;
}

static bool forgets; /* what becomes of it is of no interest */

static void out(void)
{
	struct err e;

	while (outbox_flush(&f.out, forgets ? 1000 : UINT32_MAX, 1, &e) > 0)
		if (forgets)
			rig_clear();
}

static void trap(enum files_tag tag)
{
	const struct trap_event ev = {.type = TRAP_COPY, .tag = FILES_TRAPS * 3 + tag, .data = &c, .len = files_copy_size(&c)};

	files_trapped(&f, &ev);
	out();
}

/* @n bytes at @at are written by @pid, and the file has @size then; as much of @text as is given is copied. */
static void write_at(uint64_t at, const char *text, uint64_t n, uint64_t size, uint32_t pid)
{
	memset(&c, 0, offsetof(struct files_copy, app.data));
	c.rdx = at;
	c.rax = n;
	c.size = size;
	c.key = (struct files_key){.inode = B + INODE, .ino = 5};
	c.flags = FILES_COPY_KNOWN;
	c.app.flags = APP_COPY_NOEXE | APP_COPY_NOCGROUP | APP_COPY_NOPARENT | APP_COPY_NOCREDS;
	c.app.pid = c.app.tid = pid;
	c.app.loginuid = c.app.sessionid = APP_ABSENT;
	c.app.n = (uint32_t)strlen(text);
	memcpy(c.app.data, text, c.app.n);
	trap(FILES_TRAP_WRITE);
}

static void append_at(uint64_t at, const char *text, uint32_t pid)
{
	write_at(at, text, strlen(text), at + strlen(text), pid);
}

static void poll_files(bool emptied)
{
	const struct moment m = {.now_ms = 1, .emptied = emptied};

	f.rescan_ms = INT64_MAX;
	f.rescan = f.catch_up = false;
	files_trapped_poll(&f, &m);
	out();
}

static void appended(void **state)
{
	(void)state;
	world("log");
	append_at(0, "one\ntw", 7);
	append_at(6, "o\n", 7);
	size(8); /* cut and written anew meanwhile: the copies count */
	text_at(0, "XXXXXXXX", 8);
	append_at(8, "three\n", 8);
	assert_int_equal(rig.n, 3);
	record(0, "7", "", "one");
	record(1, "7", "", "two");
	rig_is(rig_observed(rig_get(1), "off"), "4");
	record(2, "8", "", "three");
	rig_is(rig_observed(rig_get(2), "file"), "/var/log");
	/* not wholly copied: the page cache has it */
	text_at(14, "long\n", 5);
	write_at(14, "", 5, 19, 7);
	record(3, "7", "", "long");
	finish();
}

static void in_the_middle(void **state)
{
	(void)state;
	world("log");
	append_at(0, "0123456789\n", 7);
	write_at(3, "x", 1, 11, 8);
	record(1, "8", "overwrite", "1 bytes at 3 were written over, of 11");
	/* partly */
	write_at(9, "abc\n", 4, 13, 8);
	record(2, "8", "overwrite", "2 bytes at 9 were written over, of 11");
	record(3, "8", "", "c");
	rig_is(rig_observed(rig_get(3), "off"), "11");
	/* so a copy may say, and mean nothing by it */
	write_at(9, "", 4, 5, 8);
	assert_int_equal(rig.n, 4);
	/* behind a hole */
	word(NODE + 40, 0);
	word(NODE + 48, 0);
	write_at(5000, "z\n", 2, 5002, 7);
	assert_int_equal(rig.n, 6);
	rig_is(rig_observed(rig_get(4), "op"), "extend");
	record(5, "7", "", "z");
	finish();
}

/* A file that was found when it had been written already. */
static void found_late(void **state)
{
	(void)state;
	world("log");
	f.e[0].fresh = true;
	f.e[0].state.size = 12;
	append_at(4, "one\n", 7);
	append_at(8, "two\n", 7);
	assert_int_equal(rig.n, 2);
	rig_is(rig_observed(rig_get(0), "off"), "4");
	record(1, "7", "", "two");
	f.e[0].fresh = true;
	write_at(2, "x", 1, 12, 7); /* what was there before is not told as new */
	assert_int_equal(rig.n, 3);
	rig_is(rig_observed(rig_get(2), "op"), "overwrite");
	finish();
}

/* A file that was delivered before, and forgotten by the guest meanwhile, is looked for again, and once only. */
static void forgotten(void **state)
{
	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	word(DENTRY + 0x30, 0);
	f.rescan = true;
	files_trapped_poll(&f, &(struct moment){.now_ms = 1});
	assert_int_equal(f.n, 0);
	f.rescan = true;
	append_at(4, "two\n", 7);
	assert_false(f.rescan);
	f.rescan = true;
	append_at(8, "six\n", 7);
	assert_true(f.rescan);
	finish();
}

/* The memory of a name and of its inode goes to the next that are made, at once: that is no renaming. */
static void used_again(void **state)
{
	static const char *const as[] = {"new", "log"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		world("log");
		append_at(0, "one\n", 7);
		name(DENTRY, PARENT, as[i]);
		word(INODE + 0x60, 6);
		size(43);
		f.rescan = true;
		files_trapped_poll(&f, &(struct moment){.now_ms = 1});
		out();
		assert_int_equal(f.n, 0);
		assert_int_equal(rig.n, 1);
		finish();
	}
}

/* A trap that could not be followed is a gap, and all is looked at. */
static void astray(void **state)
{
	const struct trap_event ev = {.type = TRAP_LOST, .failed = 3};
	const struct moment m = {.now_ms = 5};
	uint64_t first, n;
	struct err e;

	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	f.next_ms = INT64_MAX;
	f.rescan = false;
	assert_int_equal(source_files.event(&f.s, &ev, &m, &e), 0);
	out();
	assert_true(f.rescan);
	assert_int_equal(f.next_ms, 5);
	assert_true(meta_get_gap(rig_get(1), &first, &n));
	assert_int_equal(n, 3);
	size(8);
	text_at(4, "two\n", 4);
	for (unsigned i = 0; i < 4; i++)
		poll_files(true);
	record(2, "", "", "two");
	finish();
}

/* What was written when the guest had forgotten it, until it was found again, is told late. */
static void found_again(void **state)
{
	struct dcache_found found = {.mnt = B + MNT, .dentry = B + DENTRY, .path = "/var/log", .path_len = 8};

	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	word(DENTRY + 0x30, 0);
	f.rescan = true;
	files_trapped_poll(&f, &(struct moment){.now_ms = 1});
	assert_int_equal(f.n, 0);
	word(DENTRY + 0x30, B + INODE);
	size(12);
	text_at(4, "two\nsix\n", 8);
	f.pattern = &(const struct span){"/var/log", 8};
	f.patterns = 1;
	assert_false(dcache_knot_read(&f.mem, &f.dcache, B + DENTRY, &found.knot));
	files_adopt(&f, files_add(&f, &found));
	assert_true(f.e[0].follows);
	append_at(8, "six\n", 7);
	assert_int_equal(rig.n, 3);
	record(1, "", "", "two");
	assert_int_equal(rig_get(1)->fidelity, RECORD_LATE);
	record(2, "7", "", "six");
	/* cut meanwhile, and no trap comes */
	word(DENTRY + 0x30, 0);
	f.rescan = true;
	files_trapped_poll(&f, &(struct moment){.now_ms = 1});
	word(DENTRY + 0x30, B + INODE);
	size(0);
	files_adopt(&f, files_add(&f, &found));
	for (unsigned i = 0; i < 4; i++)
		poll_files(true);
	assert_int_equal(rig.n, 4);
	record(3, "", "truncate", "cut from 12 to 0 bytes");
	finish();
}

/* A file that is made is known from its first byte on, whatever tells of what is written. */
static void made(void **state)
{
	const struct dcache_found dir = {.mnt = B + MNT, .dentry = B + PARENT, .path = "/var", .path_len = 4};

	(void)state;
	world("log");
	word(DENTRY + 0x30, 0);
	f.rescan = true;
	files_trapped_poll(&f, &(struct moment){.now_ms = 1});
	assert_int_equal(f.n, 0);
	f.pattern = &(const struct span){"/var/log", 8};
	f.patterns = 1;
	size(0);
	files_add(&f, &dir)->dir = true;
	memset(&c, 0, offsetof(struct files_copy, app.data));
	c.rdi = B + DENTRY;
	c.rsi = B + INODE;
	trap(FILES_TRAP_MAKE_NEW);
	assert_int_equal(f.n, 2);
	assert_true(f.e[1].follows);
	word(DENTRY + 0x30, B + INODE);
	size(4);
	text_at(0, "one\n", 4);
	for (unsigned i = 0; i < 4; i++)
		poll_files(true);
	assert_int_equal(rig.n, 1);
	record(0, "", "", "one");
	assert_int_equal(rig_get(0)->fidelity, RECORD_LATE);
	/* what is written past the page cache */
	word(NODE + 40, 0);
	size(8);
	for (unsigned i = 0; i < 4; i++)
		poll_files(true);
	assert_int_equal(rig.n, 2);
	rig_is(rig_observed(rig_get(1), "op"), "extend");
	rig_is(rig_get(1)->msg, "made longer by 4 bytes that the page cache does not have: none, or written past it");
	/* the same that was there before, by another link */
	word(DENTRY + 0x30, 0);
	c.rsi = B + INODE + 0x1000;
	trap(FILES_TRAP_MAKE);
	assert_false(f.e[1].follows);
	c.rsi = B + INODE;
	trap(FILES_TRAP_MAKE);
	assert_true(f.e[1].follows);
	assert_int_equal(f.e[1].state.size, 8);
	assert_int_equal(rig.n, 2);
	finish();
}

/* Nor does it matter that another had the inode's memory, whose end no trap and no poll has told of. */
static void made_again(void **state)
{
	const struct dcache_found dir = {.mnt = B + MNT, .dentry = B + PARENT, .path = "/var", .path_len = 4};

	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	f.pattern = &(const struct span){"/var/*", 6};
	f.patterns = 1;
	files_add(&f, &dir)->dir = true;
	name(0x3600, PARENT, "new");
	word(INODE + 0x60, 6);
	size(0);
	memset(&c, 0, offsetof(struct files_copy, app.data));
	c.rdi = B + 0x3600;
	c.rsi = B + INODE;
	trap(FILES_TRAP_MAKE_NEW);
	assert_int_equal(f.n, 3);
	assert_false(f.e[0].follows);
	assert_true(f.e[2].follows);
	assert_false(f.e[2].fresh);
	finish();
}

/* Two directories are exchanged, and with each what is below. */
static void exchanged(void **state)
{
	struct dcache_found dir = {.mnt = B + MNT, .dentry = B + PARENT, .path = "/var", .path_len = 4};

	(void)state;
	world("log");
	files_add(&f, &dir)->dir = true;
	name(0x3600, ROOT, "else");
	word(0x3600 + 0x30, B + DIR + 0x40);
	dir.dentry = B + 0x3600;
	dir.path = "/else";
	dir.path_len = 5;
	files_add(&f, &dir)->dir = true;
	memset(&c, 0, offsetof(struct files_copy, app.data));
	c.rdi = B + PARENT;
	c.rsi = B + 0x3600;
	trap(FILES_TRAP_EXCHANGE);
	rig_is(rig_observed(rig_get(0), "to"), "/else");
	rig_is(rig_observed(rig_get(1), "to"), "/var");
	assert_string_equal(f.e[0].path, "/else/log");
	finish();
}

/* What is below a directory that is renamed has its new path at once. */
static void directory(void **state)
{
	const struct dcache_found dir = {.mnt = B + MNT, .dentry = B + PARENT, .path = "/var", .path_len = 4};

	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	files_add(&f, &dir)->dir = true;
	name(0x3600, ROOT, "else");
	c.rdi = B + PARENT;
	c.rsi = B + 0x3600;
	c.app.pid = c.app.tid = 8;
	trap(FILES_TRAP_MOVE);
	record(1, "8", "rename", "renamed to /else");
	rig_is(rig_observed(rig_get(1), "file"), "/var");
	rig_is(rig_observed(rig_get(1), "to"), "/else");
	append_at(4, "two\n", 7);
	rig_is(rig_observed(rig_get(2), "file"), "/else/log");
	assert_int_equal(rig.n, 3);
	finish();
}

/* ---- going on ---- */

static int recall(void *ctx, enum record_channel channel, source_known known, void *known_ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	for (unsigned i = rig.n; i-- > 0;) {
		const struct record *r = rig_get(i);

		if (r->channel == channel &&
			known(known_ctx, &(struct source_stored){.boot = "0123456789abcdef", .r = r}))
			break;
	}
	return 0;
}
static const struct source_sink recalls = {.emit = rig_emit, .recall = recall};

/* Where @end is the end of what is stored, or UINT64_MAX: nothing of it is known. */
static void goes_on(const char *boot, uint64_t end)
{
	f.out.sink = &recalls;
	f.out.boot = boot;
	f.unknown = 0;
	f.e[0].state.size = 20;
	f.e[0].fresh = true;
	files_resume(&f);
	assert_int_equal(f.e[0].state.size, end == UINT64_MAX ? 20 : end);
	assert_int_equal(f.e[0].fresh, end == UINT64_MAX);
}

/* Another worker follows what is stored already. */
static void resumed(void **state)
{
	(void)state;
	world("log");
	text_at(0, "one\ntwo\nthree\nnever-seen\n", 25);
	goes_on("0123456789abffff", UINT64_MAX);
	assert_int_equal(f.unknown, 0); /* nothing is stored: it is the first */
	f.e[0].state.size = 0;
	append_at(0, "one\ntwo\n", 7);
	goes_on("0123456789abffff", 8);
	f.e[0].state.size = 8;
	append_at(8, "thr", 7);
	goes_on("0123456789abffff", 8); /* a line that was begun is stored nowhere */
	goes_on("ffff456789abffff", UINT64_MAX);
	assert_int_equal(f.unknown, 0);
	f.e[0].state.size = 11;
	append_at(11, "ee\n", 8);
	assert_int_equal(rig.n, 4);
	goes_on("0123456789abcdef", 14);
	text_at(2, "X", 1); /* another file by now */
	goes_on("0123456789abcdef", UINT64_MAX);
	assert_int_equal(f.unknown, 1);
	finish();
}

/* Each channel's records are looked at so far, and no further; one of which nothing is followed not at all. */
static unsigned looked[RECORD_CHANNELS];

static int without_end(void *ctx, enum record_channel channel, source_known known, void *known_ctx, struct err *e)
{
	const struct record r = {.channel = channel};

	(void)ctx;
	(void)e;
	while (looked[channel] < 200000 && !known(known_ctx, &(struct source_stored){.boot = "0123456789abcdef", .r = &r}))
		looked[channel]++;
	return 0;
}

static void bounded(void **state)
{
	static const struct source_sink sink = {.emit = rig_emit, .recall = without_end};
	const struct dcache_found found = {.mnt = B + MNT, .dentry = B + 0x3600, .knot.inode = B + INODE + 0x1000,
		.path = "/var/wtmp", .path_len = 9};
	struct files_entry *e;

	(void)state;
	world("log");
	e = files_add(&f, &found);
	e->follows = true;
	e->channel = RECORD_WTMP;
	f.out.sink = &sink;
	f.out.boot = "0123456789abcdef";
	files_resume(&f);
	assert_int_equal(looked[RECORD_FILE], 65535);
	assert_int_equal(looked[RECORD_WTMP], 65535);
	assert_int_equal(looked[RECORD_BTMP], 0);
	f.out.sink = &rig_sink;
	finish();
}

/* What no trap told of is told, but not before what may be on its way has come. */
static void untold(void **state)
{
	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	size(8);
	text_at(4, "two\n", 4);
	poll_files(true);
	poll_files(true);
	poll_files(false);
	append_at(4, "two\n", 7); /* it was on its way */
	for (unsigned i = 0; i < 8; i++)
		poll_files(true);
	assert_int_equal(rig.n, 2);
	size(12);
	text_at(8, "six\n", 4);
	owner(TASK);
	for (unsigned i = 0; i < 8; i++)
		poll_files(true);
	assert_int_equal(rig.n, 2);
	owner(0);
	poll_files(true);
	poll_files(false);
	assert_int_equal(rig.n, 2);
	poll_files(true);
	assert_int_equal(rig.n, 3);
	record(2, "", "", "six");
	assert_int_equal(rig_get(2)->fidelity, RECORD_LATE);
	append_at(12, "end\n", 7);
	record(3, "7", "", "end");
	/* a file's memory is another's by now */
	c.key.ino = 6;
	c.rdx = 16;
	c.size = 20;
	trap(FILES_TRAP_WRITE);
	assert_int_equal(rig.n, 4);
	assert_false(f.e[0].follows);
	finish();
}

static void cut_and_deleted(void **state)
{
	(void)state;
	world("log");
	append_at(0, "one\n", 7);
	size(1);
	memset(&c, 0, offsetof(struct files_copy, app.data));
	c.rsi = B + DENTRY;
	c.rdx = B + 0x5000;
	arena_u32(&a, B + 0x5000, 8); /* ATTR_SIZE */
	c.app.pid = c.app.tid = 8;
	c.app.flags = APP_COPY_NOEXE | APP_COPY_NOCGROUP | APP_COPY_NOPARENT | APP_COPY_NOCREDS;
	c.app.loginuid = c.app.sessionid = APP_ABSENT;
	trap(FILES_TRAP_CHANGE);
	record(1, "8", "truncate", "cut from 4 to 1 bytes");
	word(INODE + 0x68, 100);
	trap(FILES_TRAP_CHANGE);
	arena_u32(&a, B + 0x5000, 1); /* its mode */
	trap(FILES_TRAP_CHANGE);
	assert_int_equal(rig.n, 2);
	arena_u32(&a, B + INODE + 0x48, 0);
	c.rdi = B + DENTRY;
	trap(FILES_TRAP_DELETE);
	record(2, "8", "unlink", "deleted, with 1 bytes");
	append_at(1, "after\n", 7);
	record(3, "7", "", "after");
	/* closed at last */
	size(0);
	for (unsigned i = 0; i < 8; i++)
		poll_files(true);
	assert_int_equal(rig.n, 4);
	/* another has its memory */
	arena_u32(&a, B + INODE + 0x48, 1);
	word(INODE + 0x60, 6);
	size(9);
	for (unsigned i = 0; i < 8; i++)
		poll_files(true);
	assert_int_equal(rig.n, 4);
	finish();
}

/* Whole ones out of copies, with what a page cache has of the rest. */
static void logins(void **state)
{
	struct utmp u = {.ut_type = USER_PROCESS, .ut_pid = 3, .ut_user = "root"};

	(void)state;
	world("wtmp");
	write_at(0, "", 0, 0, 7);
	c.rax = c.size = sizeof(u);
	c.app.n = sizeof(u);
	memcpy(c.app.data, &u, sizeof(u));
	trap(FILES_TRAP_WRITE);
	record(0, "7", "", "login of root, pid 3");
	assert_int_equal(rig_get(0)->channel, RECORD_WTMP);
	c.rdx = sizeof(u);
	c.rax = c.app.n = 100;
	c.size = sizeof(u) + 100;
	trap(FILES_TRAP_WRITE);
	assert_int_equal(rig.n, 1);
	text_at(sizeof(u), &u, sizeof(u));
	c.rdx = c.size;
	c.rax = c.app.n = sizeof(u) - 100;
	c.size = 2 * sizeof(u);
	memcpy(c.app.data, (const char *)&u + 100, sizeof(u) - 100);
	trap(FILES_TRAP_WRITE);
	record(1, "7", "", "login of root, pid 3");
	rig_is(rig_observed(rig_get(1), "off"), "384");
	assert_int_equal(rig.n, 2);
	finish();
}

static void copies_that_lie(void **state)
{
	static const uint64_t lie[] = {0, 4095, 1ULL << 63, (1ULL << 31) + 5, UINT64_MAX};
	enum { LIES = sizeof(lie) / sizeof(lie[0]) };

	(void)state;
	forgets = true;
	for (unsigned i = 0; i < LIES * LIES * LIES; i++) {
		world(i & 1 ? "log" : "wtmp");
		write_at(lie[i % LIES], i & 2 ? "text\n" : "", lie[i / LIES % LIES], lie[i / LIES / LIES], 7);
		append_at(100, "text\n", 7);
		poll_files(true);
		finish();
	}
	for (unsigned tag = 0; tag < FILES_TRAPS; tag++)
		for (unsigned i = 0; i < LIES; i++) {
			world("log");
			c.rdi = lie[i];
			c.rsi = B + lie[i];
			c.rdx = lie[LIES - 1 - i];
			c.app.n = (uint32_t)lie[i];
			trap(tag);
			finish();
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended),
		cmocka_unit_test(in_the_middle),
		cmocka_unit_test(found_late),
		cmocka_unit_test(used_again),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(astray),
		cmocka_unit_test(found_again),
		cmocka_unit_test(made),
		cmocka_unit_test(made_again),
		cmocka_unit_test(directory),
		cmocka_unit_test(exchanged),
		cmocka_unit_test(resumed),
		cmocka_unit_test(bounded),
		cmocka_unit_test(untold),
		cmocka_unit_test(cut_and_deleted),
		cmocka_unit_test(logins),
		cmocka_unit_test(copies_that_lie),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
