/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http.h - requests to one mirror or witness, one after the other over a connection that stays open: libcurl, with
 * what a peer may do to us bounded. The library is loaded by the first http_open(), so that processes and
 * commands which speak to nobody do not carry it and the thirty libraries behind it.
 *
 * A URL is one of
 *
 *	https://HOST[:PORT][/PREFIX]   TLS
 *	vsock://CID:PORT               TLS over AF_VSOCK; the server's name is HTTP_VSOCK_NAME
 *	unix:///PATH                   plain, over a Unix socket: who can open it is the file's mode's to say
 *	http://HOST[:PORT][/PREFIX]    plain; http_is_private() says whether that is on this machine only
 */
#ifndef LOGVISOR_MIRROR_HTTP_H
#define LOGVISOR_MIRROR_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

#define HTTP_URL_MAX 1024
#define HTTP_VSOCK_NAME "logvisor-mirror" /* in the subject alternative names of every mirror's certificate */
#define HTTP_STALL_S 30 /* a peer that moves fewer than 64 bytes/s for so long has gone away */

struct http;

/*
 * Get ready for requests to @url. @identity (may be NULL) is a directory with client.pem (certificate, then key)
 * and ca.pem, each of which may be missing: these and no others are then believed, and TLS 1.3 is asked for; else
 * the system's authorities, from TLS 1.2 on. All files are read here. Nothing is sent. 0; -EINVAL: no such URL;
 * -ENOENT: libcurl is not installed, or the directory is not there; -EACCES, ... *out is freed by http_close().
 */
int http_open(struct http **out, const char *url, const char *identity, struct err *e);
void http_close(struct http *h);

/* Is @url one at all? 0, or -EINVAL with @e. */
int http_check(const char *url, struct err *e);

/* Can nobody on a network read along: TLS, a Unix socket, or this machine's loopback? */
bool http_is_private(const char *url);

/* Does the connection stay on this physical machine? Then compressing costs more than it saves. */
bool http_is_near(const char *url);

struct http_request {
	const char *path; /* below the URL's prefix, without a slash in front; or "" */
	const char *type; /* Content-Type of the body of a POST; NULL: a GET */
	const void *body;
	size_t n;
	bool gzip;        /* that is what the body is */
	size_t max;       /* the most bytes of an answer's body */
	/*
	 * NULL: all of the body is there. Else it comes while it is sent: this waits until more than @have bytes of it
	 * are there, and returns how many; or -errno, which ends the request.
	 */
	long (*more)(void *ctx, size_t have);
	void *ctx;
};

struct http_answer {
	long status;
	char type[64];    /* Content-Type without parameters, or "" */
	long retry_after; /* seconds that the peer asks to wait; 0: it does not */
	char *body;       /* owned: http_answer_free(); a NUL behind it */
	size_t n;
};

/*
 * One request and its answer, whatever its status. 0; -E2BIG: the answer is longer than allowed; -EACCES: the peer
 * is not who it should be, or does not take our certificate; -ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT, -EPIPE, -EIO,
 * ... with @e, which names the URL. http_answer_free() in any case.
 */
int http_send(struct http *h, const struct http_request *q, struct http_answer *a, struct err *e);
void http_answer_free(struct http_answer *a);

#endif
