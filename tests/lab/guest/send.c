/* SPDX-License-Identifier: BSD-3-Clause */
/* send.c - one message of any bytes; and one from each of many sockets, from a process that then ends at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab.h"

enum { MESSAGE_MAX = 1 << 20, SOCKETS_MAX = 100000, TEXT_MAX = 64 };

static int trouble(const char *what)
{
	fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
	return 2;
}

static struct sockaddr_un at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	return a;
}

int send_main(int argc, char **argv)
{
	static char text[MESSAGE_MAX];
	struct sockaddr_un a;
	size_t len = 0;
	ssize_t n;
	int fd;

	if (argc != 3 || (strcmp(argv[1], "dgram") != 0 && strcmp(argv[1], "stream") != 0)) {
		fprintf(stderr, "usage: lab send dgram|stream PATH\n");
		return 2;
	}
	while ((n = read(STDIN_FILENO, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	a = at(argv[2]);
	fd = socket(AF_UNIX, *argv[1] == 'd' ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) || send(fd, text, len, 0) != (ssize_t)len)
		return trouble(argv[2]);
	return 0;
}

/* Socket @i, bound at a name of its own in @dir, says so. Left open. */
static int one_socket(const struct sockaddr_un *to, const char *dir, long i)
{
	struct sockaddr_un own;
	char name[TEXT_MAX + 24], text[TEXT_MAX];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(name, sizeof(name), "%.*s/%ld", TEXT_MAX, dir, i);
	own = at(name);
	snprintf(text, sizeof(text), "<13>sockets: number %ld", i);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof(own)) ||
		sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return trouble(name);
	return 0;
}

int sockets_main(int argc, char **argv)
{
	struct rlimit files = {SOCKETS_MAX + 64, SOCKETS_MAX + 64};
	struct sockaddr_un to;
	long count;
	int r = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: lab sockets PATH DIR COUNT\n");
		return 2;
	}
	count = number(argv[3], 1, SOCKETS_MAX, "COUNT");
	to = at(argv[1]);
	if (setrlimit(RLIMIT_NOFILE, &files))
		return trouble("so many files");
	for (long i = 0; !r && i < count; i++)
		r = one_socket(&to, argv[2], i);
	return r;
}
