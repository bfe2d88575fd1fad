/* SPDX-License-Identifier: BSD-3-Clause */
/* conn.c - requests to a GDB stub and their replies. */
#include "trap/gdb/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "util/clock.h"

/* A stub that sends this many tokens which are no packet does not speak the protocol. */
#define JUNK_MAX 4096
#define RESENDS_MAX 3
/* Bytes of console output, taken or not, after which a monitor is not believed to come to an end. */
#define CONSOLE_MAX (8U << 20)

void conn_init(struct gdb_conn *c, int fd, bool tcp, const char *where)
{
	c->fd = fd;
	c->tcp = tcp;
	c->in_off = c->in_n = 0;
	c->len = 0;
	c->stop = NULL;
	c->ctx = NULL;
	c->acks_due = 0;
	c->ignore_naks = c->refused = false;
	c->give_up = 0;
	c->where = where;
}

/* Poll for @events until @deadline: 0, -ETIMEDOUT, -EINTR (only if @intr), -errno. */
static int wait_fd(int fd, short events, int64_t deadline, bool intr)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = deadline - clock_mono_ms();
		int rc = poll(&p, 1, left < 0 ? 0 : left > 1 << 30 ? 1 << 30 : (int)left);

		if (rc > 0)
			return 0;
		if (rc == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
		if (intr)
			return -EINTR;
	}
}

static int gone(struct gdb_conn *c, struct err *e)
{
	return err_set(e, ESRCH, "gdb:%s: the stub closed the connection", c->where);
}

int64_t conn_deadline(const struct gdb_conn *c, int timeout_ms)
{
	int64_t t = clock_mono_ms() + timeout_ms;

	return c->give_up && c->give_up < t ? c->give_up : t;
}

int conn_send(struct gdb_conn *c, const void *buf, size_t n, struct err *e)
{
	const char *p = buf;
	int64_t deadline = 0;

	while (n) {
		ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc;

		if (k > 0) {
			p += k;
			n -= (size_t)k;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return gone(c, e);
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_set(e, errno, "gdb:%s: send: %s", c->where, strerror(errno));
		if (!deadline)
			deadline = conn_deadline(c, GDB_REPLY_MS);
		rc = wait_fd(c->fd, POLLOUT, deadline, false);
		if (rc)
			return err_set(e, -rc, "gdb:%s: the stub takes no data (%s)", c->where,
				strerror(-rc));
	}
	return 0;
}

/*
 * A stub sends its '+' and its reply as two segments, and if it does not set TCP_NODELAY (a relay seldom
 * does), the second waits until the first is acknowledged: 40 ms for each request, unless that is done at
 * once. The kernel forgets the option by itself (tcp(7), TCP_QUICKACK), so it is set before each wait.
 */
static void ack_now(const struct gdb_conn *c)
{
	if (c->tcp)
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
}

/* Read what is there into c->in; blocks until @deadline. */
static int fill(struct gdb_conn *c, int64_t deadline, bool intr, struct err *e)
{
	ssize_t k;

	if (c->in_off) {
		memmove(c->in, c->in + c->in_off, c->in_n - c->in_off);
		c->in_n -= c->in_off;
		c->in_off = 0;
	}
	for (;;) {
		k = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, MSG_DONTWAIT);
		if (k > 0) {
			c->in_n += (size_t)k;
			return 0;
		}
		if (k == 0 || errno == ECONNRESET || errno == EPIPE)
			return gone(c, e);
		if (errno == EAGAIN) {
			int rc;

			ack_now(c);
			rc = wait_fd(c->fd, POLLIN, deadline, intr);
			if (rc)
				return rc;
		} else if (errno != EINTR) {
			return err_set(e, errno, "gdb:%s: receive: %s", c->where, strerror(errno));
		}
	}
}

