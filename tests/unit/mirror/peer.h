/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peer.h - an HTTP server for tests, in a thread of its own: one connection after the other, each request given to
 * a function that fills in the answer. It can do what servers should not: cut off, send garbage, never answer.
 */
#ifndef TESTS_UNIT_MIRROR_PEER_H
#define TESTS_UNIT_MIRROR_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct peer_request {
	char method[8], path[256], type[64];
	bool gzip;
	char *body;
	size_t n;
};

struct peer_answer {
	int status;         /* 0: close the connection without one */
	const char *type;
	char *body;         /* allocated, or NULL */
	size_t n;
	const char *header; /* one more, with CR LF, or NULL */
	const char *raw;    /* instead of all that: these bytes, and the connection is closed */
	size_t cut;         /* send so many bytes of the body less */
};

struct peer {
	char url[200];
	int fd, stop[2];
	pthread_t thread;
	void (*answer)(void *ctx, const struct peer_request *q, struct peer_answer *a);
	void *ctx;
	unsigned connections, requests; /* to be looked at after peer_stop(), or inside answer() */
};

static inline bool peer_wait(const struct peer *p, int fd)
{
	struct pollfd f[2] = {{.fd = fd, .events = POLLIN}, {.fd = p->stop[0]}};

	while (poll(f, 2, -1) < 0 && errno == EINTR)
		;
	return !f[1].revents;
}

/* All of a request: its head in @head, its body allocated. False at the end of the connection. */
static inline bool peer_read(const struct peer *p, int fd, struct peer_request *q)
{
	char head[8192], *end = NULL, *line;
	size_t len = 0, body;

	memset(q, 0, sizeof(*q));
	while (!end) {
		ssize_t n = peer_wait(p, fd) && len < sizeof(head) - 1 ? read(fd, head + len, sizeof(head) - 1 - len) : 0;

		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	*end = '\0';
	end += 4;
	if (sscanf(head, "%7s %255s", q->method, q->path) != 2)
		return false;
	for (line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		if (!strncasecmp(line + 2, "Content-Length:", 15))
			q->n = strtoul(line + 17, NULL, 10);
		else if (!strncasecmp(line + 2, "Content-Encoding: gzip", 22))
			q->gzip = true;
		else if (!strncasecmp(line + 2, "Content-Type: ", 14))
			sscanf(line + 16, "%63[^\r\n]", q->type);
	}
	q->body = malloc(q->n + 1);
	body = (size_t)(head + len - end);
	memcpy(q->body, end, body);
	while (body < q->n) {
		ssize_t n = peer_wait(p, fd) ? read(fd, q->body + body, q->n - body) : 0;

		if (n <= 0)
			return false;
		body += (size_t)n;
	}
	q->body[q->n] = '\0';
	return true;
}

static inline void peer_put(int fd, const void *data, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t w = send(fd, (const char *)data + at, n - at, MSG_NOSIGNAL);

		if (w <= 0)
			return;
		at += (size_t)w;
	}
}

static inline bool peer_write(int fd, const struct peer_answer *a)
{
	char head[512];

	if (a->raw) {
		peer_put(fd, a->raw, strlen(a->raw));
		return false;
	}
	if (!a->status)
		return false;
	peer_put(fd, head, (size_t)snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s%s%s%s\r\n",
		a->status, a->n, a->type ? "Content-Type: " : "", a->type ? a->type : "", a->type ? "\r\n" : "",
		a->header ? a->header : ""));
	peer_put(fd, a->body, a->n - a->cut);
	return !a->cut;
}

static inline void *peer_serve(void *arg)
{
	struct peer *p = arg;

	while (peer_wait(p, p->fd)) {
		int fd = accept(p->fd, NULL, NULL);
		struct peer_request q;
		bool more = fd >= 0;

		p->connections += more;
		while (more) {
			struct peer_answer a = {0};

			more = peer_read(p, fd, &q);
			if (more) {
				p->requests++;
				p->answer(p->ctx, &q, &a);
				more = peer_write(fd, &a);
			}
			free(a.body);
			free(q.body);
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static inline int peer_listen(struct peer *p, const char *dir)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	p->fd = socket(dir ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (dir) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%.90s/peer", dir);
		unlink(un.sun_path);
		snprintf(p->url, sizeof(p->url), "unix://%s", un.sun_path);
		return bind(p->fd, (struct sockaddr *)&un, sizeof(un)) || listen(p->fd, 8);
	}
	if (bind(p->fd, (struct sockaddr *)&in, sizeof(in)) || listen(p->fd, 8) ||
		getsockname(p->fd, (struct sockaddr *)&in, &len))
		return -1;
	snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d", ntohs(in.sin_port));
	return 0;
}

/* Serve on a Unix socket in @dir; NULL: on a port of the loopback. p->answer and p->ctx are set. */
static inline int peer_start(struct peer *p, const char *dir)
{
	p->connections = p->requests = 0;
	return pipe(p->stop) || peer_listen(p, dir) || pthread_create(&p->thread, NULL, peer_serve, p) ? -1 : 0;
}

static inline void peer_stop(struct peer *p)
{
	close(p->stop[1]); /* the other end hangs up */
	pthread_join(p->thread, NULL);
	close(p->stop[0]);
	close(p->fd);
}

#endif
