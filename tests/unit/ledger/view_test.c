/* SPDX-License-Identifier: BSD-3-Clause */
/* A view holds what it has seen: what is pruned afterwards is still there, or said to be gone. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ledger/verify/view.h"
#include "unit/ledger/tamper.h"

#define N (2 * LEDGER_SEGMENT + 1000)

static struct ledger *make(const char *dir)
{
	struct ledger *l = fixture_open(dir, NULL);
	struct err e;

	tamper_append(l, 0, N);
	assert_int_equal(ledger_checkpoint(l, &e), 0);
	return l;
}

static void pruned_after_it(void **state)
{
	int d = open(*state, O_RDONLY | O_DIRECTORY), fd;
	struct ledger *l = make(*state);
	struct view v;
	uint64_t gone;
	struct err e;

	assert_int_equal(view_take(&v, d, NULL, &e), 0);
	assert_int_equal(v.seal.checkpoint.size, N);
	assert_int_equal(slots_most(&v.slots), N);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(gone, 2 * LEDGER_SEGMENT);
	for (unsigned s = 0; s < 3; s++)
		for (unsigned k = 0; k < VIEW_KINDS; k++) {
			fd = view_open(&v, s, k);
			assert_true(fd >= 0);
			close(fd);
		}
	assert_int_equal(view_open(&v, 3, VIEW_ENTRIES), -ENOENT);
	view_release(&v);
	assert_int_equal(view_take(&v, d, NULL, &e), 0);
	assert_int_equal(v.pruned.first, 2 * LEDGER_SEGMENT);
	assert_int_equal(view_open(&v, 0, VIEW_ENTRIES), -ENOENT);
	view_release(&v);
	ledger_abandon(l);
	close(d);
}

/* Only some of the segments' files can be open at once. */
static void few_open_files(const char *dir, struct ledger *l)
{
	const struct rlimit few = {70, 70};
	int d = open(dir, O_RDONLY | O_DIRECTORY), fd;
	struct told t;
	struct view v;
	uint64_t gone;
	struct err e;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	tamper_verify(dir, &t, (struct verify_options){0});
	assert_int_equal(t.result, VERIFY_PROVEN);
	assert_int_equal(view_take(&v, d, NULL, &e), 0);
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	fd = view_open(&v, 0, VIEW_ENTRIES);
	assert_true(fd >= 0);
	close(fd);
	fd = view_open(&v, 2, VIEW_ENTRIES); /* opened later, and kept */
	assert_true(fd >= 0);
	close(fd);
	view_release(&v);
}

static void with_few_open_files(void **state)
{
	const struct rlimit fewer = {64, 64};
	struct ledger *l = make(*state);
	pid_t child = fork();
	int status, d;
	struct view v;
	uint64_t gone;
	struct err e;

	if (!child) {
		/* A ledger of its own process: the lock is the parent's. */
		d = open(*state, O_RDONLY | O_DIRECTORY);
		if (setrlimit(RLIMIT_NOFILE, &fewer) || view_take(&v, d, NULL, &e))
			_exit(1);
		if (kill(getpid(), SIGSTOP))
			_exit(2);
		_exit(view_open(&v, 0, VIEW_ENTRIES) == -ESTALE && view_open(&v, 2, VIEW_ENTRIES) >= 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(fixture_prune(l, 1, 0, &gone, &e), 0);
	assert_int_equal(kill(child, SIGCONT), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	ledger_abandon(l);
}

static void verified_with_few_open_files(void **state)
{
	struct ledger *l = make(*state);
	int status;

	ledger_abandon(l);
	if (!fork()) {
		l = fixture_open(*state, NULL);
		few_open_files(*state, l);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(pruned_after_it),
		fixture_test(with_few_open_files),
		fixture_test(verified_with_few_open_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
