/* SPDX-License-Identifier: BSD-3-Clause */
/* limit: 400 */
/*
 * Ten thousand connections from many addresses to the server, as it is run: some say nothing, some begin a handshake,
 * some speak no TLS. Meanwhile a host that may uploads, by a new connection each time, and is served; the server's
 * memory stays small; when they are gone it is as before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "mirror/server/setup.h"
#include "unit/mirror/http_rig.h"
#include "unit/mirror/server_child.h"

#define CONNECTIONS 10000
#define BURST 1000 /* of these at once */
#define TRIES 20   /* for an upload after each of these, while they all stay open */
#define MEMORY_KIB (64 << 10)

static struct {
	char config[200], store[200], url[SERVER_CHILD_URL];
	struct log_rig g;
	pid_t pid;
	unsigned held, failed;
	int fd[CONNECTIONS];
} test;

static void set_up(const char *base)
{
	struct setup_init q = {.dir = test.config, .name = "logvm.example", .host = {"127.0.0.1"}, .n_hosts = 1, .days = 10};
	struct setup_add add_vm = {.dir = test.config, .name = "vm", .days = 10};
	struct setup_added done;
	struct err e = {""};

	memset(&test, 0, sizeof(test));
	log_rig_open(&test.g, base, "host");
	snprintf(test.config, sizeof(test.config), "%s/config", base);
	snprintf(test.store, sizeof(test.store), "%s/store", base);
	add_vm.vkey = &test.g.conf.key[0];
	if (setup_init(&q, &e) || setup_add(&add_vm, &done, &e))
		fail_msg("%s", e.text);
	assert_int_equal(chmod(base, 0755), 0);
}

/* One of 250 addresses of the loopback; -1: that did not go. */
static int one(unsigned i, const struct sockaddr_in *to)
{
	static const char *const words[] = {"", "\x16\x03\x01\x02", "GET / HTTP/1.1\r\n", "\x16\x03\x01\xff\xff\x01"};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x100 + i % 250)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int no_port = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &no_port, sizeof(no_port));
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) ||
		(connect(fd, (const struct sockaddr *)to, sizeof(*to)) && errno != EINPROGRESS)) {
		close(fd);
		return -1;
	}
	/* If it is not through yet it says nothing. */
	send(fd, words[i % 4], strlen(words[i % 4]), MSG_NOSIGNAL);
	return fd;
}

/* How many may be open at a time: far more than the server has places. */
static unsigned files(void)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	l.rlim_cur = l.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
	assert_true(l.rlim_cur > 1000);
	return l.rlim_cur > CONNECTIONS + 100 ? CONNECTIONS : (unsigned)l.rlim_cur - 100;
}

/* BURST connections more, from number @i on; none of them is ended here but what is too much for this process. */
static void flood(unsigned i)
{
	const char *port = strrchr(test.url, ':');
	const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(port + 1))};

	for (unsigned end = i + BURST; i < end; i++) {
		if (i >= test.held && test.fd[i - test.held] >= 0)
			close(test.fd[i - test.held]);
		test.fd[i] = one(i, &to);
		test.failed += test.fd[i] < 0;
	}
}

/* A request by a connection of its own. Its status; 0: it did not get through. */
static int request(const char *path, const char *type, const void *data, size_t n)
{
	const struct http_request q = {.path = path, .type = type, .body = data, .n = n, .max = 1 << 20};
	struct http_answer a = {0};
	struct http *h = NULL;
	char identity[300];
	struct err e = {""};
	int status = 0;

	snprintf(identity, sizeof(identity), "%s/clients/vm", test.config);
	if (http_open(&h, test.url, identity, &e))
		fail_msg("%s", e.text);
	if (!http_send(h, &q, &a, &e))
		status = (int)a.status;
	http_answer_free(&a);
	http_close(h);
	return status;
}

/* 100 records more. False: a request did not get through. */
static bool upload(void)
{
	static uint64_t pending, stored;
	uint64_t size = stored + 100;
	struct wire_checkpoint w;
	struct tamper_file note;
	char *data;
	size_t n;
	int status;

	if (ledger_size(test.g.ledger) < size)
		log_rig_grow(&test.g, size);
	if (pending < size) {
		note = log_rig_note(&test.g);
		log_rig_checkpoint(&test.g, note, pending, &w);
		assert_int_equal(wire_checkpoint_put(&w, &data, &n), 0);
		status = request("add-checkpoint", "text/plain", data, n);
		free(data);
		free(note.data);
		/* 409: its answer was lost, it was not. */
		if (status && status != 200 && status != 409)
			fail_msg("add-checkpoint: %d", status);
		if (!status)
			return false;
		pending = size;
	}
	data = entries(&test.g, stored, size, 9, &n);
	status = request("add-entries", WIRE_ENTRIES_TYPE, data, n);
	free(data);
	if (status && status != 200)
		fail_msg("add-entries: %d", status);
	if (status)
		stored = size;
	return status != 0;
}

/* The server's greatest memory, KiB. */
static unsigned long memory(void)
{
	unsigned long kib = 0;
	char path[64], line[200];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)test.pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmHWM: %lu", &kib);
	if (f)
		fclose(f);
	return kib;
}

static void many(void **state)
{
	unsigned tries, missed = 0;
	int status;

	set_up(*state);
	test.pid = server_child(test.config, test.store, "https://127.0.0.1:0", test.url);
	test.held = files();
	assert_true(upload());
	for (unsigned i = 0; i < CONNECTIONS; i += BURST) {
		flood(i);
		for (tries = 0; !upload(); tries++)
			assert_true(tries < TRIES);
		missed += tries;
	}
	printf("# %d connections (%u refused), and %d uploads beside them, %u tried again; the server's memory %lu KiB\n",
		CONNECTIONS, test.failed, CONNECTIONS / BURST, missed, memory());
	assert_true(test.failed < CONNECTIONS / 10);
	assert_in_range(memory(), 1, MEMORY_KIB);
	kill(test.pid, SIGTERM);
	assert_int_equal(waitpid(test.pid, &status, 0), test.pid);
	assert_int_equal(status, 0);
	test.pid = 0;
	for (unsigned i = CONNECTIONS > test.held ? CONNECTIONS - test.held : 0; i < CONNECTIONS; i++)
		if (test.fd[i] >= 0)
			close(test.fd[i]);
	log_rig_close(&test.g);
}

static int teardown(void **state)
{
	if (test.pid > 0) {
		kill(test.pid, SIGKILL);
		waitpid(test.pid, NULL, 0);
	}
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many, fixture_setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
