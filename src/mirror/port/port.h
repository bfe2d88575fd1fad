/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * port.h - a stream connection carried through a virtio-serial port, for a log VM on a host without vhost-vsock.
 *
 * A port is one stream of bytes that never ends, so each connection through it is framed. A frame is one letter,
 * a 16-bit big-endian length, and so many bytes:
 *
 *	O 0      a connection begins (from the host only)
 *	D n ...  1 to PORT_CHUNK bytes of it
 *	E 0      this side sends no more
 *
 * When both sides have sent E the port is free for the next connection. Both ends hold one frame in each
 * direction and read no further before it is gone, so that a slow reader slows its writer and nobody else.
 * What comes from the other end is hostile: any other frame ends the port for good.
 */
#ifndef LOGVISOR_MIRROR_PORT_PORT_H
#define LOGVISOR_MIRROR_PORT_PORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_CHUNK 16384 /* bytes in a frame, at most */
#define PORT_HEAD 3
#define PORTS 16         /* of one log VM: connections at a time */
#define PORTS_BUS 8      /* on one virtio-serial device: QEMU 7.2 drops control messages beyond 32 at a time */

struct port {
	int fd;   /* the port's, non-blocking; -1: ended for good. Borrowed */
	int sock; /* the connection's, non-blocking; -1: none, or gone. Owned */
	bool open, sent_end, got_end;
	uint8_t out[PORT_HEAD + PORT_CHUNK], in[PORT_HEAD + PORT_CHUNK];
	size_t out_at, out_n; /* the frame on its way out */
	size_t in_at, in_n;   /* bytes of the frame that comes in; of its payload these went to the socket */
};

void port_init(struct port *p, int fd);

/* Begin a connection on a port that is not open; @sock is the port's from here on. */
void port_open(struct port *p, int sock);

/* Fill the entries for poll(): the port's and the socket's. */
void port_poll(const struct port *p, struct pollfd fds[2]);

/*
 * Do what can be done without waiting. @dial: called when the other end begins a connection; a non-blocking socket
 * or -1; NULL: this end begins them. 0, or -EPROTO when the other end sent what is no frame, or another -errno of
 * the port: then it is ended, and its socket closed.
 */
int port_step(struct port *p, int (*dial)(void *ctx), void *ctx);

/* Close the socket, if any. */
void port_close(struct port *p);

#endif
