/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * courier.c - on the socket a request is a struct ask and q->n bytes, the answer a struct told and its n bytes. Both
 * ends are this program.
 */
#include "mirror/push/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/sandbox.h"

struct ask {
	char path[64], type[64];
	uint64_t n, max;
	bool get, gzip;
};

struct told {
	int32_t error; /* http_send()'s */
	int64_t status, retry_after;
	uint64_t n;
	char type[64];
	struct err why;
};

/* What getaddrinfo(3) and OpenSSL read, and the libraries they load. */
static const char *const readable[] = {"/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/run/NetworkManager",
	"/run/resolvconf", "/var/run/nscd", NULL};

int patience_wait(struct patience *p, int fd, bool out, int ms)
{
	int64_t until = ms < 0 ? INT64_MAX : clock_due_ms() + ms, now;

	for (;;) {
		struct pollfd f[2] = {{.fd = p->deadline_ms ? -1 : p->stop}, {.fd = fd, .events = out ? POLLOUT : POLLIN}};
		int64_t end = p->deadline_ms && p->deadline_ms < until ? p->deadline_ms : until;
		int64_t left = end - clock_due_ms();

		/* Cut into hours, for poll's int. */
		poll(f, 2, left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left);
		now = clock_due_ms();
		if (f[0].revents)
			p->deadline_ms = now + p->last_ms;
		if (f[1].revents)
			return 1;
		if (p->deadline_ms && now >= p->deadline_ms)
			return -ETIMEDOUT;
		if (f[0].revents || now >= until)
			return 0;
	}
}

