/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch_impl.h - what the watch*.c files share.
 */
#ifndef LOGVISOR_SOURCE_UNIX_WATCH_IMPL_H
#define LOGVISOR_SOURCE_UNIX_WATCH_IMPL_H

#include "guest/path.h"
#include "guest/task.h"
#include "guest/unixsock.h"
#include "source/unix/queue.h"
#include "source/unix/watch.h"

#define WATCH_QUEUES_MAX 4096

/* Tags of sites; a queue's own come after these. */
enum { WATCH_TAG_TABLE = 1 };

/* How a message that is being added came to be told, as long as it is: see watch_stop.c. */
enum watch_mark {
	WATCH_UNMARKED,
	WATCH_BYSTANDER, /* seen at a stop for something else: its own may follow */
	WATCH_NAMED,     /* the stop was its own */
};

struct watch_queue {
	uint64_t list; /* struct sk_buff_head */
	uint64_t sock; /* 0: audit_queue */
	uint64_t mnt, dentry; /* what the socket was bound to when it was found */
	uint16_t type;
	enum record_channel channel;
	bool listener; /* what comes in its queue are connections */
	bool fresh;    /* what waits in it was not told yet */
	bool sited;    /* a watchpoint is wanted on it */
	uint32_t tag;

	uint64_t last;     /* the message told last, as long as it is in the queue; 0: none */
	uint32_t last_len; /* and its length then */
	uint64_t adding;   /* the one that was being added when it was told */
	enum watch_mark mark;
};

struct watch {
	const struct guest *g;
	struct fetch_mem mem;
	struct app_geometry geometry;
	struct unix_layout socks;
	struct path_layout paths;
	struct task_layout tasks;
	unsigned channels; /* 1 << enum record_channel */
	bool audit;        /* the audit queue is all there is */

	struct watch_queue *q;
	unsigned n, cap;
	bool over;     /* more than WATCH_QUEUES_MAX */
	uint64_t bound[UNIX_BOUND]; /* where chains of bound sockets begin, as last seen */

	unsigned limit, wanted; /* of sites */
	uint32_t tags;
	bool no_table; /* no watchpoint on the table */
	bool planted;  /* once */
	bool settled;  /* since then all queues were looked into while the VM stood still */
	bool blind;    /* not all sites wanted are there */
	int64_t next_ms, rescan_ms;

	struct trap *trap; /* that of the last stop; NULL: there was none */
	unsigned told_polled;
	bool told_over, walk_over;
	struct app_copy copy; /* the one being told */
};

/* watch.c: follow @q; NULL: no room. Pointers to others are void then. */
struct watch_queue *watch_add(struct watch *w, const struct watch_queue *q);

/* watch_find.c: look through all sockets for those to be watched; through those that are bound to files, if new ones are. */
void watch_rescan(struct watch *w);
void watch_rescan_bound(struct watch *w);
/* watch_find.c: is it the same socket still? */
bool watch_is_there(const struct watch *w, struct watch_queue *q);

/* watch_stop.c: forget queue @i, whose socket is gone; another takes its place. */
void watch_drop(struct watch *w, unsigned i, watch_take take, void *ctx);
/* watch_stop.c: what waits in queue @i, or is being added; the VM is held, for another reason. */
void watch_held(struct watch *w, unsigned i, watch_take take, void *ctx);
/* watch_stop.c: what is being added to queue @i was written before there was a watchpoint: its own stop will not come. */
void watch_being_added(struct watch *w, unsigned i, watch_take take, void *ctx);
/* watch_stop.c: what waits in @q and was not told; the VM runs. */
void watch_waiting(struct watch *w, struct watch_queue *q, watch_take take, void *ctx);

#endif
