/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/host/plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *plain_make(size_t size, const struct source_ops *ops, const struct source_start *start, struct err *e)
{
	struct plain *p = calloc(1, size);

	if (!p) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	p->s.ops = ops;
	p->trap = start->trap;
	p->sink = start->sink;
	memcpy(p->boot, start->trap->host->boot, sizeof(p->boot));
	return p;
}

int plain_put(struct plain *p, struct record *r, const char *app, const char *name, const char *value, int64_t now_us,
	struct err *e)
{
	int ret;

	r->time_us = now_us;
	r->app = span_of(app);
	r->msgid = span_of(record_channel_name(RECORD_KMSG));
	r->channel = RECORD_KMSG;
	r->fidelity = p->caught_up ? RECORD_LATE : RECORD_BACKFILL;
	r->boot = span_of(p->boot);
	r->observed[0] = (struct record_param){span_of(name), span_of(value)};
	r->n_observed = 1;
	ret = p->sink->emit(p->sink->ctx, r, e);
	if (ret)
		return ret;
	p->counters.records++;
	p->counters.late += p->caught_up;
	p->counters.backfill += !p->caught_up;
	return 0;
}

unsigned plain_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max)
{
	(void)s, (void)caps, (void)sites, (void)max;
	return 0;
}

void plain_planted(struct source *s, bool all, const struct moment *m)
{
	(void)s, (void)all, (void)m;
}

int plain_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e)
{
	(void)s, (void)ev, (void)m, (void)e;
	return 0;
}

bool plain_quiet(struct source *s, const struct moment *m)
{
	(void)s, (void)m;
	return false;
}

int64_t plain_due(const struct source *s)
{
	return ((const struct plain *)s)->next_ms;
}

const struct source_counters *plain_counters(const struct source *s)
{
	return &((const struct plain *)s)->counters;
}

int plain_end(struct source *s, const struct moment *m, bool readable, struct err *e)
{
	return readable ? s->ops->drain(s, m, e) : 0;
}

void plain_close(struct source *s)
{
	free(s);
}
