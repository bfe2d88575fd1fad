/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * take.c - from a copy to the whole message: what was too long for the trap, or passed in a file, is read now; and
 * what a message to a log socket is.
 */
#include <stdlib.h>
#include <string.h>

#include "fetch/unix.h"
#include "record/native.h"
#include "source/unix/impl.h"
#include "source/unix/kind.h"
#include "source/unix/unix.h"

/* The text of a message, and what has to be freed for it. */
struct text {
	struct span s;
	bool truncated;
	char *owned;
};

/* All of it out of its sk_buff, or what the trap copied. False: nothing of it could be read. */
static bool from_buffer(const struct applog *l, const struct app_copy *c, const struct app_geometry *geo, bool still,
	struct text *t)
{
	uint32_t want = c->len < APPLOG_MESSAGE_MAX ? c->len : APPLOG_MESSAGE_MAX;
	long n = -1;

	t->s = (struct span){(const char *)c->data, c->n};
	if (still && c->flags & (APP_COPY_LONG | APP_COPY_FAULT) && (t->owned = malloc(want ? want : 1)))
		n = app_message(&l->mem, geo, c, t->owned, want);
	if (n > (long)c->n)
		t->s = (struct span){t->owned, (size_t)n};
	t->truncated = t->s.n < c->len;
	return t->s.n || !c->len;
}

/* An entry for journald that is in a file: the first one passed. */
static bool from_file(const struct applog *l, const struct app_copy *c, bool still, struct text *t)
{
	uint64_t file, size;
	long n;

	if (!still || !l->has_files || filepages_passed(&l->mem, &l->files, c->fp, 0, &file) ||
		filepages_size(&l->mem, &l->files, file, &size))
		return false;
	t->truncated = size > APPLOG_MESSAGE_MAX;
	size = t->truncated ? APPLOG_MESSAGE_MAX : size;
	t->owned = malloc(size ? size : 1);
	n = t->owned ? filepages_read(&l->mem, &l->files, file, 0, t->owned, size) : -1;
	if (n < 0)
		return false;
	t->truncated |= (uint64_t)n < size;
	t->s = (struct span){t->owned, (size_t)n};
	return true;
}

void applog_take(struct applog *l, const struct app_copy *c, const struct app_geometry *geo,
	enum record_channel channel, enum record_fidelity fidelity, uint32_t from, bool still)
{
	struct applog_message m = {.channel = channel, .fidelity = fidelity, .time_us = l->now_us, .copy = c};
	struct text t = {0};
	bool got;

	sender_resolve(l->sender, c, l->now_ms, &m.paths);
	if (channel == RECORD_META)
		m.channel = unix_channel(m.paths.sock);
	if (!(l->channels >> m.channel & 1))
		return; /* no log, or one that is not wanted */
	/* As journald: a file counts where there is no text (systemd 252, server_process_datagram()). */
	if (m.channel == RECORD_JOURNAL && c->flags & APP_COPY_FDS && !c->len)
		got = from_file(l, c, still, &t);
	else
		got = from_buffer(l, c, geo, still, &t);
	if (!got) {
		outbox_lost(&l->out, m.channel, 1, "the message was not readable in the guest's memory");
	} else {
		m.text = t.s;
		m.truncated = t.truncated;
		if (from <= m.text.n) {
			m.text.p += from;
			m.text.n -= from;
			l->kind->take(l, &m);
		}
	}
	free(t.owned);
}

static struct outbox_message begin(const struct applog_message *m)
{
	return (struct outbox_message){.channel = m->channel, .fidelity = m->fidelity, .time_us = m->time_us,
		.truncated = m->truncated, .copy = m->copy, .paths = m->paths, .text = m->text};
}

void applog_put(struct applog *l, const struct applog_message *m, struct span text, uint8_t facility,
	uint8_t severity)
{
	struct outbox_message o = begin(m);

	o.text = text;
	o.facility = facility;
	o.severity = severity;
	outbox_put(&l->out, &o);
}

/* ---- log sockets ---- */

/*
 * A datagram for journald may hold several entries, with an empty line between them: a record each, which has the
 * bytes up to the next one.
 */
static void take_entries(struct applog *l, const struct applog_message *m)
{
	struct span rest = m->text;
	uint8_t facility, severity;

	do {
		struct span s = rest, entry = rest;
		struct native_field f;
		bool any = false;

		/* Empty lines before an entry are no entries. */
		for (size_t left = s.n + 1; s.n < left && !any;) {
			left = s.n;
			while (native_next(&s, &f))
				any = true;
		}
		if (s.n && s.n < rest.n && any)
			entry.n = rest.n - s.n;
		rest.p += entry.n;
		rest.n -= entry.n;
		unix_importance(m->channel, m->paths.sock, entry, &facility, &severity);
		applog_put(l, m, entry, facility, severity);
	} while (rest.n);
}

void unix_take(struct applog *l, const struct applog_message *m)
{
	struct outbox_message o;
	uint8_t facility, severity;

	switch (m->channel) {
	case RECORD_STREAM:
		o = begin(m);
		streams_take(&l->streams, &o);
		break;
	case RECORD_JOURNAL:
		take_entries(l, m);
		break;
	default:
		unix_importance(m->channel, m->paths.sock, m->text, &facility, &severity);
		applog_put(l, m, m->text, facility, severity);
	}
}
