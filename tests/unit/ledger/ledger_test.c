/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger as its users see it: what is appended is read back, through close, reopen and pruning. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/file.h"
#include "unit/ledger/fixture.h"

static void created_and_reopened(void **state)
{
	struct ledger_recovery rec;
	struct ledger *l;
	struct err e;

	l = fixture_open(*state, &rec);
	assert_true(rec.created);
	assert_false(rec.needed);
	assert_int_equal(ledger_size(l), 0);
	fixture_append(l, 0, 1000);
	assert_int_equal(ledger_size(l), 1000);
	assert_int_equal(ledger_signed(l), 0);
	assert_int_equal(ledger_commit(l, &e), 0);
	assert_int_equal(ledger_committed(l), 1000);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	assert_int_equal(ledger_signed(l), 1000);
	assert_int_equal(ledger_close(l, &e), 0);

	l = fixture_open(*state, &rec);
	assert_false(rec.created);
	assert_false(rec.needed);
	assert_int_equal(ledger_signed(l), 1000);
	fixture_append(l, 1000, 1500);
	assert_int_equal(ledger_close(l, &e), 0);
	fixture_check(*state, 0, 1500);
}

static void private_key_is_private(void **state)
{
	struct err e;
	struct stat st;
	char path[4096];

	assert_int_equal(ledger_close(fixture_open(*state, NULL), &e), 0);
	snprintf(path, sizeof(path), "%s/key", (char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void several_segments(void **state)
{
	const uint64_t n = 2 * LEDGER_SEGMENT + 300;
	struct ledger *l = fixture_open(*state, NULL);
	struct ledger_reader *r;
	struct span leaf;
	uint64_t i;
	struct err e;

	fixture_append(l, 0, n);
	assert_int_equal(ledger_close(l, &e), 0);
	fixture_check(*state, 0, n);
	l = fixture_open(*state, NULL);
	assert_int_equal(ledger_size(l), n);
	fixture_append(l, n, n + 1);
	assert_int_equal(ledger_close(l, &e), 0);

	assert_int_equal(ledger_reader_open(&r, *state, &e), 0);
	for (uint64_t at = n; at > n - 1000; at--) {
		assert_int_equal(ledger_reader_seek(r, at, &e), 0);
		assert_int_equal(ledger_reader_prev(r, &leaf, &i, &e), 1);
		assert_int_equal(i, at - 1);
		fixture_check_leaf(leaf, i);
	}
	assert_int_equal(ledger_reader_seek(r, n + 2, &e), -ERANGE);
	ledger_reader_close(r);
}

static void killed_before_checkpoint(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct ledger_recovery rec;
	struct err e;

	fixture_append(l, 0, 700);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	fixture_append(l, 700, 1234);
	assert_int_equal(ledger_commit(l, &e), 0);
	fixture_append(l, 1234, 1300);
	ledger_abandon(l);
	l = fixture_open(*state, &rec);
	assert_true(rec.needed);
	assert_int_equal(rec.unsigned_kept, 1234 - 700);
	assert_int_equal(ledger_size(l), 1234);
	assert_int_equal(ledger_close(l, &e), 0);
	fixture_check(*state, 0, 1234);
}

static void torn_tail_is_cut(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct ledger_recovery rec;
	char path[4096];
	struct err e;
	int fd;

	fixture_append(l, 0, 10);
	assert_int_equal(ledger_close(l, &e), 0);
	snprintf(path, sizeof(path), "%s/log/00000000.entries", (char *)*state);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "\0\5abc", 5), 5);
	close(fd);
	l = fixture_open(*state, &rec);
	assert_true(rec.needed);
	assert_int_equal(rec.torn_bytes, 5);
	fixture_append(l, 10, 20);
	assert_int_equal(ledger_close(l, &e), 0);
	fixture_check(*state, 0, 20);
}

static void second_writer_is_refused(void **state)
{
	struct ledger *l = fixture_open(*state, NULL), *second;
	struct err e;
	pid_t pid = 0, child;
	int status;

	assert_int_equal(ledger_open(&second, *state, "test/vm", NULL, &e), -EBUSY);
	assert_int_equal(ledger_writer(*state, &pid), 1);
	assert_int_equal(pid, getpid());
	child = fork();
	if (child == 0) {
		pid_t p = 0;
		char want[64];

		if (ledger_writer(*state, &p) != 1 || p != getppid())
			_exit(1);
		snprintf(want, sizeof(want), "process %d ", (int)getppid());
		_exit(ledger_open(&second, *state, "test/vm", NULL, &e) == -EBUSY &&
			strstr(e.text, want) ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ledger_close(l, &e), 0);
	assert_int_equal(ledger_writer(*state, &pid), 0);
}

static void reader_beside_writer(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct ledger_reader *r;
	struct span leaf;
	uint64_t i, seen = 0;
	struct err e;

	assert_int_equal(ledger_reader_open(&r, *state, &e), 0);
	assert_int_equal(ledger_reader_end(r), 0);
	assert_true(ledger_reader_watch(r, &e) >= 0);
	for (unsigned round = 0; round < 300; round++) {
		uint64_t n = round % 7 ? 100 + round : 1;

		fixture_append(l, seen, seen + n);
		assert_int_equal(ledger_commit(l, &e), 0);
		assert_int_equal(ledger_reader_refresh(r, &e), 1);
		assert_int_equal(ledger_reader_refresh(r, &e), 0);
		while (ledger_reader_next(r, &leaf, &i, &e) == 1) {
			assert_int_equal(i, seen++);
			fixture_check_leaf(leaf, i);
		}
		assert_int_equal(seen, ledger_size(l));
	}
	ledger_reader_close(r);
	assert_int_equal(ledger_close(l, &e), 0);
}

static void time_search(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	struct ledger_reader *r;
	char leaf[64];
	struct err e;

	/* The clock runs, steps back by half at 20,000, and runs on: 0..19999, 10000..29999. */
	for (int i = 0; i < 40000; i++) {
		int t = i < 20000 ? i : i - 10000;
		int n = snprintf(leaf, sizeof(leaf), "%d", t);

		assert_int_equal(ledger_append(l, leaf, (size_t)n, t, &e), 0);
	}
	assert_int_equal(ledger_close(l, &e), 0);
	assert_int_equal(ledger_reader_open(&r, *state, &e), 0);
	assert_in_range(ledger_reader_since(r, 15000), 15000 - 255, 15000);
	assert_in_range(ledger_reader_since(r, 25000), 35000 - 255, 35000);
	assert_int_equal(ledger_reader_since(r, -5), 0);
	assert_in_range(ledger_reader_since(r, 99999), 39936, 40000);
	assert_int_equal(ledger_reader_until(r, 99999), 40000);
	ledger_reader_close(r);
}

static void pruned(void **state)
{
	const uint64_t n = 3 * LEDGER_SEGMENT + 10;
	struct ledger *l = fixture_open(*state, NULL);
	struct ledger_reader *r;
	uint64_t gone;
	struct err e;

	fixture_append(l, 0, n);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 0); /* nothing is under a checkpoint */
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	/* The leaves' times are their indexes. */
	assert_int_equal(fixture_prune(l, 0, LEDGER_SEGMENT - 1, &gone, &e), 0);
	assert_int_equal(gone, 0);
	assert_int_equal(fixture_prune(l, 0, LEDGER_SEGMENT, &gone, &e), 0);
	assert_int_equal(gone, LEDGER_SEGMENT);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 2 * LEDGER_SEGMENT);
	/* A record for each of the two. */
	assert_int_equal(ledger_size(l), n + 2);
	assert_int_equal(ledger_signed(l), n + 2);
	fixture_append(l, n + 2, n + 5);
	assert_int_equal(ledger_close(l, &e), 0);
	l = fixture_open(*state, NULL);
	fixture_append(l, n + 5, n + 10);
	assert_int_equal(ledger_close(l, &e), 0);
	assert_int_equal(ledger_reader_open(&r, *state, &e), 0);
	assert_int_equal(ledger_reader_first(r), 3 * LEDGER_SEGMENT);
	assert_int_equal(ledger_reader_seek(r, 5, &e), -ERANGE);
	ledger_reader_close(r);
	fixture_check(*state, 3 * LEDGER_SEGMENT, n + 10);
}

