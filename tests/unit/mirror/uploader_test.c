/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uploader_test.c - the processes: uploader and courier, confined as they are in use, against a mirror on the
 * loopback; started anew when killed; and that they end when the worker does, whoever is away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mirror/push/courier.h"
#include "mirror/push/state.h"
#include "mirror/push/uploader.h"
#include "unit/ledger/fixture.h"
#include "unit/mirror/peer.h"
#include "unit/mirror/toy_mirror.h"
#include "util/clock.h"

#define LIMIT_MS 60000

static struct toy toy;
static pthread_mutex_t at_toy = PTHREAD_MUTEX_INITIALIZER;

static void answer(void *ctx, const struct peer_request *q, struct peer_answer *out)
{
	struct http_request r = {.path = q->path + 1, .type = q->type, .body = q->body, .n = q->n, .gzip = q->gzip,
		.max = 1 << 20};
	struct http_answer a;

	(void)ctx;
	pthread_mutex_lock(&at_toy);
	toy_send(&toy, &r, &a, NULL);
	pthread_mutex_unlock(&at_toy);
	out->status = (int)a.status;
	out->body = a.body;
	out->n = a.n;
}

/* The toy, for the log of @ledger, behind @p. */
static struct upload_target toy_begin(struct peer *p, const char *ledger)
{
	toy_open(&toy, "toy.example/m", ledger);
	assert_int_equal(peer_start(p, NULL), 0);
	return (struct upload_target){.kind = UPLOAD_MIRROR, .url = p->url, .key = *cosign_key_vkey(toy.key)};
}

static void toy_end(struct peer *p)
{
	peer_stop(p);
	toy_close(&toy);
}

static void family_begin(struct uploaders *u, const char *ledger, const struct upload_target *t)
{
	struct err e = {""};

	if (uploaders_start(u, "vm", ledger, t, 1, &e))
		fail_msg("%s", e.text);
	uploaders_go(u);
}

/* Wait until the cosigned size beside the ledger is @size. */
static void cosigned_becomes(const char *dir, const struct upload_target *t, uint64_t size)
{
	int64_t limit = clock_due_ms() + LIMIT_MS;
	int d = open(dir, O_RDONLY | O_DIRECTORY);
	struct cosigned c = {0};

	while (cosigned_get(d, &t->key, &toy.log, &c, NULL) || c.size != size) {
		if (clock_due_ms() > limit)
			fail_msg("cosigned: %" PRIu64, c.size);
		clock_sleep_ms(10);
	}
	close(d);
}

