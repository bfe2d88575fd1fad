/* SPDX-License-Identifier: BSD-3-Clause */
/* plain.h - a source that reads a log of this host's own: nothing is planted, nothing rings, it is polled. */
#ifndef LOGVISOR_SOURCE_HOST_PLAIN_H
#define LOGVISOR_SOURCE_HOST_PLAIN_H

#include "source/source.h"

#define PLAIN_POLL_MS 50

/* Such a source's own state begins with this. */
struct plain {
	struct source s;
	struct trap *trap;
	const struct source_sink *sink;
	char boot[17];
	bool caught_up; /* all that was there at attaching was read */
	int64_t next_ms;
	struct source_counters counters;
};

/* One of @size bytes, zeroed behind that, to be freed; NULL with @e. */
void *plain_make(size_t size, const struct source_ops *ops, const struct source_start *start, struct err *e);

/*
 * Emit @r, said by @app, with what all such records have, and with @name as the one thing observed; count it. 0 or -errno
 * with @e.
 */
int plain_put(struct plain *p, struct record *r, const char *app, const char *name, const char *value, int64_t now_us,
	struct err *e);

unsigned plain_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max);
void plain_planted(struct source *s, bool all, const struct moment *m);
int plain_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e);
bool plain_quiet(struct source *s, const struct moment *m);
int64_t plain_due(const struct source *s);
const struct source_counters *plain_counters(const struct source *s);
int plain_end(struct source *s, const struct moment *m, bool readable, struct err *e);
void plain_close(struct source *s);

/* All operations but open and drain. */
#define PLAIN_OPS                                                                                            \
	.sites = plain_sites, .planted = plain_planted, .event = plain_event, .quiet = plain_quiet, .due = plain_due, \
	.counters = plain_counters, .end = plain_end, .close = plain_close

#endif
