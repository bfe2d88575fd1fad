/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/port/port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void port_init(struct port *p, int fd)
{
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	p->sock = -1;
}

void port_close(struct port *p)
{
	if (p->sock >= 0)
		close(p->sock);
	p->sock = -1;
}

static void put_frame(struct port *p, char kind, size_t n)
{
	p->out[0] = (uint8_t)kind;
	p->out[1] = (uint8_t)(n >> 8);
	p->out[2] = (uint8_t)n;
	p->out_at = 0;
	p->out_n = PORT_HEAD + n;
	p->sent_end = kind == 'E';
}

void port_open(struct port *p, int sock)
{
	p->open = true;
	p->sock = sock;
	p->got_end = false;
	put_frame(p, 'O', 0);
}

/* Length of the payload of the frame in p->in, whose head is there. */
static size_t payload(const struct port *p)
{
	return (size_t)p->in[1] << 8 | p->in[2];
}

static bool whole(const struct port *p)
{
	return p->in_n >= PORT_HEAD && p->in_n == PORT_HEAD + payload(p);
}

void port_poll(const struct port *p, struct pollfd fds[2])
{
	bool give = whole(p), idle = !p->out_n;

	fds[0] = (struct pollfd){.fd = p->fd, .events = (short)((give ? 0 : POLLIN) | (idle ? 0 : POLLOUT))};
	fds[1] = (struct pollfd){.fd = p->sock,
		.events = (short)((give ? POLLOUT : 0) | (p->open && idle && !p->sent_end ? POLLIN : 0))};
	/* A socket that has nothing to say is not asked: its hang-up would be reported without end. */
	if (!fds[1].events)
		fds[1].fd = -1;
}

static bool later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Bytes from the socket into a frame. */
static void take(struct port *p)
{
	ssize_t n;

	if (!p->open || p->out_n || p->sent_end)
		return;
	n = p->sock < 0 ? 0 : recv(p->sock, p->out + PORT_HEAD, PORT_CHUNK, MSG_DONTWAIT);
	if (later(n))
		return;
	if (n < 0)
		port_close(p); /* what still comes for it is thrown away */
	if (n > 0)
		put_frame(p, 'D', (size_t)n);
	else
		put_frame(p, 'E', 0);
}

static int flush(struct port *p)
{
	ssize_t n;

	while (p->out_n) {
		n = write(p->fd, p->out + p->out_at, p->out_n - p->out_at);
		if (later(n))
			return 0;
		if (n < 0)
			return -errno;
		p->out_at += (size_t)n;
		if (p->out_at == p->out_n)
			p->out_n = 0;
	}
	return 0;
}

/* More of the frame that comes in. 1: a whole one is there. */
static int fill(struct port *p)
{
	while (!whole(p)) {
		size_t want = p->in_n < PORT_HEAD ? PORT_HEAD : PORT_HEAD + payload(p);
		ssize_t n = read(p->fd, p->in + p->in_n, want - p->in_n);

		if (later(n))
			return 0;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		p->in_n += (size_t)n;
		if (p->in_n == PORT_HEAD && payload(p) > PORT_CHUNK)
			return -EPROTO;
	}
	return 1;
}

/* A whole frame is there. 1: it is done with. */
static int deliver(struct port *p, int (*dial)(void *ctx), void *ctx)
{
	size_t n = payload(p);
	ssize_t sent;

	if (p->in[0] == 'O' && !n && dial && !p->open) {
		p->open = true;
		p->sent_end = p->got_end = false;
		p->sock = dial(ctx);
		return 1;
	}
	if (!p->open || p->got_end)
		return -EPROTO;
	if (p->in[0] == 'E' && !n) {
		p->got_end = true;
		if (p->sock >= 0)
			shutdown(p->sock, SHUT_WR);
		return 1;
	}
	if (p->in[0] != 'D' || !n)
		return -EPROTO;
	while (p->sock >= 0 && p->in_at < n) {
		sent = send(p->sock, p->in + PORT_HEAD + p->in_at, n - p->in_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (later(sent))
			return 0;
		if (sent < 0)
			port_close(p);
		else
			p->in_at += (size_t)sent;
	}
	return 1;
}

static int step(struct port *p, int (*dial)(void *ctx), void *ctx)
{
	int r = 1;

	/* So many frames, then it is another port's turn. */
	for (int i = 0; i < 8 && r > 0; i++) {
		r = fill(p);
		if (r > 0)
			r = deliver(p, dial, ctx);
		if (r > 0)
			p->in_n = p->in_at = 0;
		take(p);
		if (r >= 0 && flush(p))
			r = -EPIPE;
		if (p->open && p->sent_end && p->got_end && !p->out_n) {
			port_close(p);
			p->open = false;
		}
	}
	return r < 0 ? r : 0;
}

int port_step(struct port *p, int (*dial)(void *ctx), void *ctx)
{
	int r = p->fd < 0 ? 0 : step(p, dial, ctx);

	if (r) {
		port_close(p);
		p->open = false;
		p->fd = -1;
	}
	return r;
}
