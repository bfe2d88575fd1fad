/* SPDX-License-Identifier: BSD-3-Clause */
/* What libcurl's end and the connection's say reaches the other, in order, and so does that one has ended. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mirror/relay.h"

#define MANY 1000000 /* bytes; more than all buffers between the two ends hold */

static void put(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

		assert_true(sent > 0);
		data += sent;
		n -= (size_t)sent;
	}
}

/* All of @n bytes, then the end if @end. */
static void get(int fd, char *data, size_t n, int end)
{
	char c;

	while (n) {
		ssize_t got = recv(fd, data, n, 0);

		assert_true(got > 0);
		data += got;
		n -= (size_t)got;
	}
	if (end)
		assert_int_equal(recv(fd, &c, 1, 0), 0);
}

/* As libcurl does it. */
static int reach(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path + 1, name);
	assert_int_equal(connect(fd, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))), 0);
	return fd;
}

static void begin(int *far, int *near)
{
	char name[RELAY_NAME];
	int s[2], listener = relay_listen(name);

	assert_true(listener >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	assert_int_equal(relay_start(listener, s[1]), 0);
	*near = reach(name);
	*far = s[0];
	put(*near, "x", 1);
	get(*far, (char[1]){0}, 1, 0); /* it has come */
	close(listener);
}

/* Another process that connects is not taken for ours. */
static void test_stranger(void **state)
{
	char name[RELAY_NAME], c = 0;
	int s[2], listener = relay_listen(name), near, status;
	pid_t pid;

	(void)state;
	assert_true(listener >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	pid = fork();
	if (!pid) {
		int fd = reach(name);

		/* Cut off without having been given a byte. */
		_exit(recv(fd, &c, 1, 0) == 0 ? 0 : 1);
	}
	assert_int_equal(relay_start(listener, s[1]), 0);
	put(s[0], "a", 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	near = reach(name);
	get(near, &c, 1, 0);
	assert_int_equal(c, 'a');
	close(near);
	close(s[0]);
	close(listener);
}

static void test_both_ways(void **state)
{
	static char out[MANY], back[MANY];
	int far, near;
	char word[6];

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		out[i] = (char)(i * 31 + i / 251);
	begin(&far, &near);
	put(near, "hello", 5);
	get(far, word, 5, 0);
	assert_memory_equal(word, "hello", 5);
	/* The far end sends more than fits, and is read meanwhile in small pieces. */
	for (size_t at = 0; at < MANY; at += 50000) {
		put(far, out + at, 50000);
		get(near, back + at, 50000, 0);
	}
	assert_memory_equal(out, back, MANY);
	/* One end has ended, the other goes on. */
	shutdown(near, SHUT_WR);
	get(far, word, 0, 1);
	put(far, "last", 4);
	close(far);
	get(near, word, 4, 1);
	assert_memory_equal(word, "last", 4);
	close(near);
}

static void test_broken(void **state)
{
	int far, near;
	char c;

	(void)state;
	begin(&far, &near);
	close(near);
	assert_int_equal(recv(far, &c, 1, 0), 0);
	close(far);
	begin(&far, &near);
	close(far);
	assert_int_equal(recv(near, &c, 1, 0), 0);
	close(near);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
