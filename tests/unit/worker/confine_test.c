/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * confine_test.c - a confined worker goes on writing its own ledger, whatever that needs of the file system,
 * and cannot reach another VM's, although both belong to the same user. In a child each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "unit/ledger/fixture.h"
#include "util/sandbox.h"
#include "worker/confine.h"

static char own[4096], other[4096];

static void make_ledgers(const char *store)
{
	struct err e = {""};

	/* Nothing but the confinement is to keep them apart. */
	assert_int_equal(chmod(store, 0755), 0);
	snprintf(own, sizeof(own), "%s/own", store);
	snprintf(other, sizeof(other), "%s/other", store);
	for (int i = 0; i < 2; i++) {
		struct ledger *l = fixture_open(i ? other : own, NULL);
		uid_t uid;
		gid_t gid;
		char cmd[4200];

		fixture_append(l, 0, 10);
		assert_int_equal(ledger_close(l, &e), 0);
		sandbox_user(&uid, &gid);
		snprintf(cmd, sizeof(cmd), "chown -R %u:%u '%s'", (unsigned)uid, (unsigned)gid, i ? other : own);
		assert_true(geteuid() || system(cmd) == 0);
	}
}

/* Run @f confined to `own`: its result; 77 where the kernel has no Landlock, 100: could not be confined. */
static int confined(int (*f)(struct ledger *l))
{
	struct err e = {""};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct ledger *l = fixture_open(own, NULL);
		bool alone;

		if (worker_confine(own, &alone, &e)) {
			fprintf(stderr, "%s\n", e.text);
			_exit(100);
		}
		_exit(alone ? f(l) : 77);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_fine(void **state, int (*f)(struct ledger *l))
{
	int r;

	make_ledgers(*state);
	r = confined(f);
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

static int fails(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", what, e->text);
	return 1;
}

/* Over two segment borders, with checkpoints and pruning: every kind of file is made, replaced, removed. */
static int write_on(struct ledger *l)
{
	struct err e = {""};
	uint64_t gone;

	fixture_append(l, 10, 2 * LEDGER_SEGMENT + 10);
	if (ledger_checkpoint(l, &e))
		return fails("checkpoint", &e);
	if (fixture_prune(l, 1, 0, &gone, &e) || gone != 2 * LEDGER_SEGMENT)
		return fails("prune", &e);
	return ledger_close(l, &e) ? fails("close", &e) : 0;
}

#define REFUSED(call) (((call) < 0 && (errno == EPERM || errno == EACCES || errno == EXDEV)) ? 0 \
	: (fprintf(stderr, "%s was not refused (%d)\n", #call, errno), 1))

static int other_dir = -1;

static int path_open(const char *dir, const char *name, int flags)
{
	char path[8192];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags, 0600);
}

static int reach_out(struct ledger *l)
{
	char a[8192], b[8192];
	struct stat st;
	int bad = 0;

	(void)l;
	snprintf(a, sizeof(a), "%s/checkpoint", own);
	snprintf(b, sizeof(b), "%s/checkpoint", other);
	/* The same user's, in a directory held open: without Landlock much of this would do. */
	bad += fstatat(other_dir, "checkpoint", &st, 0) != 0 || st.st_uid != geteuid();
	bad += REFUSED(path_open(other, "key", O_RDONLY));
	bad += REFUSED(path_open(other, "checkpoint", O_WRONLY));
	bad += REFUSED(path_open(other, "log/00000000.entries", O_RDWR));
	bad += REFUSED(path_open(other, "new", O_WRONLY | O_CREAT));
	bad += REFUSED(path_open(other, "log", O_RDONLY | O_DIRECTORY));
	bad += REFUSED(openat(other_dir, "key", O_RDONLY));
	bad += REFUSED(unlinkat(other_dir, "checkpoint", 0));
	bad += REFUSED(unlink(b));
	bad += REFUSED(rename(a, b));
	bad += REFUSED(rename(b, a));
	bad += REFUSED(linkat(other_dir, "checkpoint", other_dir, "link", 0));
	bad += REFUSED(renameat(other_dir, "checkpoint", other_dir, "new"));
	bad += REFUSED(openat(other_dir, "new", O_WRONLY | O_CREAT, 0600));
	bad += REFUSED(open("/etc/passwd", O_RDONLY));
	bad += REFUSED(open("/proc/self/status", O_RDONLY));
	bad += REFUSED(open("/dev/null", O_RDWR));
	bad += REFUSED(open("/", O_RDONLY | O_DIRECTORY));
	snprintf(b, sizeof(b), "%s/dir", own);
	bad += REFUSED(mkdir(b, 0700));
	return bad;
}

static int signal_and_connect(struct ledger *l)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	(void)l;
	return REFUSED(socket(AF_UNIX, SOCK_STREAM, 0)) +
		REFUSED(connect(0, (struct sockaddr *)&un, sizeof(un)));
}

static void own_ledger_is_written_on(void **state)
{
	expect_fine(state, write_on);
	fixture_check(own, 2 * LEDGER_SEGMENT, 2 * LEDGER_SEGMENT + 11); /* one says what was pruned */
}

static void other_ledger_is_out_of_reach(void **state)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/other", (char *)*state);
	assert_int_equal(mkdir(path, 0755), 0);
	other_dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(other_dir >= 0);
	expect_fine(state, reach_out);
	close(other_dir);
}

static void no_way_out_by_sockets(void **state)
{
	expect_fine(state, signal_and_connect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(own_ledger_is_written_on),
		fixture_test(other_ledger_is_out_of_reach),
		fixture_test(no_way_out_by_sockets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
