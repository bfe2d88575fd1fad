/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_rewind_test.c - a guest that goes back: snapshots restored under the source and without it.
 */
#include "unit/source/printk_rig.h"

/* The guest's memory as it is; freed by the caller. */
static uint8_t *save(void)
{
	uint8_t *saved = malloc(w.size);

	assert_non_null(saved);
	memcpy(saved, w.arena, w.size);
	return saved;
}

static void restore(const uint8_t *saved)
{
	memcpy(w.arena, saved, w.size);
}

/*
 * A snapshot is restored: what was stored is not stored again, what differs is, under another name.
 */
static void snapshot_restored(void **state)
{
	uint8_t *saved;
	char boot[17];

	(void)state;
	begin(4, 12, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 10; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	saved = save();
	for (uint64_t i = 10; i < 14; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	snprintf(boot, sizeof(boot), "%s", printk_boot(p));
	restore(saved);
	print(10, 30);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, 16);
	assert_int_equal(seen[14].kind, META_ALERT);
	expect(&seen[15], 10, 30, RECORD_LIVE);
	assert_string_equal(printk_boot(p), "0123456789abcdf0");
	assert_string_equal(boot, BOOT);
	print(11, 9); /* just as before the restoration */
	print(12, 11);
	drain(PRINTK_AT_TRAP);
	expect(&seen[16], 11, 9, RECORD_LIVE);
	expect(&seen[17], 12, 11, RECORD_LIVE);
	free(saved);
	end();
}

/* Detach after the last record seen, let @meanwhile happen (or nothing), attach again. */
static void open_again(void (*meanwhile)(const uint8_t *saved), const uint8_t *saved)
{
	const struct seen *last = &seen[n_seen - 1];
	struct source_resume at = {.known = true, .seq = last->seq, .guest_ns = last->ns,
		.text_hash = last->hash, .next = last->seq + 1};

	assert_int_equal(last->kind, META_KINDS);
	memcpy(at.boot, last->boot, sizeof(at.boot));
	printk_close(p);
	if (meanwhile)
		meanwhile(saved);
	open_ring(&at);
}

static void away(void (*meanwhile)(const uint8_t *saved), const uint8_t *saved)
{
	open_again(meanwhile, saved);
	assert_true(printk_resumed(p));
	drain(PRINTK_AT_POLL);
}

static void restore_and_print(const uint8_t *saved)
{
	restore(saved);
	for (uint64_t i = 10; i < 13; i++)
		print(i, 30 + i);
}

static void restore_and_run_on(const uint8_t *saved)
{
	restore(saved);
	for (uint64_t i = 10; i < 20; i++)
		print(i, 50 + i);
}

static void restore_and_wrap(const uint8_t *saved)
{
	restore(saved);
	for (uint64_t i = 10; i < 42; i++)
		print(i, 20);
}

/* The same with nobody attached: each record is there once, under the name of its course. */
static void snapshot_while_away(void **state)
{
	uint8_t *saved;
	unsigned n;

	(void)state;
	begin(5, 12, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 10; i++)
		print(i, 9);
	saved = save();
	for (uint64_t i = 10; i < 14; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, 14);

	away(restore_and_print, saved);
	assert_int_equal(n_seen, 14 + 1 + 3);
	assert_int_equal(seen[14].kind, META_ALERT);
	assert_string_equal(seen[14].reason, "ring-backwards");
	for (uint64_t i = 10; i < 13; i++) {
		expect(&seen[5 + i], i, 30 + i, RECORD_BACKFILL);
		assert_string_equal(seen[5 + i].boot, "0123456789abcdf0");
	}

	away(restore_and_run_on, saved);
	assert_int_equal(n_seen, 18 + 1 + 10);
	for (uint64_t i = 10; i < 20; i++) {
		expect(&seen[9 + i], i, 50 + i, RECORD_BACKFILL);
		assert_string_equal(seen[9 + i].boot, "0123456789abcdf1");
	}

	n = n_seen;
	away(restore, saved); /* all of it is known */
	assert_int_equal(n_seen, n + 1);
	print(10, 11);
	drain(PRINTK_AT_TRAP);
	expect(&seen[n + 1], 10, 11, RECORD_LIVE);
	assert_string_equal(seen[n + 1].boot, "0123456789abcdf2");

	n = n_seen;
	away(restore_and_wrap, saved); /* where the course parted is not in the ring any more */
	assert_int_equal(seen[n].kind, META_ALERT);
	assert_int_equal(seen[n + 1].kind, META_ALERT);
	assert_string_equal(seen[n + 1].reason, "course-unknown");
	expect(&seen[n_seen - 1], 41, 20, RECORD_BACKFILL);
	assert_int_equal(seen[n + 2].seq + (n_seen - (n + 2)), 42);
	free(saved);
	end();
}

static void print_30(void)
{
	on_alert = NULL;
	print(30, 60);
}

/*
 * The guest overwrites the oldest record of its ring while it is found out that it went back: that record is
 * stored, so nothing is lost.
 */
static void snapshot_and_overwriting(void **state)
{
	uint8_t *saved;
	unsigned n;

	(void)state;
	begin(4, 12, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 30; i++) {
		print(i, 9);
		drain(PRINTK_AT_TRAP);
	}
	saved = save();
	for (uint64_t i = 30; i < 33; i++) {
		print(i, 9);
		drain(PRINTK_AT_TRAP);
	}
	n = n_seen;
	on_alert = print_30;
	away(restore, saved);
	drain(PRINTK_AT_POLL);
	assert_null(on_alert);
	assert_int_equal(seen[n].kind, META_ALERT);
	expect(&seen[n + 1], 30, 60, seen[n + 1].fid);
	assert_int_equal(n_seen, n + 2);
	assert_int_equal(printk_counters(p)->lost, 0);
	free(saved);
	end();
}

/*
 * The same where copies come by a trap: more was logged since than was forgotten before anybody looks at
 * the ring again, so that only the first copy shows it.
 */
static void snapshot_restored_between_copies(void **state)
{
	uint8_t *saved;
	uint64_t id[8];
	char buf[64];

	(void)state;
	begin(5, 12, false, true);
	open_copies();
	drain(PRINTK_AT_POLL);
	for (uint64_t i = 0; i < 6; i++)
		deliver(rw_print(&w, buf, text_of(i, buf, 9), true), true);
	saved = save();
	for (uint64_t i = 6; i < 9; i++)
		deliver(rw_print(&w, buf, text_of(i, buf, 9), true), true);
	assert_int_equal(n_seen, 9);
	restore(saved);
	for (uint64_t i = 0; i < 6; i++)
		id[i] = rw_print(&w, buf, text_of(6 + i, buf, 30), true);
	for (uint64_t i = 0; i < 6; i++)
		deliver(id[i], true);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 16);
	assert_int_equal(seen[9].kind, META_ALERT);
	for (uint64_t i = 0; i < 6; i++)
		expect(&seen[10 + i], 6 + i, 30, i ? RECORD_LIVE : RECORD_LATE);
	free(saved);
	end();
}

