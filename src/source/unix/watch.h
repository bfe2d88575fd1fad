/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.h - messages to log sockets and audit records, caught by write watchpoints alone (TRAP_WATCH): which words
 * of the guest to watch, and what a stop at one of them means. Nothing in the guest is changed.
 *
 *   - the receive queue of each socket that is bound where a log daemon listens, in any mount namespace;
 *   - of journald's stream socket the listener's queue, which names each new stream before its first byte;
 *   - the table in which sockets that are bound to files are entered: a daemon that starts, a container's too, is
 *     seen before anybody can send to it. Without room for that watchpoint, and for what moves otherwise, all
 *     sockets are looked through now and then;
 *   - audit_queue.
 *
 * The sender is the task that runs on the vCPU that wrote: the one that has the message's address in a register.
 */
#ifndef LOGVISOR_SOURCE_UNIX_WATCH_H
#define LOGVISOR_SOURCE_UNIX_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/unix_rec.h"
#include "source/source.h"

struct watch;

enum watched_what {
	WATCHED_MESSAGE,
	WATCHED_LOST,   /* a message could not be read: no copy */
	WATCHED_CLOSED, /* the stream `sock` is no more: no copy */
};

struct watched {
	enum watched_what what;
	enum record_channel channel;   /* RECORD_SYSLOG, _JOURNAL, _STREAM, _AUDIT */
	enum record_fidelity fidelity; /* RECORD_LIVE; _BACKFILL: waited before; _LATE: found waiting, or grown */
	uint64_t sock;                 /* the receiver's; 0: audit */
	const struct app_copy *copy;   /* lent for the call */
	const struct app_geometry *geometry; /* what app_message() wants with it */
	uint32_t from; /* bytes of it that were told before: somebody added to a message of a stream (splice) */
};

/*
 * Takes what was caught. The VM stands still for the call, unless the message was found waiting in a queue
 * that has no watchpoint: what is not copied now is gone.
 */
typedef void (*watch_take)(void *ctx, const struct watched *w);

/*
 * Watch sockets of @channels (1 << enum record_channel), or RECORD_AUDIT alone. @geometry of app_geometry_find().
 * To be called before guest_trim(). 0; -ENOENT with @e naming what the guest lacks; -ENOMEM.
 */
int watch_open(struct watch **out, const struct guest *g, const struct app_geometry *geometry, unsigned channels,
	struct err *e);
void watch_close(struct watch *w);

/* As source_ops has them. */
unsigned watch_sites(struct watch *w, struct trap_site *sites, unsigned max);
bool watch_fewer(struct watch *w);
void watch_planted(struct watch *w, bool all);
bool watch_quiet(const struct watch *w, const struct moment *m);
int64_t watch_due(const struct watch *w);

/* The VM stopped at a site, of whomever: what it came to. */
void watch_stopped(struct watch *w, const struct trap_event *ev, const struct moment *m, watch_take take, void *ctx);

/*
 * The VM stands still (m->held) while the sites are planted, these or those of traps.h: what waits in all queues by now, and
 * without watchpoints what is just being added to one, which no trap will tell of.
 */
void watch_settle(struct watch *w, const struct moment *m, watch_take take, void *ctx);

/* Look for sockets that came and went, if it is time to, and into queues that were not looked into yet. */
void watch_poll(struct watch *w, const struct moment *m, watch_take take, void *ctx);

/* Something to be told: a word and a sentence (into @text), once; or NULL. */
const char *watch_alert(struct watch *w, char *text, size_t n);

/* Queues watched, and of them without a watchpoint. */
void watch_count(const struct watch *w, unsigned *queues, unsigned *polled);

#endif