/* All @n bytes, one way or the other. 0, -ECHILD: the other end is gone; -ETIMEDOUT. */
static int move(int fd, void *data, size_t n, bool out, struct patience *p)
{
	char *at = data;

	while (n) {
		ssize_t k = out ? send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(fd, at, n, MSG_DONTWAIT);
		int r;

		if (k > 0) {
			at += k;
			n -= (size_t)k;
			continue;
		}
		if (k == 0 || (errno != EAGAIN && errno != EINTR))
			return -ECHILD;
		r = patience_wait(p, fd, out, -1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A request's body on its way from the uploader to the peer. */
struct coming {
	int fd;
	char *buf;
	size_t n, have; /* in all; come so far */
	bool gone;      /* the uploader */
};

/* Wait for some bytes more, and take what is there. http_request's more(). */
static long more(void *ctx, size_t have)
{
	struct coming *b = ctx;

	while (b->have <= have && !b->gone) {
		ssize_t k = recv(b->fd, b->buf + b->have, b->n - b->have, 0);

		if (k > 0)
			b->have += (size_t)k;
		else
			b->gone = k == 0 || errno != EINTR;
	}
	return b->gone ? -ECHILD : (long)b->have;
}

/* Send the request that @k tells of, whose body comes by @fd, and take the answer. 0, or -errno: nobody wants it. */
static int send_one(struct http *h, const struct ask *k, int fd, struct told *t, struct http_answer *a)
{
	_cleanup_free_ char *body = malloc(k->n + 1);
	struct coming b = {.fd = fd, .buf = body, .n = k->n};
	const struct http_request q = {.path = k->path, .type = k->get ? NULL : k->type, .body = body, .n = k->n,
		.gzip = k->gzip, .max = k->max, .more = more, .ctx = &b};
	struct patience forever = {.stop = -1};

	if (!body)
		return -ENOMEM;
	t->error = http_send(h, &q, a, &t->why);
	/* An answer may come before all of the body is sent. */
	return b.gone ? -ECHILD : move(fd, body + b.have, b.n - b.have, false, &forever);
}

/* The courier's end: serve until the uploader is gone. */
static int serve_one(struct http *h, int fd, struct patience *forever)
{
	struct http_answer a = {0};
	struct told t = {0};
	struct ask k;
	int r = move(fd, &k, sizeof(k), false, forever);

	if (!r)
		r = send_one(h, &k, fd, &t, &a);
	t.status = a.status;
	t.retry_after = a.retry_after;
	t.n = t.error ? 0 : a.n;
	memcpy(t.type, a.type, sizeof(t.type));
	if (!r)
		r = move(fd, &t, sizeof(t), true, forever);
	if (!r)
		r = move(fd, a.body, t.n, true, forever);
	http_answer_free(&a);
	return r;
}

/* For who is root: nobody, who owns nothing; with a Unix socket the user its group lets in. */
static void choose_user(const char *url, uid_t *uid, gid_t *gid)
{
	*uid = *gid = SANDBOX_UID;
	if (!strncmp(url, "unix:", 5))
		sandbox_user(uid, gid);
}

static int confine(const char *url, pid_t parent, struct err *e)
{
	uid_t uid;
	gid_t gid;
	int r = sandbox_only_read(readable, e);

	choose_user(url, &uid, &gid);
	if (r >= 0)
		r = sandbox_enter(SANDBOX_COURIER, uid, gid, 0, e);
	/* A change of user takes this back: prctl(2). */
	if (!r && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent))
		r = -ESRCH;
	return r;
}

/* First what came of the start is told: an int, and a struct err if it is not 0. */
static void run(int fd, pid_t parent, const char *url, const char *identity)
{
	struct patience forever = {.stop = -1};
	struct err e = {""};
	struct http *h;
	int r;

	signal(SIGINT, SIG_IGN); /* of the terminal: it ends with its uploader */
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	/* Nothing of what the uploader has open. */
	if (fd != 3)
		fd = dup2(fd, 3);
	close_range(4, ~0U, 0);
	r = http_open(&h, url, identity, &e);
	if (!r)
		r = confine(url, parent, &e);
	if (move(fd, &r, sizeof(r), true, &forever) || (r && move(fd, &e, sizeof(e), true, &forever)) || r)
		_exit(1);
	while (!serve_one(h, fd, &forever))
		continue;
	_exit(0);
}

int courier_start(struct courier *c, const char *url, const char *identity, struct err *e)
{
	struct patience forever = {.stop = -1};
	pid_t parent = getpid();
	int s[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		return err_set(e, errno, "cannot start the courier: %s", strerror(errno));
	c->pid = fork();
	if (c->pid == 0)
		run(s[1], parent, url, identity);
	close(s[1]);
	c->fd = s[0];
	if (c->pid < 0)
		r = err_set(e, errno, "cannot start the courier: %s", strerror(errno));
	else if (move(c->fd, &r, sizeof(r), false, &forever) || (r && move(c->fd, e, sizeof(*e), false, &forever)))
		r = err_set(e, ECHILD, "%.200s: the courier ended before it began", url);
	if (r) {
		close(c->fd);
		c->fd = -1;
	}
	return r;
}

/* What the courier says, held to what a peer's answer may be. */
static int check(struct told *t, const struct http_request *q, struct err *e)
{
	t->why.text[sizeof(t->why.text) - 1] = '\0';
	t->type[sizeof(t->type) - 1] = '\0';
	if (t->error) {
		*e = t->why;
		return t->error < 0 && t->error > -4096 ? t->error : -EIO;
	}
	return t->n <= q->max ? 0 : err_set(e, E2BIG, "the courier's answer is too long");
}

static int receive(const struct courier *c, const struct http_request *q, struct http_answer *a, struct patience *p,
	struct err *e)
{
	struct told t;
	int r = move(c->fd, &t, sizeof(t), false, p);

	if (r)
		return err_set(e, -r, r == -ECHILD ? "the courier is gone" : "no answer came in time");
	r = check(&t, q, e);
	if (r)
		return r;
	a->body = malloc(t.n + 1);
	if (!a->body)
		return err_set(e, ENOMEM, "out of memory");
	a->n = t.n;
	a->body[t.n] = '\0';
	a->status = (long)t.status;
	a->retry_after = t.retry_after < 0 ? 0 : t.retry_after > 3600 ? 3600 : (long)t.retry_after;
	memcpy(a->type, t.type, sizeof(a->type));
	r = move(c->fd, a->body, t.n, false, p);
	return r ? err_set(e, -r, "the courier is gone") : 0;
}

int courier_ask(const struct courier *c, const struct http_request *q, struct patience *p, struct err *e)
{
	struct ask k = {.n = q->n, .max = q->max, .get = !q->type, .gzip = q->gzip};
	int r;

	snprintf(k.path, sizeof(k.path), "%s", q->path);
	snprintf(k.type, sizeof(k.type), "%s", q->type ? q->type : "");
	r = move(c->fd, &k, sizeof(k), true, p);
	if (!r)
		r = move(c->fd, (void *)q->body, q->n, true, p);
	return r ? err_set(e, -r, r == -ECHILD ? "the courier is gone" : "no time was left") : 0;
}

int courier_answer(const struct courier *c, const struct http_request *q, struct http_answer *a, struct patience *p,
	struct err *e)
{
	int r;

	memset(a, 0, sizeof(*a));
	r = receive(c, q, a, p, e);
	if (r)
		http_answer_free(a);
	return r;
}
