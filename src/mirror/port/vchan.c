/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/port/vchan.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Bytes on their way in one direction. */
struct way {
	char data[VCHAN_RING];
	size_t at, n;
};

struct pump {
	const struct vchan_lib *lib;
	struct libxenvchan *c;
	int fd;
	struct way in, out; /* from the vchan, to it */
	bool ended;         /* the socket */
};

static bool later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* From the socket to the vchan. Did anything move? */
static bool outward(struct pump *p)
{
	struct way *w = &p->out;
	bool moved = false;
	int space, n;

	if (w->at == w->n) {
		ssize_t got = recv(p->fd, w->data, sizeof(w->data), MSG_DONTWAIT);

		w->at = 0;
		w->n = got > 0 ? (size_t)got : 0;
		p->ended = p->ended || (got <= 0 && !later(got));
		moved = got > 0;
	}
	/* Asked for room, the library has the other side say when there is more. What it says is the other side's word. */
	space = w->at < w->n ? p->lib->buffer_space(p->c) : 0;
	if (space <= 0)
		return moved;
	n = p->lib->write(p->c, w->data + w->at, w->n - w->at < (size_t)space ? w->n - w->at : (size_t)space);
	p->ended = p->ended || n < 0;
	w->at += n > 0 ? (size_t)n : 0;
	return moved || n > 0;
}

/* And back. */
static bool inward(struct pump *p)
{
	struct way *w = &p->in;
	bool moved = false;
	ssize_t sent;
	int ready, n;

	ready = w->at == w->n ? p->lib->data_ready(p->c) : 0;
	if (ready > 0) {
		n = p->lib->read(p->c, w->data, (size_t)ready < sizeof(w->data) ? (size_t)ready : sizeof(w->data));
		p->ended = p->ended || n < 0;
		w->at = 0;
		w->n = n > 0 ? (size_t)n : 0;
		moved = n > 0;
	}
	if (w->at == w->n)
		return moved;
	sent = send(p->fd, w->data + w->at, w->n - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	p->ended = p->ended || (sent < 0 && !later(sent));
	w->at += sent > 0 ? (size_t)sent : 0;
	return moved || sent > 0;
}

void vchan_pump(const struct vchan_lib *lib, struct libxenvchan *c, int fd)
{
	struct pump p = {.lib = lib, .c = c, .fd = fd};

	while (!p.ended) {
		bool moved = outward(&p);
		struct pollfd fds[2];

		moved = inward(&p) || moved;
		if (moved || p.ended)
			continue;
		/* All that was sent before the other end went has been read by now. */
		if (!lib->is_open(c) && p.in.at == p.in.n && lib->data_ready(c) <= 0)
			break;
		fds[0] = (struct pollfd){.fd = lib->event_fd(c), .events = POLLIN};
		fds[1] = (struct pollfd){.fd = fd,
			.events = (short)((p.out.at == p.out.n ? POLLIN : 0) | (p.in.at < p.in.n ? POLLOUT : 0))};
		/* A socket that has to wait for the other end is not asked: its hang-up would be reported without end. */
		if (!fds[1].events)
			fds[1].fd = -1;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		/* It waits for an event, and there is one. */
		if (fds[0].revents & POLLIN)
			lib->wait(c);
		else if (fds[0].revents)
			break;
	}
	lib->close(c);
}
