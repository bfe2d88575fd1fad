/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fetch.h - a far log (far.h) written down as a ledger of this host's (ledger/copy.h), file for file as its own
 * writer had it but for the private key. So whatever reads a ledger reads a mirror's too, with the same answers.
 */
#ifndef LOGVISOR_MIRROR_READ_FETCH_H
#define LOGVISOR_MIRROR_READ_FETCH_H

#include "ledger/ledger.h"
#include "mirror/http.h"
#include "mirror/read/far.h"

/*
 * Bring @copy, of ledger/copy.h's copy_open(), up to @f's checkpoint: each record is proven before it is written, and
 * the checkpoint comes last. 0; -EBADMSG: what is served is not what was signed, or no continuation of what is
 * there; or another -errno. @e says which. After an error the copy is good for another try.
 */
int fetch_grow(struct ledger *copy, struct far *f, struct err *e);

/*
 * The whole of @f, into directory @dir, made if it is not there; what an attempt before left is gone on with. 0 or as
 * fetch_grow().
 */
int fetch_all(struct far *f, const char *dir, struct err *e);

/* A log that a mirror names in its list (GET /logs). */
struct fetch_log {
	char origin[FAR_NAME_MAX + 1], name[FAR_NAME_MAX + 1];
	uint64_t size;
};

/*
 * The logs that @server lets us read, *n of them, into *logs (malloc'ed). 0; -ENOENT: it does not say, being no
 * mirror of ours; or another -errno, with @e.
 */
int fetch_logs(const struct far_server *server, struct fetch_log **logs, size_t *n, struct err *e);

/* Take such a list apart: lines of origin, size, name. 0, -EBADMSG with @e, -ENOMEM. */
int fetch_logs_parse(struct span text, struct fetch_log **logs, size_t *n, struct err *e);

/* @h's peer as a server; it has to outlive it. */
struct far_server fetch_server(struct http *h);

#endif
