/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * courier.h - the process that speaks to the network, and does nothing else: it has libcurl, the certificate for one
 * mirror, and a socket to the uploader, which gives it requests and gets answers. It has no ledger, no signing key
 * and no guest's memory; it can read what name resolution and TLS need, and connect.
 *
 * The uploader reads the ledger and has no network. What comes from the courier it trusts no more than the peer.
 */
#ifndef LOGVISOR_MIRROR_PUSH_COURIER_H
#define LOGVISOR_MIRROR_PUSH_COURIER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mirror/http.h"
#include "util/err.h"

/* How long to wait: for ever, until the other end of `stop` is closed; then `last_ms` more. */
struct patience {
	int stop;            /* -1: nobody ends it */
	int last_ms;
	int64_t deadline_ms; /* clock_due_ms(); 0: `stop` is open */
};

/*
 * Wait until @fd (-1: none) is readable, or writable with @out, at most @ms (-1: no limit). 1; 0: the time is over,
 * or `stop` was closed just now; -ETIMEDOUT: patience is over.
 */
int patience_wait(struct patience *p, int fd, bool out, int ms);

struct courier {
	int fd;
	pid_t pid;
};

/*
 * Start one for @url (http_open()'s arguments). It ends with the calling process, and when c->fd is closed. 0, or
 * -errno with @e.
 */
int courier_start(struct courier *c, const char *url, const char *identity, struct err *e);

/*
 * http_send() by the courier, in two steps: give it the request, which is then on its way and @q->body free for
 * something else; and wait for the answer. Besides http_send()'s errors -ETIMEDOUT: patience is over; -ECHILD: there
 * is no courier any more.
 */
int courier_ask(const struct courier *c, const struct http_request *q, struct patience *p, struct err *e);
int courier_answer(const struct courier *c, const struct http_request *q, struct http_answer *a, struct patience *p,
	struct err *e);

#endif
