/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmsg.c - this host's own kernel log, record by record as /dev/kmsg brings it. Its numbers say which are stored already,
 * and which were overwritten before they were read. Each record says that nothing protected it: protected="no".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "record/meta.h"
#include "source/host/kmsg_text.h"
#include "source/host/plain.h"

#define RECORD_BYTES 16384 /* the kernel's own limit is 8 KiB (CONSOLE_EXT_LOG_MAX), 2 KiB from 6.4 on */
#define AT_ONCE 1000       /* records, then others have their turn */

extern const struct source_ops source_kmsg;

struct kmsg {
	struct plain p;
	uint64_t want;   /* the first number that is not accounted for */
	bool first;      /* no record was read yet */
	bool pending;    /* r is to be emitted */
	struct record r; /* of buf */
	char buf[RECORD_BYTES];
};

static int open_kmsg(struct source **out, const struct source_start *start, struct err *e)
{
	const struct source_resume *at = &start->resume[RECORD_KMSG];
	struct kmsg *k = plain_make(sizeof(*k), &source_kmsg, start, e);

	if (!k)
		return -ENOMEM;
	k->p.s.resumed = at->known && !strcmp(at->boot, k->p.boot);
	k->want = k->p.s.resumed ? at->next : 0;
	k->first = true;
	snprintf(k->p.s.desc, sizeof(k->p.s.desc), "the host's own records, not protected from it");
	*out = &k->p.s;
	return 0;
}

static int put_gap(struct kmsg *k, uint64_t to, int64_t now_us, struct err *e)
{
	const bool lost = k->p.s.resumed || !k->first;
	struct meta m;
	int r;

	meta_begin(&m, "", META_GAP, now_us, k->p.boot);
	meta_gap(&m, RECORD_KMSG, k->want, to - k->want, !k->first ? "overwritten before it could be copied" :
		lost ? "overwritten while capture was off" : "overwritten before capture began");
	r = k->p.sink->emit(k->p.sink->ctx, &m.r, e);
	if (r)
		return r;
	k->p.counters.gaps++;
	k->p.counters.lost += lost ? to - k->want : 0;
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
	if (!ret)
		ret = plain_put(&k->p, r, "kernel", "protected", "no", now_us, e);
	if (ret)
		return ret;
	k->want = r->seq + 1;
	k->first = k->pending = false;
	return 0;
}

static int drain(struct source *s, const struct moment *m, struct err *e)
{
	struct kmsg *k = (struct kmsg *)s;
	long n;
	int r;

	k->p.next_ms = m->now_ms + PLAIN_POLL_MS;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		if (!k->pending) {
			n = k->p.trap->ops->read(k->p.trap, NULL, k->buf, sizeof(k->buf), e);
			if (n < 0)
				return (int)n;
			if (!n) {
				k->p.caught_up = true;
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

const struct source_ops source_kmsg = {
	.name = "host-kmsg", .channels = 1 << RECORD_KMSG, .numbered = 1 << RECORD_KMSG, .needed = true, .open = open_kmsg,
	.drain = drain, PLAIN_OPS,
};
