/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port_test.c - connections through a virtio-serial port arrive whole, one after the other, whoever hangs up first;
 * and what is no frame ends the port.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "mirror/port/port.h"

#define BIG 300000

/* Host and guest joined by a port; the mirror's end of the connection that the guest made. */
struct joined {
	struct port host, guest;
	int mirror;
	bool refuse;
};

static void pair(int s[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s), 0);
}

static int dial(void *ctx)
{
	struct joined *j = ctx;
	int s[2];

	if (j->refuse)
		return -1;
	pair(s);
	j->mirror = s[1];
	return s[0];
}

static int setup(void **state)
{
	struct joined *j = calloc(1, sizeof(*j));
	int s[2];

	pair(s);
	port_init(&j->host, s[0]);
	port_init(&j->guest, s[1]);
	j->mirror = -1;
	*state = j;
	return 0;
}

static int teardown(void **state)
{
	struct joined *j = *state;

	port_close(&j->host);
	port_close(&j->guest);
	free(j);
	return 0;
}

static void pump(struct joined *j)
{
	for (int i = 0; i < 20; i++) {
		assert_int_equal(port_step(&j->host, NULL, NULL), 0);
		assert_int_equal(port_step(&j->guest, dial, j), 0);
	}
}

static int begin(struct joined *j)
{
	int s[2];

	assert_false(j->host.open);
	pair(s);
	port_open(&j->host, s[0]);
	pump(j);
	return s[1];
}

/* All of @n bytes from @from to @to, through buffers that are smaller. */
static void carry(struct joined *j, int from, int to, size_t n)
{
	uint8_t *out = malloc(n), *in = malloc(n);
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(i * 31 + i / 251);
	while (got < n) {
		ssize_t k = sent < n ? send(from, out + sent, n - sent, MSG_NOSIGNAL) : 0;

		sent += k > 0 ? (size_t)k : 0;
		pump(j);
		k = recv(to, in + got, n - got, 0);
		got += k > 0 ? (size_t)k : 0;
	}
	assert_memory_equal(in, out, n);
	free(in);
	free(out);
}

static void test_both_ways(void **state)
{
	struct joined *j = *state;
	char c;

	for (int round = 0; round < 3; round++) {
		int client = begin(j);

		carry(j, client, j->mirror, BIG);
		carry(j, j->mirror, client, BIG);
		/* Half a close: the answer still comes. */
		shutdown(client, SHUT_WR);
		pump(j);
		assert_int_equal(recv(j->mirror, &c, 1, 0), 0);
		carry(j, j->mirror, client, 1000);
		close(j->mirror);
		pump(j);
		assert_int_equal(recv(client, &c, 1, 0), 0);
		assert_false(j->host.open);
		assert_false(j->guest.open);
		close(client);
	}
}

static void test_client_vanishes(void **state)
{
	struct joined *j = *state;
	static const char much[100000];
	int client = begin(j);
	char c;

	assert_true(send(j->mirror, much, sizeof(much), MSG_NOSIGNAL) > 0);
	close(client);
	pump(j);
	/* The mirror is told, closes, and what it had sent is nobody's. */
	assert_int_equal(recv(j->mirror, &c, 1, 0), 0);
	close(j->mirror);
	pump(j);
	client = begin(j);
	carry(j, j->mirror, client, 5000);
	close(client);
	close(j->mirror);
}

static void test_mirror_vanishes(void **state)
{
	struct joined *j = *state;
	int client = begin(j);
	char c;

	close(j->mirror);
	pump(j);
	assert_int_equal(recv(client, &c, 1, 0), 0);
	assert_int_equal(send(client, "lost", 4, MSG_NOSIGNAL), 4);
	close(client);
	pump(j);
	assert_false(j->host.open || j->guest.open);
	client = begin(j);
	carry(j, client, j->mirror, 5000);
	close(client);
	close(j->mirror);
}

static void test_no_mirror(void **state)
{
	struct joined *j = *state;
	int client;
	char c;

	j->refuse = true;
	client = begin(j);
	assert_int_equal(recv(client, &c, 1, 0), 0);
	close(client);
	pump(j);
	assert_false(j->host.open || j->guest.open);
}

static void test_no_frames(void **state)
{
	static const struct {
		uint8_t b[6];
		size_t n;
		bool host;
	} bad[] = {
		{{'X', 0, 0}, 3, false},
		{{'D', 0, 1, 'x'}, 4, false},      /* of no connection */
		{{'E', 0, 0}, 3, false},
		{{'O', 0, 1, 'x'}, 4, false},
		{{'O', 0, 0, 'O', 0, 0}, 6, false},
		{{'O', 0, 0, 'D', 0, 0}, 6, false},
		{{'O', 0xff, 0xff}, 3, false},     /* longer than a frame is */
		{{'O', 0, 0}, 3, true},            /* the host begins connections, not the guest */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct joined j = {.refuse = true};
		struct port p;
		int s[2];

		pair(s);
		port_init(&p, s[0]);
		assert_int_equal(write(s[1], bad[i].b, bad[i].n), bad[i].n);
		assert_int_equal(port_step(&p, bad[i].host ? NULL : dial, &j), -EPROTO);
		assert_int_equal(p.fd, -1);
		assert_false(p.open);
		assert_int_equal(port_step(&p, bad[i].host ? NULL : dial, &j), 0);
		close(s[0]);
		close(s[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_vanishes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mirror_vanishes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_mirror, setup, teardown),
		cmocka_unit_test(test_no_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
