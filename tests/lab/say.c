/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * say.c - run one command in a lab guest: say SOCKET SECONDS COMMAND
 *
 * SOCKET is the unix socket behind the guest's second serial port, or the terminal that is its console (Xen), where
 * tests/lab/init reads lines "TOKEN COMMAND". The command's output goes to stdout; the exit status is the command's,
 * or 124 when SECONDS passed without an answer, 125 when the guest could not be reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { SAY_TIMEOUT = 124, SAY_TROUBLE = 125 };

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct termios t;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0) { /* what was said to nobody is not for us */
		if (tcgetattr(fd, &t))
			return -1;
		cfmakeraw(&t);
		return tcsetattr(fd, TCSAFLUSH, &t) ? -1 : fd;
	}
	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * The answer's last line is "\036TOKEN STATUS". Prints what comes before it; returns STATUS once
 * the whole line is in @buf, else -1 with *@len cut to what may still be the line's beginning.
 */
static int take(char *buf, size_t *len, const char *token)
{
	char *mark = memmem(buf, *len, token, strlen(token)), *end;
	size_t plain = mark ? (size_t)(mark - buf) : *len;

	if (!mark) {
		char *rs = memrchr(buf, token[0], *len);

		if (rs && (size_t)(buf + *len - rs) < strlen(token))
			plain = rs - buf;
	}
	fwrite(buf, 1, plain, stdout);
	fflush(stdout);
	memmove(buf, buf + plain, *len - plain);
	*len -= plain;
	end = mark ? memchr(buf, '\n', *len) : NULL;
	return end ? atoi(buf + strlen(token)) : -1;
}

int main(int argc, char **argv)
{
	char token[40], line[4096], buf[8192];
	size_t len = 0;
	long long end;
	int fd, n, status;

	if (argc != 4) {
		fprintf(stderr, "usage: say SOCKET SECONDS COMMAND\n");
		return SAY_TROUBLE;
	}
	signal(SIGPIPE, SIG_IGN);
	end = now_ms() + atoi(argv[2]) * 1000LL;
	fd = connect_to(argv[1]);
	if (fd < 0) {
		fprintf(stderr, "say: %s: %s\n", argv[1], strerror(errno));
		return SAY_TROUBLE;
	}
	snprintf(token, sizeof(token), "\036%d.%lld ", (int)getpid(), now_ms());
	n = snprintf(line, sizeof(line), "%s%s\n", token + 1, argv[3]);
	if (n >= (int)sizeof(line) || write(fd, line, n) != n) {
		fprintf(stderr, "say: cannot send the command (at most %zu bytes)\n", sizeof(line) - 40);
		return SAY_TROUBLE;
	}
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		long long left = end - now_ms();
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			fprintf(stderr, "say: no answer in %s s to: %s\n", argv[2], argv[3]);
			return SAY_TIMEOUT;
		}
		got = read(fd, buf + len, sizeof(buf) - len);
		if (got <= 0) {
			fprintf(stderr, "say: the guest went away during: %s\n", argv[3]);
			return SAY_TROUBLE;
		}
		len += got;
		status = take(buf, &len, token);
		if (status >= 0)
			return status;
	}
}
