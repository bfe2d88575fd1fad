/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.c - a bad network between a client and a server on this machine: wire PORT [cut=BYTES] [flip=BYTES] [delay=MS]
 * [rate=BYTES]
 *
 * Listens on a free port of the loopback, which it prints, and carries each connection to PORT. What the client
 * sends is cut off after so many bytes (both ways are closed), has one bit altered at each of so many, comes so much
 * later, or goes at so many bytes a second. One connection at a time; others wait.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"

static uint64_t cut, flip, delay, rate;

static struct sockaddr_in loopback(unsigned long port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool put(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

/* Of the client's @n bytes from @at on of a connection, what arrives. False: no more does. */
static bool spoil(uint8_t *p, size_t *n, uint64_t at)
{
	bool more = true;

	if (cut && at + *n >= cut) {
		*n = cut > at ? cut - at : 0;
		more = false;
	}
	for (size_t i = 0; flip && i < *n; i++)
		if ((at + i) % flip == flip - 1)
			p[i] ^= 4;
	if (delay)
		clock_sleep_ms((int64_t)delay);
	if (rate)
		clock_sleep_ms((int64_t)(*n * 1000 / rate));
	return more;
}

static void carry(int client, int server)
{
	struct pollfd f[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
	uint8_t buf[16384];
	uint64_t at = 0;
	bool more = true;

	while (more && poll(f, 2, -1) > 0) {
		for (int i = 0; i < 2 && more; i++) {
			ssize_t got = f[i].revents ? recv(f[i].fd, buf, sizeof(buf), 0) : -1;
			size_t n = got > 0 ? (size_t)got : 0;

			if (!f[i].revents)
				continue;
			more = n > 0;
			if (more && i == 0)
				more = spoil(buf, &n, at);
			more = put(f[!i].fd, buf, n) && more;
			at += i ? 0 : n;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	struct sockaddr_in here = loopback(0), there = loopback(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(here);

	for (int i = 2; i < argc; i++)
		if (sscanf(argv[i], "cut=%lu", &cut) + sscanf(argv[i], "flip=%lu", &flip) +
			sscanf(argv[i], "delay=%lu", &delay) + sscanf(argv[i], "rate=%lu", &rate) < 1)
			port = 0;
	if (!port || bind(listener, (struct sockaddr *)&here, len) || listen(listener, 64) ||
		getsockname(listener, (struct sockaddr *)&here, &len)) {
		fputs("usage: wire PORT [cut=BYTES] [flip=BYTES] [delay=MS] [rate=BYTES]\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	printf("%u\n", ntohs(here.sin_port));
	fflush(stdout);
	for (;;) {
		int client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);

		if (client >= 0 && !connect(server, (struct sockaddr *)&there, sizeof(there)))
			carry(client, server);
		close(client);
		close(server);
	}
}