static void leaf_sizes(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	static char big[65536];
	struct ledger_reader *r;
	struct span leaf;
	uint64_t i;
	struct err e;

	memset(big, 'b', sizeof(big));
	assert_int_equal(ledger_append(l, big, 0, 1, &e), -EINVAL);
	assert_int_equal(ledger_append(l, big, 65536, 1, &e), -EINVAL);
	for (unsigned k = 0; k < 600; k++)
		assert_int_equal(ledger_append(l, big, k % 2 ? 65535 : 1, 1, &e), 0);
	assert_int_equal(ledger_close(l, &e), 0);
	assert_int_equal(ledger_reader_open(&r, *state, &e), 0);
	for (unsigned k = 0; k < 600; k++) {
		assert_int_equal(ledger_reader_next(r, &leaf, &i, &e), 1);
		assert_int_equal(leaf.n, k % 2 ? 65535 : 1);
		assert_int_equal(leaf.p[leaf.n - 1], 'b');
	}
	assert_int_equal(ledger_reader_next(r, &leaf, &i, &e), 0);
	ledger_reader_close(r);
}

static void missing_checkpoint_is_damage(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	char path[4096];
	struct err e;

	fixture_append(l, 0, 10);
	assert_int_equal(ledger_close(l, &e), 0);
	snprintf(path, sizeof(path), "%s/checkpoint", (char *)*state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_open(&l, *state, "test/vm", NULL, &e), -EBADMSG);
}

static void shortened_log_is_damage(void **state)
{
	struct ledger *l = fixture_open(*state, NULL);
	char path[4096];
	struct err e;

	fixture_append(l, 0, 10);
	assert_int_equal(ledger_close(l, &e), 0);
	snprintf(path, sizeof(path), "%s/log/00000000.entries", (char *)*state);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(ledger_open(&l, *state, "test/vm", NULL, &e), -EBADMSG);
}

static void lost_hashes_are_made_anew(void **state)
{
	static const char *const files[] = {"00000000.hashes", "00000001.hashes", "hash.1", "hash.2",
		"00000001.index"};
	const uint64_t n = LEDGER_SEGMENT + 5000;
	struct ledger *l = fixture_open(*state, NULL);
	char path[4096];
	struct err e;

	fixture_append(l, 0, n);
	assert_int_equal(ledger_close(l, &e), 0);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/log/%s", (char *)*state, files[i]);
		assert_int_equal(unlink(path), 0);
		l = fixture_open(*state, NULL);
		assert_int_equal(ledger_size(l), n + i);
		fixture_append(l, n + i, n + i + 1);
		assert_int_equal(ledger_close(l, &e), 0);
		fixture_check(*state, 0, n + i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(created_and_reopened),
		fixture_test(private_key_is_private),
		fixture_test(several_segments),
		fixture_test(killed_before_checkpoint),
		fixture_test(torn_tail_is_cut),
		fixture_test(second_writer_is_refused),
		fixture_test(reader_beside_writer),
		fixture_test(time_search),
		fixture_test(pruned),
		fixture_test(leaf_sizes),
		fixture_test(missing_checkpoint_is_damage),
		fixture_test(shortened_log_is_damage),
		fixture_test(lost_hashes_are_made_anew),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
