/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages between processes, with and without a descriptor. */
#include "util/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void passes(void **state)
{
	uint64_t in = 42, out = 0;
	int s[2], line[2], fd;
	char c = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	assert_int_equal(pipe(line), 0);
	assert_int_equal(pass_send(s[0], &in, sizeof(in), -1), 0);
	assert_true(pass_take(s[1], &out, sizeof(out), &fd));
	assert_int_equal(out, 42);
	assert_int_equal(fd, -1);
	assert_int_equal(pass_send(s[0], &in, sizeof(in), line[1]), 0);
	assert_true(pass_take(s[1], &out, sizeof(out), &fd));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(line[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	close(fd);
	assert_int_equal(send(s[0], &in, 3, 0), 3);
	assert_false(pass_take(s[1], &out, sizeof(out), &fd)); /* too short */
	close(s[0]);
	assert_false(pass_take(s[1], &out, sizeof(out), &fd));
	assert_int_equal(fd, -1);
	assert_int_equal(pass_send(s[1], &in, sizeof(in), -1), -1);
	close(s[1]);
	close(line[0]);
	close(line[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(passes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
