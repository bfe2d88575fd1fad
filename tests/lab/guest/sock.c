/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab sock KIND PATH COUNT [BYTES] - a log daemon and a program in one process: binds PATH, sends COUNT
 * messages to it and takes each from there. KIND: dgram, stream, splice (sendfile into a stream). A message is "sock
 * N end" and what fills it up to BYTES; one that was taken otherwise than it was sent is an error. With COUNT 0 what one
 * costs is printed, in ns of the guest's clock: the least of ten rounds of a hundred.
 */
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX (256 << 10)

struct ends {
	int from, to; /* sends, takes */
	int file;     /* to splice from, else -1 */
	size_t bytes;
};

static char message[BYTES_MAX], taken[BYTES_MAX];

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void make_directories(const char *path)
{
	char dir[108];

	for (size_t i = 1; path[i] && i < sizeof(dir); i++)
		if (path[i] == '/') {
			snprintf(dir, sizeof(dir), "%.*s", (int)i, path);
			mkdir(dir, 0755);
		}
}

static int open_ends(struct ends *s, int type, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int big = 4 * BYTES_MAX;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	make_directories(path);
	unlink(path);
	s->to = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	s->from = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	setsockopt(s->from, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	if (bind(s->to, (const struct sockaddr *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(s->to, 5)) ||
		connect(s->from, (const struct sockaddr *)&a, sizeof(a)))
		return -1;
	if (type == SOCK_STREAM)
		s->to = accept(s->to, NULL, NULL);
	return s->to < 0 ? -1 : 0;
}

static int send_one(const struct ends *s)
{
	off_t at = 0;

	if (s->file < 0)
		return write(s->from, message, s->bytes) == (ssize_t)s->bytes ? 0 : -1;
	return pwrite(s->file, message, s->bytes, 0) == (ssize_t)s->bytes &&
		sendfile(s->from, s->file, &at, s->bytes) == (ssize_t)s->bytes ? 0 : -1;
}

static int take_one(const struct ends *s)
{
	size_t n = 0;

	while (n < s->bytes) {
		ssize_t r = read(s->to, taken + n, s->bytes - n);

		if (r <= 0)
			return -1;
		n += (size_t)r;
	}
	return memcmp(taken, message, n) ? -1 : 0;
}

/* The number stands in the text, which keeps its length. */
static void number_it(long i, size_t bytes)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "sock %06ld end", i);

	memset(message, 'x', sizeof(message));
	memcpy(message, head, (size_t)n < bytes ? (size_t)n : bytes);
}

static int repeat(const struct ends *s, long first, long count)
{
	for (long i = first; i < first + count; i++) {
		if (s->file >= 0 || count < 100000)
			number_it(i, s->bytes);
		if (send_one(s) || take_one(s)) {
			perror("lab sock");
			return 2;
		}
	}
	return 0;
}

static int cost(const struct ends *s)
{
	long long best = 0;

	number_it(0, s->bytes);
	for (int round = 0; round < 10; round++) {
		long long start = now(), took;

		for (int i = 0; i < 100; i++)
			if (send_one(s) || take_one(s))
				return 2;
		took = (now() - start) / 100;
		if (!best || took < best)
			best = took;
	}
	printf("%lld\n", best);
	return 0;
}

int sock_main(int argc, char **argv)
{
	struct ends s = {.file = -1, .bytes = 64};
	long count;

	if (argc < 4 || argc > 5)
		return 2;
	count = number(argv[3], 0, 100000000, "COUNT");
	if (argc == 5)
		s.bytes = (size_t)number(argv[4], 1, BYTES_MAX, "BYTES");
	if (open_ends(&s, strcmp(argv[1], "dgram") ? SOCK_STREAM : SOCK_DGRAM, argv[2])) {
		perror(argv[2]);
		return 2;
	}
	if (!strcmp(argv[1], "splice"))
		s.file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return count ? repeat(&s, 0, count) : cost(&s);
}
