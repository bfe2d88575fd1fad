/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/relay.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/clock.h"

#define CHUNK 65536 /* bytes held in each direction */
#define MEET_MS 10000

/* One direction. */
struct way {
	int from, to;
	bool ended; /* no more comes, and @to was told */
	size_t at, n;
	char data[CHUNK];
};

struct relay {
	int listener;
	struct way way[2]; /* from the connection to libcurl, and back */
};

static bool later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* What can be done without waiting. False: broken. */
static bool move(struct way *w)
{
	ssize_t n;

	if (w->at == w->n && !w->ended) {
		n = recv(w->from, w->data, sizeof(w->data), MSG_DONTWAIT);
		if (n < 0)
			return later(n);
		w->at = 0;
		w->n = (size_t)n;
		w->ended = !n;
		if (!n)
			shutdown(w->to, SHUT_WR);
	}
	if (w->at == w->n)
		return true;
	n = send(w->to, w->data + w->at, w->n - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		w->at += (size_t)n;
	return n >= 0 || later(n);
}

/* The one of this process who comes: any on this machine may connect to an abstract socket, without end. */
static int meet(int listener)
{
	const int64_t until = clock_mono_ms() + MEET_MS;
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct ucred who;
	int64_t left;

	while ((left = until - clock_mono_ms()) > 0 && poll(&p, 1, (int)left) > 0) {
		socklen_t n = sizeof(who);
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && !later(fd))
			break;
		if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) && who.pid == getpid())
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static void carry(struct relay *r)
{
	struct pollfd fds[2];

	for (;;) {
		if (!move(&r->way[0]) || !move(&r->way[1]) || (r->way[0].ended && r->way[1].ended))
			break;
		for (int i = 0; i < 2; i++) {
			const struct way *in = &r->way[i], *out = &r->way[!i];

			fds[i] = (struct pollfd){.fd = in->from, .events = (short)((in->at == in->n && !in->ended ? POLLIN : 0) |
				(out->at < out->n ? POLLOUT : 0))};
			/* One that is waited for in no way would report its hang-up without end. */
			if (!fds[i].events)
				fds[i].fd = -1;
		}
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
	}
}

static void *run(void *ctx)
{
	struct relay *r = ctx;
	int near = meet(r->listener);

	r->way[1].from = r->way[0].to = near;
	if (near >= 0) {
		carry(r);
		close(near);
	}
	close(r->way[0].from);
	free(r);
	return NULL;
}

int relay_listen(char name[RELAY_NAME])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t n = sizeof(sa_family_t);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), x;

	if (fd < 0)
		return -errno;
	/* A long queue: strangers who fill a short one keep libcurl out, which does not wait. */
	if (!bind(fd, (struct sockaddr *)&a, n) && !listen(fd, SOMAXCONN)) {
		n = sizeof(a);
		if (!getsockname(fd, (struct sockaddr *)&a, &n) && n == sizeof(sa_family_t) + RELAY_NAME && !a.sun_path[0]) {
			memcpy(name, a.sun_path + 1, RELAY_NAME - 1);
			name[RELAY_NAME - 1] = '\0';
			return fd;
		}
	}
	x = errno ? errno : EPROTO;
	close(fd);
	return -x;
}

int relay_start(int listener, int fd)
{
	struct relay *r = calloc(1, sizeof(*r));
	sigset_t all, before;
	pthread_t thread;
	int x;

	if (!r) {
		close(fd);
		return -ENOMEM;
	}
	r->listener = listener;
	r->way[0].from = r->way[1].to = fd;
	/* Signals are for the threads that know of them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	x = pthread_create(&thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (x) {
		free(r);
		close(fd);
		return -x;
	}
	pthread_detach(thread);
	return 0;
}
