/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - what programs log, as source.h has it; see impl.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/sender/geometry.h"
#include "source/unix/impl.h"

#define FLUSH_AT_ONCE 256 /* records, then others have their turn */
#define RETRY_MS 20
#define IDLE_MS 1000 /* between two looks for lines that were begun and left */
#define ASTRAY_AGAIN_US 10000000

static struct applog *of(struct source *s)
{
	return (struct applog *)s;
}

static int ask_guest(struct applog *l, unsigned caps, struct err *e)
{
	int r = app_geometry_find(l->g, &l->geo, e);

	if (r)
		return r;
	l->has_files = !filepages_layout_find(&l->files, l->g, l->geo.page_offset, l->geo.vmemmap, NULL);
	guest_symbol(l->g, "auditd_conn", &l->auditd_gva);
	r = sender_open(&l->sender, l->g, &l->geo, e);
	if (r)
		return r;
	l->trapped = !(caps & TRAP_WATCH);
	if (l->trapped)
		r = traps_find(&l->traps, l->g, &l->geo, l->kind->traps, e);
	return r ? r : watch_open(&l->watch, l->g, &l->geo, l->channels, e);
}

int applog_open(struct source **out, const struct source_start *start, const struct applog_kind *kind,
	struct err *e)
{
	struct applog *l;
	int r;

	/* A message is gone from its socket's queue as soon as its reader has it. */
	if (!(start->caps & (TRAP_CODE | TRAP_WATCH)))
		return err_set(e, ENOTSUP, "messages are not trapped in this VM, and by polling none would be sure to be "
			"seen");
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	l->kind = kind;
	l->g = start->guest;
	l->channels = kind->ops->channels & start->channels;
	l->mem = guest_mem(start->guest);
	l->retry_ms = INT64_MAX;
	outbox_init(&l->out, start->sink);
	l->out.boot = guest_info(l->g)->boot;
	streams_init(&l->streams, &l->out);
	l->s.ops = kind->ops;
	r = ask_guest(l, start->caps, e);
	if (r) {
		applog_close(&l->s);
		return r;
	}
	snprintf(l->s.desc, sizeof(l->s.desc), "%s", kind->what);
	*out = &l->s;
	return 0;
}

void applog_close(struct source *s)
{
	struct applog *l = of(s);

	watch_close(l->watch);
	sender_close(l->sender);
	streams_free(&l->streams);
	outbox_free(&l->out);
	free(l);
}

/* ---- sites ---- */

unsigned applog_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max)
{
	struct applog *l = of(s);

	(void)caps; /* as open() was told */
	return l->trapped ? traps_sites(&l->traps, sites, max) : watch_sites(l->watch, sites, max);
}

bool applog_fewer(struct source *s)
{
	struct applog *l = of(s);

	return l->trapped ? traps_fewer(&l->traps) : watch_fewer(l->watch);
}

bool applog_amid(const struct source *s, uint64_t rip)
{
	const struct applog *l = (const struct applog *)s;

	return l->trapped && traps_amid(&l->traps, rip);
}

/* ---- what comes ---- */

static void now(struct applog *l, const struct moment *m, int64_t time_us)
{
	l->now_us = time_us ? time_us : m->now_us;
	l->now_ms = m->now_ms;
}

static void watched(void *ctx, const struct watched *w)
{
	struct applog *l = ctx;

	switch (w->what) {
	case WATCHED_MESSAGE:
		applog_take(l, w->copy, w->geometry, w->channel, w->fidelity, w->from, true);
		break;
	case WATCHED_LOST:
		outbox_lost(&l->out, w->channel, 1, "the message was not readable in the guest's memory");
		break;
	case WATCHED_CLOSED:
		streams_close(&l->streams, w->sock);
		break;
	}
}

void applog_planted(struct source *s, bool all, const struct moment *m)
{
	struct applog *l = of(s);

	now(l, m, 0);
	l->retry_ms = m->now_ms;
	if (!l->trapped)
		watch_planted(l->watch, all);
	if (l->watch && m->held)
		watch_settle(l->watch, m, watched, l);
	else if (l->watch && l->trapped && l->out.sink->say)
		l->out.sink->say(l->out.sink->ctx, "what waited for log daemons before the attachment was not taken, since "
			"the VM could not be held");
	if (!l->trapped)
		return;
	watch_close(l->watch); /* by now all is trapped */
	l->watch = NULL;
}

