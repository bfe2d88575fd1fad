/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * logd.c - a log daemon for guests without one: takes what comes to /dev/log and the journal's sockets, and keeps
 * nothing; or what comes to a socket at PATH. It goes into the background when the sockets are there.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab.h"

enum { SOCKETS = 3, ENDS_MAX = 1024 };

static const struct {
	const char *path;
	int type;
} at[SOCKETS] = {{"/dev/log", SOCK_DGRAM}, {"/run/systemd/journal/socket", SOCK_DGRAM},
	{"/run/systemd/journal/stdout", SOCK_STREAM}};

static int listen_at(const char *path, int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), on = 1;

	strcpy(a.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) ||
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) || (type == SOCK_STREAM && listen(fd, 64))) {
		perror(path);
		exit(2);
	}
	return fd;
}

/* One message, and the files that came with it. False at the end of a stream. */
static int take(int fd)
{
	static char text[1 << 20];
	char control[1024];
	struct iovec v = {text, sizeof(text)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		size_t fds = c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		for (size_t i = 0; i < fds; i++) {
			int passed;

			memcpy(&passed, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			close(passed);
		}
	}
	return n > 0 || (n < 0 && errno == EAGAIN);
}

int logd_main(int argc, char **argv)
{
	static struct pollfd p[SOCKETS + ENDS_MAX];
	unsigned n = SOCKETS;
	pid_t pid;

	if (argc > 2) {
		fprintf(stderr, "usage: lab logd [PATH]\n");
		return 2;
	}
	mkdir("/run/systemd", 0755);
	mkdir("/run/systemd/journal", 0755);
	for (unsigned i = 0; i < SOCKETS; i++)
		p[i] = (struct pollfd){argc == 1 ? listen_at(at[i].path, at[i].type) : -1, POLLIN, 0};
	if (argc == 2)
		p[0].fd = listen_at(argv[1], SOCK_DGRAM);
	pid = fork();
	if (pid) {
		printf("%d\n", (int)pid);
		return pid < 0 ? 2 : 0;
	}
	setsid();
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	for (;;) {
		if (poll(p, n, -1) < 0)
			continue;
		take(p[0].fd);
		take(p[1].fd);
		for (unsigned i = SOCKETS; i < n; i++)
			if (p[i].revents && !take(p[i].fd)) {
				close(p[i].fd);
				p[i--] = p[--n];
			}
		if (p[2].revents && n < SOCKETS + ENDS_MAX) {
			int fd = accept(p[2].fd, NULL, NULL);

			if (fd >= 0)
				p[n++] = (struct pollfd){fd, POLLIN, 0};
		}
	}
}
