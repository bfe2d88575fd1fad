/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outbox.h - messages of programs on their way to the sink. A trap delivers them once, and at that moment the
 * store may take nothing: so they wait here, in order, in bounded memory. What is longer than a leaf goes out in
 * numbered parts.
 */
#ifndef LOGVISOR_SOURCE_SENDER_OUTBOX_H
#define LOGVISOR_SOURCE_SENDER_OUTBOX_H

#include "fetch/unix_rec.h"
#include "source/sender/sender.h"
#include "source/source.h"

#define OUTBOX_BYTES_MAX (64U << 20) /* waiting; what comes then is lost, and told by a gap */
#define OUTBOX_PART 49152 /* bytes of text in one leaf; leaves room for its other fields, escaped */
#define OUTBOX_PARAMS 6

/* A message as it is put; all is copied. */
struct outbox_message {
	enum record_channel channel;
	enum record_fidelity fidelity;
	int64_t time_us;
	uint8_t facility, severity;
	bool truncated; /* `text` is its beginning, the rest could not be had */
	bool has_offset; /* of a file: */
	uint64_t offset; /* where in it `text` begins */
	const struct app_copy *copy; /* whose it is; its data does not count */
	struct sender_paths paths;
	struct span text;
	struct record_param observed[OUTBOX_PARAMS], claimed[OUTBOX_PARAMS]; /* names are constants */
	unsigned n_observed, n_claimed;
};

struct outbox {
	const struct source_sink *sink;
	struct source_counters counters;
	struct outbox_item *first, **last;
	size_t bytes;
	uint64_t dropped[RECORD_CHANNELS]; /* not told yet */
	const char *dropped_why;
	bool unsettled; /* one of them was found waiting in the guest: it may be stored already */
	const char *boot; /* the guest's, that it can be looked for among what is stored; NULL: it is not */
	uint64_t id; /* of the last message that went out in parts */
};

void outbox_init(struct outbox *o, const struct source_sink *sink);
void outbox_free(struct outbox *o);

/* Take @m. Without memory or room it is counted as lost, and a gap will say so. */
void outbox_put(struct outbox *o, const struct outbox_message *m);
/* @n messages of @channel, at least, did not get as far as here, for @why, a constant string. */
void outbox_lost(struct outbox *o, enum record_channel channel, uint64_t n, const char *why);

/* Emit up to @max records. 0: none is left; SOURCE_MORE; or what the sink returned, and the rest waits. */
int outbox_flush(struct outbox *o, unsigned max, int64_t now_us, struct err *e);

static inline bool outbox_empty(const struct outbox *o)
{
	return !o->first && !o->dropped_why;
}

/* An alert, at once. 0, or what the sink returned. */
int outbox_alert(struct outbox *o, int64_t now_us, const char *what, const char *text, struct err *e);

#endif