/*
 * A VMM writes a snapshot into the guest's memory page by page, the ring's ends before its texts: what
 * is there meanwhile is neither taken nor believed, and what the guest had logged is not stored again.
 */
static void snapshot_being_loaded(void **state)
{
	uint8_t *saved;

	(void)state;
	begin(5, 12, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 10; i++)
		print(i, 9);
	saved = save();
	for (uint64_t i = 10; i < 30; i++)
		print(i, 40);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, 30);
	p->whole = false;
	restore(saved);
	memset(w.arena + w.data, 0x55, w.size - w.data);
	for (int i = 0; i < 3; i++)
		assert_int_equal(printk_drain(p, PRINTK_AT_POLL, now_us, NULL), SOURCE_DOUBT);
	assert_int_equal(n_seen, 30);
	p->pace.look_ms = 1000;
	assert_false(printk_pace_quiet(p, &(struct moment){.emptied = true}));
	restore(saved);
	p->whole = true;
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, 31);
	assert_int_equal(seen[30].kind, META_ALERT);
	print(10, 20);
	drain(PRINTK_AT_TRAP);
	expect(&seen[31], 10, 20, RECORD_LIVE);
	assert_int_equal(n_seen, 32);
	free(saved);
	end();
}

/* The same with a later snapshot, where traps bring all that the guest itself logs. */
static void later_snapshot_being_loaded(void **state)
{
	struct trap_site s[2];
	char buf[64];

	(void)state;
	begin(5, 12, false, true);
	open_copies();
	p->code_commit = p->code_final = 1;
	assert_int_equal(printk_sites(p, TRAP_CODE, s, 2), 2);
	drain(PRINTK_AT_POLL);
	printk_armed(p);
	deliver(rw_print(&w, buf, text_of(0, buf, 9), true), true);
	drain(PRINTK_AT_POLL);
	p->whole = false;
	print(1, 9);
	/* Its copy may be under way, as far as the first poll knows. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(printk_drain(p, PRINTK_AT_POLL, now_us, NULL), i ? SOURCE_DOUBT : 0);
	assert_int_equal(n_seen, 1);
	p->whole = true;
	drain(PRINTK_AT_POLL);
	expect(&seen[1], 1, 9, RECORD_LATE);
	end();
}

/* The guest's kernel begins anew, in memory that was cleared. */
static void boot_anew(uint64_t boot_ns)
{
	rw_free(&w);
	rw_init(&w, 5, 12, false, true);
	w.boot_ns = boot_ns;
	w.clockless = 4;
}

static void unmarked_boot(uint64_t n)
{
	begin(5, 12, false, true);
	boot_anew(0);
	marked = false;
	open_ring(NULL);
	for (uint64_t i = 0; i < n; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	assert_int_equal(n_seen, n);
}

static void expect_anew(struct err *e)
{
	int r;

	do
		r = printk_drain(p, PRINTK_AT_POLL, now_us, e);
	while (r > 0);
	assert_int_equal(r, -ESTALE);
	assert_non_null(strstr(e->text, "rebooted"));
}

/* A source opened again stores a boot of its own, of @n records. */
static void opened_anew(uint64_t n, const char *name)
{
	unsigned before = n_seen;

	open_again(NULL, NULL);
	assert_false(printk_resumed(p));
	assert_string_equal(printk_boot(p), name);
	drain(PRINTK_AT_POLL);
	assert_int_equal(n_seen, before + n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(seen[before + i].kind, META_KINDS);
		assert_int_equal(seen[before + i].seq, i);
		assert_string_equal(seen[before + i].boot, name);
	}
}

/*
 * A kernel whose boots all have one name reboots: with fewer records than before, with more, with as many; seen
 * by the source or not. The first records, from before its clock runs, are the same each time.
 */
static void reboot_without_a_mark(void **state)
{
	struct err e = {""};
	uint8_t *saved;

	(void)state;
	unmarked_boot(20);
	boot_anew(5000000);
	for (uint64_t i = 0; i < 8; i++)
		print(i, 9);
	expect_anew(&e);
	assert_int_equal(n_seen, 20); /* no alert */
	opened_anew(8, "0123456789abcdf0");

	boot_anew(6000000);
	for (uint64_t i = 0; i < 8; i++)
		print(i, 9);
	p->pace.look_ms = 1000;
	assert_false(printk_pace_quiet(p, &(struct moment){.emptied = true}));
	expect_anew(&e);
	opened_anew(8, "0123456789abcdf1");

	boot_anew(7000000);
	for (uint64_t i = 0; i < 14; i++)
		print(i, 9);
	opened_anew(14, "0123456789abcdf2");

	boot_anew(8000000); /* not far yet: its clock stands still */
	print(0, 9);
	print(1, 9);
	expect_anew(&e);
	opened_anew(2, "0123456789abcdf3");

	/* And a snapshot is one, also of the boot before. */
	for (uint64_t i = 2; i < 12; i++)
		print(i, 9);
	drain(PRINTK_AT_POLL);
	saved = save();
	for (uint64_t i = 12; i < 15; i++)
		print(i, 9);
	drain(PRINTK_AT_POLL);
	restore(saved);
	print(12, 30);
	drain(PRINTK_AT_POLL);
	assert_int_equal(seen[n_seen - 2].kind, META_ALERT);
	assert_string_equal(seen[n_seen - 2].reason, "ring-backwards");
	expect(&seen[n_seen - 1], 12, 30, RECORD_LATE);
	assert_string_equal(printk_boot(p), "0123456789abcdf4");
	free(saved);
	end();
}

/* A snapshot is restored and the guest logs more than was forgotten before anybody looks. */
static void snapshot_overtaken(void **state)
{
	uint8_t *saved;

	(void)state;
	begin(5, 12, false, true);
	open_ring(NULL);
	for (uint64_t i = 0; i < 10; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	saved = save();
	for (uint64_t i = 10; i < 14; i++)
		print(i, 9);
	drain(PRINTK_AT_TRAP);
	restore(saved);
	w.boot_ns = 1; /* a nanosecond later than before */
	for (uint64_t i = 10; i < 18; i++)
		print(i, 9);
	drain(PRINTK_AT_POLL);
	for (uint64_t i = 10; i < 18; i++)
		assert_true(seen[n_seen - 18 + i].kind == META_KINDS && seen[n_seen - 18 + i].seq == i);
	assert_string_equal(printk_boot(p), "0123456789abcdf0");
	free(saved);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshot_restored), cmocka_unit_test(snapshot_while_away),
		cmocka_unit_test(snapshot_and_overwriting), cmocka_unit_test(snapshot_restored_between_copies),
		cmocka_unit_test(snapshot_being_loaded), cmocka_unit_test(later_snapshot_being_loaded),
		cmocka_unit_test(reboot_without_a_mark), cmocka_unit_test(snapshot_overtaken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
