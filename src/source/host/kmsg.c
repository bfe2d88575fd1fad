/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmsg.c - this host's own kernel log, record by record as /dev/kmsg brings it. Its numbers say which are stored already,
 * and which were overwritten before they were read. Each record says that nothing protected it: protected="no".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/meta.h"
#include "source/host/kmsg_text.h"
#include "source/host/plain.h"

#define RECORD_BYTES 16384 /* the kernel's own limit is 8 KiB (CONSOLE_EXT_LOG_MAX), 2 KiB from 6.4 on */
#define AT_ONCE 1000       /* records, then others have their turn */

extern const struct source_ops source_kmsg;

struct kmsg {
	struct source s;
	struct trap *trap;
	const struct source_sink *sink;
	char boot[17];
	uint64_t want;   /* the first number that is not accounted for */
	bool first;      /* no record was read yet */
	bool caught_up;  /* all that was there at attaching was read */
	bool pending;    /* r is to be emitted */
	struct record r; /* of buf */
	int64_t next_ms;
	struct source_counters counters;
	char buf[RECORD_BYTES];
};

static int open_kmsg(struct source **out, const struct source_start *start, struct err *e)
{
	const struct source_resume *at = &start->resume[RECORD_KMSG];
	struct kmsg *k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	k->s.ops = &source_kmsg;
	k->trap = start->trap;
	k->sink = start->sink;
	memcpy(k->boot, start->trap->host->boot, sizeof(k->boot));
	k->s.resumed = at->known && !strcmp(at->boot, k->boot);
	k->want = k->s.resumed ? at->next : 0;
	k->first = true;
	snprintf(k->s.desc, sizeof(k->s.desc), "the host's own records, not protected from it");
	*out = &k->s;
	return 0;
}

static int put_gap(struct kmsg *k, uint64_t to, int64_t now_us, struct err *e)
{
	const bool lost = k->s.resumed || !k->first;
	struct meta m;
	int r;

	meta_begin(&m, "", META_GAP, now_us, k->boot);
	meta_gap(&m, RECORD_KMSG, k->want, to - k->want, !k->first ? "overwritten before it could be copied" :
		lost ? "overwritten while capture was off" : "overwritten before capture began");
	r = k->sink->emit(k->sink->ctx, &m.r, e);
	if (r)
		return r;
	k->counters.gaps++;
	k->counters.lost += lost ? to - k->want : 0;
	k->want = to;
	return 0;
}

static int put_record(struct kmsg *k, int64_t now_us, struct err *e)
{
	struct record *r = &k->r;
	int ret;

	if (r->seq < k->want) {
		k->pending = false; /* stored, by the worker before this one */
		return 0;
	}
	ret = r->seq > k->want ? put_gap(k, r->seq, now_us, e) : 0;
	if (ret)
		return ret;
	r->time_us = now_us;
	r->app = span_of("kernel");
	r->msgid = span_of(record_channel_name(RECORD_KMSG));
	r->channel = RECORD_KMSG;
	r->fidelity = k->caught_up ? RECORD_LATE : RECORD_BACKFILL;
	r->boot = span_of(k->boot);
	r->observed[0] = (struct record_param){span_of("protected"), span_of("no")};
	r->n_observed = 1;
	ret = k->sink->emit(k->sink->ctx, r, e);
	if (ret)
		return ret;
	k->want = r->seq + 1;
	k->first = k->pending = false;
	k->counters.records++;
	k->counters.late += k->caught_up;
	k->counters.backfill += !k->caught_up;
	return 0;
}

static int drain(struct source *s, const struct moment *m, struct err *e)
{
	struct kmsg *k = (struct kmsg *)s;
	long n;
	int r;

	k->next_ms = m->now_ms + PLAIN_POLL_MS;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		if (!k->pending) {
			n = k->trap->ops->read(k->trap, NULL, k->buf, sizeof(k->buf), e);
			if (n < 0)
				return (int)n;
			if (!n) {
				k->caught_up = true;
				return 0;
			}
			if (!kmsg_parse(k->buf, (size_t)n, &k->r))
				return err_set(e, EBADMSG, "/dev/kmsg brought what is no record: %.80s", k->buf);
			k->pending = true;
		}
		r = put_record(k, m->now_us, e);
		if (r)
			return r;
	}
	return SOURCE_MORE;
}

static int64_t due(const struct source *s)
{
	return ((const struct kmsg *)s)->next_ms;
}

static const struct source_counters *counters(const struct source *s)
{
	return &((const struct kmsg *)s)->counters;
}

static int end(struct source *s, const struct moment *m, bool readable, struct err *e)
{
	return readable ? drain(s, m, e) : 0;
}

static void close_kmsg(struct source *s)
{
	free(s);
}

const struct source_ops source_kmsg = {
	.name = "host-kmsg", .channels = 1 << RECORD_KMSG, .numbered = 1 << RECORD_KMSG, .needed = true, .open = open_kmsg,
	.sites = plain_sites, .planted = plain_planted, .event = plain_event, .quiet = plain_quiet, .drain = drain, .due = due,
	.counters = counters, .end = end, .close = close_kmsg,
};