/* The lowest of the channels wanted: which of them a message was of that did not get here is not known. */
static enum record_channel first_channel(const struct applog *l)
{
	enum record_channel c = RECORD_META;

	while (c < RECORD_CHANNELS - 1 && !(l->channels >> c & 1))
		c++;
	return c;
}

static int lost(struct applog *l, const struct trap_event *ev, struct err *e)
{
	char text[128];

	outbox_lost(&l->out, first_channel(l), ev->lost, "they came faster than they could be taken away; of which "
		"of its channels is not known");
	if (!ev->failed || l->now_us - l->astray_us < ASTRAY_AGAIN_US)
		return 0;
	l->astray_us = l->now_us;
	snprintf(text, sizeof(text), "%s: %" PRIu64 " times a trap led to no message that could be followed",
		l->kind->ops->name, ev->failed);
	return outbox_alert(&l->out, l->now_us, "trap-astray", text, e);
}

/* What a trap copied. A long one's rest is there as long as the VM stands still. */
static void copied(struct applog *l, const struct trap_event *ev)
{
	const struct app_copy *c = ev->data;

	if (ev->tag >= TRAPS_TAGS || ev->len < offsetof(struct app_copy, data) ||
		c->n > ev->len - offsetof(struct app_copy, data))
		return;
	applog_take(l, c, &l->traps.geometry[ev->tag],
		ev->tag == TRAPS_AUDIT ? RECORD_AUDIT : RECORD_META, RECORD_LIVE, 0, ev->held);
}

/* Out with what is there; what is left, or a line that was begun, is due later. 0 or what the sink returned. */
static int flush(struct applog *l, int64_t now_ms, struct err *e)
{
	int64_t due = l->streams.bytes ? now_ms + IDLE_MS : INT64_MAX;
	int r = outbox_flush(&l->out, FLUSH_AT_ONCE, l->now_us, e);

	if (r < 0)
		due = now_ms + RETRY_MS;
	else if (r)
		due = now_ms;
	l->retry_ms = due;
	return r;
}

int applog_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e)
{
	struct applog *l = of(s);
	int r;

	now(l, m, ev->time_us);
	if (ev->type == TRAP_LOST) {
		l->retry_ms = m->now_ms;
		return lost(l, ev, e);
	}
	if (ev->type == TRAP_STOPPED && !l->trapped)
		watch_stopped(l->watch, ev, m, watched, l);
	if (ev->type != TRAP_COPY)
		return 0;
	copied(l, ev);
	r = flush(l, m->now_ms, e);
	return r < 0 ? r : 0;
}

static int tell_alerts(struct applog *l, struct err *e)
{
	const char *what;
	char text[256];
	int r = 0;

	while (!r && !l->trapped && (what = watch_alert(l->watch, text, sizeof(text))))
		r = outbox_alert(&l->out, l->now_us, what, text, e);
	return r;
}

bool applog_quiet(struct source *s, const struct moment *m)
{
	struct applog *l = of(s);

	return outbox_empty(&l->out) && !l->streams.bytes && (l->trapped || watch_quiet(l->watch, m));
}

int applog_drain(struct source *s, const struct moment *m, struct err *e)
{
	struct applog *l = of(s);
	int r;

	now(l, m, 0);
	if (!l->trapped)
		watch_poll(l->watch, m, watched, l);
	streams_idle(&l->streams, l->now_us);
	r = tell_alerts(l, e);
	return r ? r : flush(l, m->now_ms, e);
}

int64_t applog_due(const struct source *s)
{
	const struct applog *l = (const struct applog *)s;
	int64_t due = l->trapped ? INT64_MAX : watch_due(l->watch);

	return due < l->retry_ms ? due : l->retry_ms;
}

const struct source_counters *applog_counters(const struct source *s)
{
	return &((const struct applog *)s)->out.counters;
}

int applog_end(struct source *s, const struct moment *m, bool readable, struct err *e)
{
	struct applog *l = of(s);

	(void)readable; /* each message was taken when it was sent */
	now(l, m, 0);
	streams_end(&l->streams);
	return outbox_flush(&l->out, UINT32_MAX, l->now_us, e);
}
