/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 300 */
/*
 * kill -9 of the server, as it is run, at random moments while a host uploads: what was answered is there when it
 * comes back, the upload goes on where it was, and in the end the copy is the host's log. LOGVISOR_LONG: more
 * rounds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "mirror/server/setup.h"
#include "unit/mirror/http_rig.h"
#include "unit/mirror/server_child.h"

#define ROUNDS 30

static struct {
	char config[200], store[200], url[200];
	struct log_rig g;
	pid_t pid;
	unsigned after;                   /* so many answers of a round it is killed, */
	useconds_t wait;                  /* a little later */
	uint64_t pending, next, cosigned; /* what was answered */
	atomic_uint answers, all;         /* of this round; of all */
} test;

static void *killer(void *arg)
{
	while (test.answers < test.after)
		usleep(100);
	usleep(test.wait);
	kill(test.pid, SIGKILL);
	return arg;
}

/* One request; 0: there is nobody any more. */
static int request(struct http *h, const char *path, const char *type, const void *data, size_t n, struct http_answer *a)
{
	const struct http_request q = {.path = path, .type = type, .body = data, .n = n, .max = 1 << 20};
	struct err e;

	memset(a, 0, sizeof(*a));
	if (http_send(h, &q, a, &e))
		return 0;
	test.answers++;
	test.all++;
	return (int)a->status;
}

static int add(struct http *h)
{
	struct tamper_file note = log_rig_note(&test.g);
	uint64_t size = ledger_size(test.g.ledger), old = test.pending;
	struct wire_checkpoint w;
	struct http_answer a;
	char *data;
	size_t n;
	int status;

	for (;;) {
		log_rig_checkpoint(&test.g, note, old, &w);
		assert_int_equal(wire_checkpoint_put(&w, &data, &n), 0);
		status = request(h, "add-checkpoint", "text/plain", data, n, &a);
		free(data);
		/* Its answer may have been lost by a kill, the checkpoint not. */
		if (status == 409 && old == test.pending) {
			assert_int_equal(wire_size_get(a.body, a.n, &old, NULL), 0);
			assert_true(old > test.pending);
			http_answer_free(&a);
			continue;
		}
		break;
	}
	if (status && status != 200)
		fail_msg("add-checkpoint: %d %s", status, a.body);
	http_answer_free(&a);
	free(note.data);
	if (status)
		test.pending = size;
	return status;
}

/* Up to two packages from where it was told to go on. */
static int upload(struct http *h)
{
	struct http_answer a;
	struct wire_info i;
	size_t n;
	char *data = entries(&test.g, test.next, test.pending, 2, &n);
	int status = request(h, "add-entries", WIRE_ENTRIES_TYPE, data, n, &a);

	free(data);
	if (status == 202 || status == 409) {
		assert_int_equal(wire_info_get(a.body, a.n, &i, NULL), 0);
		/* Never back behind what was said before. */
		if (i.next < test.next || i.size != test.pending)
			fail_msg("told %" PRIu64 " of %" PRIu64 " after %" PRIu64 " of %" PRIu64, i.next, i.size,
				test.next, test.pending);
		test.next = i.next;
		wire_info_free(&i);
	} else if (status == 200) {
		test.next = test.cosigned = test.pending;
	} else if (status) {
		fail_msg("add-entries: %d %s", status, a.body);
	}
	http_answer_free(&a);
	return status;
}

/* Until the server is gone, or @end is cosigned. */
static void feed(uint64_t end)
{
	struct http *h = client(test.url, NULL);
	int status = 200;

	while (status && test.cosigned < end) {
		if (test.cosigned == test.pending) {
			log_rig_grow(&test.g, ledger_size(test.g.ledger) + 300);
			status = add(h);
		} else {
			status = upload(h);
		}
	}
	http_close(h);
}

static void check_cosigned(void)
{
	char path[300];
	struct tamper_file f;
	struct checkpoint c;
	struct err e = {""};

	if (!test.cosigned)
		return;
	snprintf(path, sizeof(path), "%s/vm/checkpoint", test.store);
	f = tamper_load(path);
	assert_int_equal(checkpoint_parse(f.data, f.n, &c, &e), 0);
	assert_true(c.size >= test.cosigned);
	assert_int_equal(cosign_verify(&c, cosign_key_vkey(test.g.mirror), NULL, &e), 0);
	free(f.data);
}

static void set_up(const char *base)
{
	struct setup_init q = {.dir = test.config, .name = "logvm.example", .days = 10};
	struct setup_add add_vm = {.dir = test.config, .name = "vm", .days = 10};
	struct setup_added done;
	struct tamper_file key;
	char path[300];
	struct err e = {""};

	memset(&test, 0, sizeof(test));
	log_rig_open(&test.g, base, "host");
	snprintf(test.config, sizeof(test.config), "%s/config", base);
	snprintf(test.store, sizeof(test.store), "%s/store", base);
	snprintf(test.url, sizeof(test.url), "unix://%s/sock", base);
	assert_int_equal(mkdir(test.config, 0755), 0);
	snprintf(path, sizeof(path), "%s/key", test.config);
	key = (struct tamper_file){strdup(LOG_PEM1), strlen(LOG_PEM1)};
	tamper_store(path, key);
	add_vm.vkey = &test.g.conf.key[0];
	if (setup_init(&q, &e) || setup_add(&add_vm, &done, &e))
		fail_msg("%s", e.text);
	/* The server is another user's, if this is root's. */
	assert_int_equal(chmod(base, 0755), 0);
}

static void kills(void **state)
{
	unsigned rounds = getenv("LOGVISOR_LONG") && *getenv("LOGVISOR_LONG") ? 20 * ROUNDS : ROUNDS, in_flight = 0;
	struct told t;
	char dir[300];

	set_up(*state);
	for (unsigned i = 0; i < rounds; i++) {
		pthread_t thread;

		test.pid = server_child(test.config, test.store, test.url, NULL);
		check_cosigned();
		test.answers = 0;
		test.after = (unsigned)random() % 12;
		test.wait = (useconds_t)(random() % 5000);
		assert_int_equal(pthread_create(&thread, NULL, killer, NULL), 0);
		feed(UINT64_MAX);
		in_flight += test.cosigned < test.pending;
		pthread_join(thread, NULL);
		assert_int_equal(waitpid(test.pid, NULL, 0), test.pid);
		test.pid = 0;
		check_cosigned();
	}
	/* A last time, to the end, and stopped as one should. */
	test.pid = server_child(test.config, test.store, test.url, NULL);
	feed(ledger_size(test.g.ledger));
	kill(test.pid, SIGTERM);
	assert_int_equal(waitpid(test.pid, NULL, 0), test.pid);
	test.pid = 0;
	snprintf(dir, sizeof(dir), "%s/vm", test.store);
	tamper_verify(dir, &t, (struct verify_options){.name = "vm", .pin = &test.g.conf.key[0]});
	if (t.n)
		fail_msg("%s", t.f[0].text);
	assert_int_equal(t.sum.size, ledger_size(test.g.ledger));
	printf("# %u kills, %u answers, %u in the middle of an upload, %" PRIu64 " records\n", rounds, (unsigned)test.all, in_flight,
		t.sum.size);
	log_rig_close(&test.g);
}

static int teardown(void **state)
{
	if (test.pid > 0)
		kill(test.pid, SIGKILL);
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kills, fixture_setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
