/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 300 */
/*
 * verify beside a writer that appends, signs, fills segments, prunes and starts again as fast as it can: what
 * it says is about one moment, and never that something is missing, altered or rolled back.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "ledger/note.h"
#include "ledger/pruned.h"
#include "ledger/tiles.h"
#include "unit/ledger/tamper.h"
#include "util/io.h"

#define ROUNDS 60
#define ROUNDS_LONG 500
#define WAIT_S 60

static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

/* Until it is killed. */
static void write_on(const char *dir)
{
	static struct io_ops ops;
	struct err e = {""};
	uint64_t seq = 0, gone;
	struct ledger *l;
	int r = 0;

	ops = io_libc;
	ops.fdatasync = ops.fsync = no_sync; /* signing is to be fast, not safe */
	io = &ops;
	while (!r && !(r = ledger_open(&l, dir, "test.example/vm", NULL, &e))) {
		for (unsigned n = 0; n < 400 && !r; n++) {
			uint64_t more = n % 8 ? 1 + n % 200 : 20000; /* signed often, and fast to the segment's end */

			tamper_append(l, seq, seq + more);
			seq += more;
			r = ledger_checkpoint(l, &e);
			if (!r && n % 8 == 4)
				r = fixture_prune(l, 1, 0, &gone, &e);
		}
		ledger_abandon(l);
	}
	fprintf(stderr, "writer: %s\n", e.text);
	_exit(1);
}

static struct pruned first_of(const char *dir)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY);
	struct pruned p;

	assert_int_equal(pruned_load(d, &p), 0);
	close(d);
	return p;
}

static void wait_for_pruning(const char *dir)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (unsigned i = 0; i < WAIT_S * 100 && !first_of(dir).first; i++)
		nanosleep(&pause, NULL);
	assert_true(first_of(dir).first > 0);
}

/* The same of an export: what it covers is all there. */
static void export(const char *dir)
{
	struct tiles_sum sum;
	struct err e = {""};
	char out[512];

	snprintf(out, sizeof(out), "%s.tiles", dir);
	if (tiles_export(dir, out, &sum, &e))
		fail_msg("export: %s", e.text);
	nftw(out, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void beside_a_writer(void **state)
{
	unsigned rounds = getenv("LOGVISOR_LONG") && *getenv("LOGVISOR_LONG") ? ROUNDS_LONG : ROUNDS;
	unsigned done = 0, pruned = 0, grown = 0, false_words = 0;
	struct tamper_file since = {NULL, 0};
	pid_t child = fork();
	uint64_t size = 0;
	int status;

	if (!child)
		write_on(*state);
	wait_for_pruning(*state);
	/* So many, and as many more as it takes until some of them were overtaken by a pruning. */
	for (unsigned i = 0; i < rounds || pruned < rounds / 10; i++) {
		struct verify_options opt = {.since = since.data, .since_len = since.n, .threads = 1 + i % 2};
		struct pruned before = first_of(*state);
		struct told t;

		tamper_verify(*state, &t, opt);
		for (size_t k = 0; k < t.n; k++)
			if (t.f[k].kind != FINDING_UNCHECKED || !since.data)
				printf("# round %u: %s: %s\n", i, finding_name(t.f[k].kind), t.f[k].text);
		false_words += t.sum.findings || (t.sum.unchecked && !since.data);
		if (i % 10 == 5)
			export(*state);
		pruned += first_of(*state).first != before.first;
		grown += t.sum.size > size;
		size = t.sum.size;
		done++;
		free(since.data);
		since.data = NULL;
		if (i % 3 == 2)
			since = tamper_load(tamper_path(*state, "checkpoint"));
	}
	free(since.data);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	printf("# %u rounds, %u of them beside a pruning, %" PRIu64 " records written\n", done, pruned, size);
	assert_int_equal(false_words, 0);
	assert_true(grown > rounds / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(beside_a_writer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
