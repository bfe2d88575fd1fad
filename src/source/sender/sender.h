/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sender.h - who sent a message, as the kernel of the guest knows it: the paths that a copy's pointers lead to,
 * and all of it as what was observed on a record. Paths are kept: one that is asked for again is walked again
 * only once in a while, and the first time at once, while the process is mostly there.
 */
#ifndef LOGVISOR_SOURCE_SENDER_SENDER_H
#define LOGVISOR_SOURCE_SENDER_SENDER_H

#include "fetch/unix_rec.h"
#include "guest/guest.h"
#include "record/record.h"

/* As they are shown; of a longer path the end, behind "...". */
#define SENDER_PATH_MAX 2047

struct sender;

/* @geo must outlive it. Before guest_trim(). As app_geometry_find(). */
int sender_open(struct sender **out, const struct guest *g, const struct app_geometry *geo, struct err *e);
void sender_close(struct sender *s);

struct sender_paths {
	struct span exe, cgroup, sock; /* empty: not known */
	struct span file; /* of the log file that was written, whoever takes it fills it in; empty: none */
};

/* The paths of @c, valid until the next call. @now_ms: clock_due_ms(). */
void sender_resolve(struct sender *s, const struct app_copy *c, int64_t now_ms, struct sender_paths *out);

/* The digits of a record's numbers. */
struct sender_text {
	char digits[12][12];
	unsigned n;
};

/*
 * Begin *@r as a record of @c's sender: app, procid and the observed parameters, which point into @c, @paths and
 * @text. All else is absent.
 */
void sender_record(const struct app_copy *c, const struct sender_paths *paths, struct sender_text *text,
	struct record *r);

#endif
