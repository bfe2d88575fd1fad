/* SPDX-License-Identifier: BSD-3-Clause */
/* impl.h - the server of the files of this room. */
#ifndef LOGVISOR_MIRROR_SERVER_IMPL_H
#define LOGVISOR_MIRROR_SERVER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mirror/server/config.h"
#include "mirror/server/credentials.h"
#include "mirror/server/listen.h"
#include "mirror/server/mhd.h"
#include "mirror/server/server.h"
#include "mirror/store/origin.h"

#define SERVER_LISTENERS 8
#define SERVER_THREADS 2             /* of each listener */
#define SERVER_CONNECTIONS 512       /* of each listener */
#define SERVER_PER_IP 128            /* of these, from one address */
#define SERVER_STRANGERS 128         /* in all, by TLS and without a request yet; beyond, the oldest goes */
#define SERVER_IDLE 30               /* seconds without a byte */
#define SERVER_REQUEST 120           /* seconds in which a request has to get somewhere: a package of 256 records */
#define SERVER_MEMORY 16384          /* bytes of a connection's buffer: request line and headers have to fit */
#define SERVER_HELD (96u << 20)      /* bytes of unfinished packages, in all */
#define SERVER_HELD_EACH (32u << 20) /* and of one log */
#define SERVER_BODY (256u << 20)     /* bytes of a request's body, as sent */

/* A log. It stays to the end, even without rights to it. */
struct entry {
	struct rights rights;       /* under server.lock; nobody's once its file is gone */
	char hash[65];              /* of the origin, as in paths: SHA-256, hexadecimal */
	struct origin *origin;      /* NULL: no key of it is known, or it could not be opened */
	bool listed;                /* there is a file in rights/ */
	atomic_size_t held;         /* bytes of unfinished packages */
};

enum counter { COUNT_REQUESTS, COUNT_CLIENT_ERRORS, COUNT_SERVER_ERRORS, COUNT_HANDSHAKES_REFUSED, COUNT_CUT_OFF,
	COUNT_BYTES_IN, COUNT_BYTES_UNPACKED, COUNTERS };

struct server {
	struct server_options options;
	int config_dir;
	struct config config;
	struct cosigners keys;
	struct listener listener[SERVER_LISTENERS];
	struct MHD_Daemon *daemon[SERVER_LISTENERS];

	pthread_rwlock_t lock;      /* of the table, and of the rights in it */
	struct entry **entry;
	size_t n_entries;

	atomic_size_t held;
	atomic_ulong count[COUNTERS];
	atomic_uint connections, active; /* active: requests that were not answered yet */
	atomic_bool stopping;

	pthread_mutex_t peers_lock;
	struct peer *peers;         /* all connections */
	struct credentials *known_by; /* for those by TLS that come; NULL: none come so. Under peers_lock */
};

/* A connection, and whose. */
struct peer {
	struct server *server;
	struct peer *next, **prev;
	int fd;
	struct credentials *known_by; /* of this connection; NULL: plain */
	bool all;                   /* plain: may do all */
	atomic_bool known;          /* TLS: with this certificate */
	struct hash cert;
	int64_t until;              /* the last second of it */
	bool cut;                   /* off; under peers_lock */
	_Atomic int64_t since_ms;   /* when its request last got somewhere; 0: it is between two */
};

/* ---- peers.c ---- */

/* MHD's callback for connections that begin and end. */
void peers_notify(void *server, struct MHD_Connection *c, void **socket_context,
	enum MHD_ConnectionNotificationCode code);

/* Whose connection is it? NULL: nobody's who may ask anything, or may any more. */
struct peer *peer_of(struct MHD_Connection *c);

/* It has got somewhere, or is done. */
void peer_busy(struct peer *p, bool busy);

/* Is its certificate past its time? */
bool peer_late(const struct peer *p);

/* Once a second, or so. */
void peers_tick(struct server *s);

/* The rights have changed: connections of a certificate that has none any more are cut off, whatever they are about. */
void peers_review(struct server *s);

/* Which server's: GnuTLS gives its callback no context of ours. */
void peers_server(struct server *s);

/* ---- table.c ---- */

/* Bring the table in line with @rights (n of them): more logs, other rights. What cannot be opened is said. */
int table_update(struct server *s, const struct rights *rights, size_t n, struct err *e);

/* The log of @origin, or of the path element @hash, if @p may see it; else NULL. */
struct entry *table_by_origin(struct server *s, const struct peer *p, struct span origin);
struct entry *table_by_hash(struct server *s, const struct peer *p, const char *hash, size_t n);

/* The log of @t (may be NULL), open; or NULL with the answer: 403, 404, 503. */
struct origin *table_log(const struct entry *t, struct answer *a);

/* May @p see it? To be asked under the lock. */
bool table_allows(const struct entry *t, const struct peer *p);

/* The same, not under the lock; and: may it see any log? */
bool table_lets(struct server *s, const struct entry *t, const struct peer *p);
bool table_knows(struct server *s, const struct peer *p);

/* ---- request.c ---- */

/* MHD's callbacks for requests. */
enum MHD_Result request_handle(void *server, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *n, void **request);
void request_completed(void *server, struct MHD_Connection *c, void **request,
	enum MHD_RequestTerminationCode how);

/* ---- entries.c: the body of add-entries ---- */

struct entries_request;

/* @gzip: that is what it comes as. NULL: no memory. */
struct entries_request *entries_begin(struct server *s, struct peer *p, bool gzip);

/* Some bytes of it. What is wrong with them is answered at the end. */
void entries_feed(struct entries_request *q, const void *data, size_t n);

/* All of it came. Frees @q. */
void entries_end(struct entries_request *q, struct answer *a);

/* It broke off: what came whole is kept. Frees @q. */
void entries_abort(struct entries_request *q);

/* ---- pages.c ---- */

/* What is known, as text allocated with malloc, for @p: /logs, /metrics. NULL: no memory. */
char *pages_logs(struct server *s, const struct peer *p);
char *pages_metrics(struct server *s, const struct peer *p);

#endif