static int run_once(const char *dir, const struct upload_target *t)
{
	const struct uploader o = {"vm", dir, *t, true, -1, -1};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* What it says is looked at elsewhere. */
		if (!freopen("/dev/null", "w", stderr))
			_exit(9);
		_exit(uploader_run(&o));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_once(void **state)
{
	struct peer p = {.answer = answer};
	struct upload_target t;

	fixture_grow(*state, 0, 20000);
	t = toy_begin(&p, *state);
	assert_int_equal(run_once(*state, &t), 0);
	cosigned_becomes(*state, &t, 20000);
	assert_int_equal(run_once(*state, &t), 0);
	toy.lie = TOY_WRONG_SIGNATURE;
	fixture_grow(*state, 20000, 20001);
	assert_int_equal(run_once(*state, &t), 1);
	peer_stop(&p);
	assert_int_equal(run_once(*state, &t), 2); /* nobody there */
	toy_close(&toy);
}

/* The state file says what is wrong, and no longer when it is not. */
static void test_state(void **state)
{
	struct peer p = {.answer = answer};
	struct upload_target t;
	char id[COSIGNED_ID + 1];
	struct push_state s;
	int d;

	fixture_grow(*state, 0, 10);
	d = open(*state, O_RDONLY | O_DIRECTORY);
	t = toy_begin(&p, *state);
	cosigned_id(&t.key, id);
	toy.lie = TOY_STATUS;
	assert_int_equal(run_once(*state, &t), 1);
	assert_int_equal(push_state_get(d, id, &s), 0);
	assert_string_equal(s.url, p.url);
	assert_string_equal(s.kind, "mirror");
	assert_string_equal(s.name, "toy.example/m");
	assert_string_equal(s.trouble, "lies");
	assert_non_null(strstr(s.text, "status 302"));
	toy.lie = TOY_HONEST;
	assert_int_equal(run_once(*state, &t), 0);
	assert_int_equal(push_state_get(d, id, &s), 0);
	assert_string_equal(s.trouble, "");
	toy_end(&p);
	close(d);
}

/* The process of uploader or courier that is a child of @parent; 0: there is none. */
static pid_t child_of(pid_t parent)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

static void kill_one(pid_t parent)
{
	int64_t limit = clock_due_ms() + LIMIT_MS;
	pid_t pid;

	while (!(pid = child_of(parent)) && clock_due_ms() < limit)
		clock_sleep_ms(10);
	assert_true(pid > 0);
	kill(pid, SIGKILL);
}

/* A ledger that grows, and uploaders that are killed meanwhile, the courier too. */
static void test_family(void **state)
{
	struct peer p = {.answer = answer};
	struct uploaders u;
	struct upload_target t;

	fixture_grow(*state, 0, 300);
	t = toy_begin(&p, *state);
	family_begin(&u, *state, &t);
	cosigned_becomes(*state, &t, 300);
	fixture_grow(*state, 300, 700);
	cosigned_becomes(*state, &t, 700);
	kill_one(u.pid);
	fixture_grow(*state, 700, 900);
	cosigned_becomes(*state, &t, 900);
	kill_one(child_of(u.pid));
	fixture_grow(*state, 900, 1000);
	cosigned_becomes(*state, &t, 1000);
	/* The last word, signed just before the end. */
	fixture_grow(*state, 1000, 1234);
	uploaders_end(&u);
	cosigned_becomes(*state, &t, 1234);
	assert_int_equal(toy.entries, 1234);
	toy_end(&p);
}

static const char *growing;
static atomic_bool grown;

/* While the first entries are on their way the ledger's last word is signed, and the worker ends. */
static void answer_late(void *ctx, const struct peer_request *q, struct peer_answer *out)
{
	if (!grown && !strcmp(q->path, "/add-entries")) {
		fixture_grow(growing, 200, 345);
		grown = true;
		clock_sleep_ms(200); /* that it ends is mostly seen before the answer; all is well if not */
	}
	answer(ctx, q, out);
}

static void test_last_word(void **state)
{
	struct peer p = {.answer = answer_late};
	int64_t limit = clock_due_ms() + LIMIT_MS;
	struct upload_target t;
	struct uploaders u;

	growing = *state;
	fixture_grow(*state, 0, 200);
	t = toy_begin(&p, *state);
	family_begin(&u, *state, &t);
	while (!grown && clock_due_ms() < limit)
		clock_sleep_ms(5);
	uploaders_end(&u);
	cosigned_becomes(*state, &t, 345);
	toy_end(&p);
}

/* The worker ended before there was a ledger. */
static void test_no_ledger(void **state)
{
	const struct upload_target t = {.url = "http://127.0.0.1:1"};
	struct uploaders u;
	char none[300];
	struct err e;

	snprintf(none, sizeof(none), "%s/none", (char *)*state);
	assert_int_equal(uploaders_start(&u, "vm", none, &t, 1, &e), 0);
	uploaders_end(&u);
}

static void test_patience(void **state)
{
	int s[2];
	struct patience p = {.last_ms = 50};

	(void)state;
	assert_int_equal(pipe(s), 0);
	p.stop = s[0];
	assert_int_equal(patience_wait(&p, -1, false, 0), 0);
	assert_int_equal(patience_wait(&p, s[0], false, 20), 0);
	close(s[1]);
	assert_int_equal(patience_wait(&p, -1, false, LIMIT_MS), 0); /* told at once */
	assert_true(p.deadline_ms != 0);
	assert_int_equal(patience_wait(&p, -1, false, LIMIT_MS), -ETIMEDOUT);
	close(s[0]);
}

/*
 * Each of these forks beside the thread that plays the mirror. The AddressSanitizer of gcc 12 does not take its allocator's
 * locks over a fork, so a child waits for ever where that thread has one. upload_test has the same code under it.
 */
#ifdef __SANITIZE_ADDRESS__
#define FORKS 0
#else
#define FORKS 1
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(test_once),
		fixture_test(test_state),
		fixture_test(test_family),
		fixture_test(test_last_word),
		fixture_test(test_no_ledger),
		cmocka_unit_test(test_patience),
	};

	if (!FORKS) {
		puts("ok 1 - uploaders # skip they are forked beside a thread, which this sanitizer does not bear\n1..1");
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