int conn_packet(struct gdb_conn *c, int64_t deadline, bool intr, struct err *e)
{
	unsigned junk = 0;

	for (;;) {
		size_t used;
		int rc;

		switch (rsp_next(c->in + c->in_off, c->in_n - c->in_off, &used, c->pkt, &c->len)) {
		case RSP_MORE:
			rc = fill(c, deadline, intr, e);
			if (rc)
				return rc;
			continue;
		case RSP_PACKET:
			c->in_off += used;
			return 0;
		case RSP_ACK:
			if (c->acks_due)
				c->acks_due--;
			else
				junk++;
			break;
		case RSP_NAK:
			if (!c->ignore_naks) {
				c->in_off += used;
				return -EAGAIN;
			}
			junk++;
			break;
		case RSP_BAD:
			/* Ask for it again; on a local socket this never happens. */
			if (send(c->fd, "-", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
				return err_set(e, EPROTO, "gdb:%s: bad packets, and no ear for it",
					c->where);
			junk++;
			break;
		case RSP_JUNK:
			junk++;
			break;
		}
		c->in_off += used;
		if (junk > JUNK_MAX)
			return err_set(e, EPROTO, "gdb:%s: what answers there is not a GDB stub",
				c->where);
	}
}

int conn_request(struct gdb_conn *c, const char *cmd, int timeout_ms, struct err *e)
{
	int64_t deadline = conn_deadline(c, timeout_ms);
	char frame[512];
	size_t n = strlen(cmd);
	unsigned resends = 0;
	int rc;

	if (n + 6 > sizeof(frame))
		return err_set(e, EMSGSIZE, "gdb:%s: request of %zu bytes is too long", c->where, n);
	memcpy(frame, "++", 2);
	n = 2 + rsp_frame(frame + 2, cmd, n);
	rc = conn_send(c, frame, n, e);
	if (rc)
		return rc;
	c->acks_due++;
	for (;;) {
		struct rsp_stop s;

		rc = conn_packet(c, deadline, false, e);
		if (rc == -EAGAIN && c->acks_due > 1) {
			/* In order: it means an earlier packet, which nobody waits for. */
			c->acks_due--;
			c->refused = true;
			continue;
		}
		if (rc == -EAGAIN) {
			if (++resends > RESENDS_MAX)
				return err_set(e, EPROTO, "gdb:%s: the stub refuses \"%s\"", c->where,
					cmd);
			rc = conn_send(c, frame, n, e);
			if (rc)
				return rc;
			continue;
		}
		if (rc == -ETIMEDOUT)
			return err_set(e, ETIMEDOUT, "gdb:%s: no answer to \"%s\" for %d s", c->where,
				cmd, timeout_ms / 1000);
		if (rc)
			return rc;
		/*
		 * The acknowledgement precedes the reply, so a stop reply before it is news, and one
		 * after it the answer to "?".
		 */
		if (!rsp_parse_stop(c->pkt, c->len, &s) || (cmd[0] == '?' && c->acks_due == 0))
			return 0;
		if (s.kind == 'W' || s.kind == 'X')
			return gone(c, e);
		if (c->stop)
			c->stop(c->ctx, &s);
		/* One that never stops talking is no better than a silent one. */
		if (clock_mono_ms() > deadline)
			return err_set(e, ETIMEDOUT, "gdb:%s: no answer to \"%s\" among stop replies",
				c->where, cmd);
	}
}

int conn_request_ok(struct gdb_conn *c, const char *cmd, struct err *e)
{
	int rc = conn_request(c, cmd, GDB_REPLY_MS, e);

	if (rc)
		return rc;
	if (c->len == 2 && memcmp(c->pkt, "OK", 2) == 0)
		return 0;
	if (c->len == 0)
		return err_set(e, ENOTSUP, "gdb:%s: the stub does not know \"%s\"", c->where, cmd);
	return err_set(e, EINVAL, "gdb:%s: the stub answers \"%.20s\" to \"%s\"", c->where, c->pkt,
		cmd);
}

int conn_monitor(struct gdb_conn *c, const char *line, char *out, size_t cap, struct err *e)
{
	int64_t deadline = conn_deadline(c, GDB_REPLY_MS);
	char cmd[256] = "qRcmd,";
	size_t n = 0, said = 0, o = strlen(cmd);
	int rc;

	for (; *line && o + 3 < sizeof(cmd); line++)
		o += (size_t)snprintf(cmd + o, sizeof(cmd) - o, "%02x", (unsigned char)*line);
	rc = conn_request(c, cmd, GDB_REPLY_MS, e);
	/* Console output comes as "O" and hex digits; "OK" is the end. */
	while (rc == 0 && c->len && c->pkt[0] == 'O' && !(c->len == 2 && c->pkt[1] == 'K')) {
		size_t room = cap - 1 - n, want = (c->len - 1) / 2;
		int k = rsp_unhex(c->pkt + 1, 2 * (want < room ? want : room), out + n, room);

		if (k < 0)
			return err_set(e, EPROTO, "gdb:%s: bad console output", c->where);
		n += (size_t)k;
		said += want;
		rc = said > CONSOLE_MAX || clock_mono_ms() > deadline ? -ETIMEDOUT :
			conn_packet(c, deadline, false, e);
	}
	if (rc == -ETIMEDOUT || rc == -EAGAIN)
		return err_set(e, ETIMEDOUT, "gdb:%s: the monitor does not finish", c->where);
	if (rc)
		return rc;
	if (c->len != 2 || memcmp(c->pkt, "OK", 2) != 0)
		return err_set(e, ENOTSUP, "gdb:%s: the stub has no monitor", c->where);
	out[n] = '\0';
	return 0;
}
