/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/unix/stream.h"

#include <stdlib.h>
#include <string.h>

#include "record/syslog.h"

#define HEAD_LINES 7
#define HEAD_MAX 8192 /* a beginning longer than this is none */
#define IDLE_US 60000000
#define FACILITY_DAEMON 3 /* systemd.exec(5), SyslogFacility= */
#define SEVERITY_INFO 6

/* What the seven lines say; the last three, where to forward it, are of no use here. */
enum { HEAD_IDENTIFIER, HEAD_UNIT, HEAD_PRIORITY, HEAD_PREFIX };

struct stream {
	struct stream *next; /* in its bucket */
	struct stream *newer, *older;
	uint64_t sock;
	int64_t last_us; /* when its last bytes came */
	bool headed;
	char head[HEAD_MAX]; /* its text, and the lines in it */
	struct span line[HEAD_LINES];
	/* The line that was begun, and whose it is. */
	char *text;
	size_t n, cap;
	struct outbox_message m;
	struct app_copy copy;
	char paths[4][SENDER_PATH_MAX + 1];
};

void streams_init(struct streams *s, struct outbox *out)
{
	*s = (struct streams){.out = out};
}

void streams_init_plain(struct streams *s, struct outbox *out)
{
	*s = (struct streams){.out = out, .plain = true};
}

/* ---- the streams there are ---- */

static struct stream **place(struct streams *s, uint64_t sock)
{
	struct stream **at = &s->bucket[(sock * 0x9e3779b97f4a7c15ULL) >> 56];

	while (*at && (*at)->sock != sock)
		at = &(*at)->next;
	return at;
}

static void unlink_age(struct streams *s, struct stream *x)
{
	*(x->newer ? &x->newer->older : &s->newest) = x->older;
	*(x->older ? &x->older->newer : &s->oldest) = x->newer;
}

static void make_newest(struct streams *s, struct stream *x)
{
	x->newer = NULL;
	x->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = x;
	s->newest = x;
}

static void drop(struct streams *s, struct stream *x)
{
	*place(s, x->sock) = x->next;
	unlink_age(s, x);
	s->n--;
	s->bytes -= x->cap;
	free(x->text);
	free(x);
}

/* ---- lines ---- */

/* With its own word for its severity, if the stream's first lines do not say that this is text. */
static void importance(const struct stream *x, struct span line, struct outbox_message *m)
{
	uint64_t pri;
	unsigned own;

	m->facility = FACILITY_DAEMON;
	m->severity = SEVERITY_INFO;
	if (x->headed && span_digits(x->line[HEAD_PRIORITY], &pri)) {
		m->severity = pri & 7;
		m->facility = pri >> 3 ? (uint8_t)(pri >> 3) : FACILITY_DAEMON;
	}
	if ((!x->headed || strchr("1yYtT", *x->line[HEAD_PREFIX].p)) && syslog_pri(&line, &own) && own < 8)
		m->severity = (uint8_t)own;
}

static void claim(struct outbox_message *m, const char *name, struct span value)
{
	if (value.n)
		m->claimed[m->n_claimed++] = (struct record_param){span_of(name), value};
}

/* @line of @m's sender; how it ended if not by a newline. */
static void put_line(struct streams *s, struct stream *x, struct span line, const struct outbox_message *m,
	const char *ended)
{
	struct outbox_message o = *m;

	o.text = line;
	if (!s->plain)
		importance(x, line, &o);
	if (ended)
		o.observed[o.n_observed++] = (struct record_param){span_of("brk"), span_of(ended)};
	if (x->headed) {
		claim(&o, "identifier", x->line[HEAD_IDENTIFIER]);
		claim(&o, "unit", x->line[HEAD_UNIT]);
		claim(&o, "priority", x->line[HEAD_PRIORITY]);
		claim(&o, "prefix", x->line[HEAD_PREFIX]);
	}
	outbox_put(s->out, &o);
}

/* The line that was begun ends here. */
static void put_begun(struct streams *s, struct stream *x, const char *ended)
{
	if (!x->n)
		return;
	put_line(s, x, (struct span){x->text, x->n}, &x->m, ended);
	x->n = 0;
}

/* Only what may be more than a line's worth together is kept short of it. */
static void give_back(struct streams *s, struct stream *x)
{
	if (x->n)
		return;
	s->bytes -= x->cap;
	free(x->text);
	x->text = NULL;
	x->cap = 0;
}

static struct span keep_path(char *to, struct span path)
{
	size_t n = path.n < SENDER_PATH_MAX ? path.n : SENDER_PATH_MAX;

	if (n)
		memcpy(to, path.p, n);
	return (struct span){to, n};
}

/* Keep @more for the line's end; @m is who wrote it. False: no memory, it is put at once. */
static bool keep(struct streams *s, struct stream *x, struct span more, const struct outbox_message *m)
{
	uint64_t offset;

	if (x->n + more.n > x->cap) {
		size_t cap = x->n + more.n < 256 ? 256 : 2 * (x->n + more.n);
		char *text;

		cap = cap < STREAM_LINE_MAX ? cap : STREAM_LINE_MAX;
		text = s->bytes + cap - x->cap > STREAM_BYTES_MAX ? NULL : realloc(x->text, cap);
		if (!text)
			return false;
		s->bytes += cap - x->cap;
		x->text = text;
		x->cap = cap;
	}
	memcpy(x->text + x->n, more.p, more.n);
	offset = x->n ? x->m.offset : m->offset;
	x->n += more.n;
	x->m = *m;
	x->m.offset = offset;
	memcpy(&x->copy, m->copy, offsetof(struct app_copy, data));
	x->m.copy = &x->copy;
	x->m.paths.exe = keep_path(x->paths[0], m->paths.exe);
	x->m.paths.cgroup = keep_path(x->paths[1], m->paths.cgroup);
	x->m.paths.sock = keep_path(x->paths[2], m->paths.sock);
	x->m.paths.file = keep_path(x->paths[3], m->paths.file);
	return true;
}

/* A line's text up to its end, behind what was begun of it. */
static void finish(struct streams *s, struct stream *x, struct span text, const struct outbox_message *m,
	const char *ended)
{
	if (!x->n) {
		put_line(s, x, text, m, ended);
		return;
	}
	if (!keep(s, x, text, m)) {
		put_begun(s, x, "memory");
		put_line(s, x, text, m, ended);
		return;
	}
	/* An empty rest is written by who wrote the newline. */
	put_begun(s, x, ended);
}

static void take_text(struct streams *s, struct stream *x, struct span text, const struct outbox_message *message)
{
	struct outbox_message now = *message;
	const struct outbox_message *const m = &now; /* its offset is that of `text` */

	while (text.n) {
		size_t room = STREAM_LINE_MAX - x->n, n = 0;

		while (n < text.n && n < room && text.p[n] != '\n' && (text.p[n] || s->plain))
			n++;
		if (n == text.n && n < room) {
			if (!keep(s, x, text, m)) {
				put_begun(s, x, "memory");
				put_line(s, x, text, m, "memory");
			}
			break;
		}
		if (n == room) {
			finish(s, x, (struct span){text.p, n}, m, "line-max");
		} else {
			finish(s, x, (struct span){text.p, n}, m, text.p[n] ? NULL : "nul");
			n++;
		}
		text.p += n;
		text.n -= n;
		now.offset += n;
	}
	give_back(s, x);
}

/* ---- the first lines ---- */

static bool is_bool(struct span s)
{
	static const char *const words[] = {"1", "0", "yes", "no", "true", "false", "on", "off", "y", "n", "t", "f"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_is(s, words[i]))
			return true;
	return false;
}

/* The bytes of the seven lines at the beginning of @text, into @line; 0: these are others. */
static size_t find_head(struct span text, struct span line[HEAD_LINES])
{
	struct span rest = text;
	uint64_t pri;

	for (unsigned i = 0; i < HEAD_LINES; i++)
		if (!span_line(&rest, &line[i]) || (i > HEAD_PRIORITY && !is_bool(line[i])))
			return 0;
	if (!span_digits(line[HEAD_PRIORITY], &pri) || pri > 1023 || text.n - rest.n > HEAD_MAX)
		return 0;
	return text.n - rest.n;
}

/*
 * A new stream, its socket perhaps where one that was closed had been. Whatever the seven lines are, they are kept as
 * a record.
 */
static void take_head(struct streams *s, struct stream *x, const struct span line[HEAD_LINES], struct span head,
	const struct outbox_message *m)
{
	put_begun(s, x, "eof");
	memcpy(x->head, head.p, head.n);
	for (unsigned i = 0; i < HEAD_LINES; i++)
		x->line[i] = (struct span){x->head + (line[i].p - head.p), line[i].n};
	x->headed = true;
	put_line(s, x, head, m, "header");
}

/* ---- */

void streams_take(struct streams *s, const struct outbox_message *m)
{
	const uint64_t sock = m->copy->sock;
	struct stream **at = place(s, sock), *x = *at;
	struct span text = m->text, line[HEAD_LINES];
	size_t head;

	if (!x) {
		if (s->n == STREAMS_MAX) {
			put_begun(s, s->oldest, "memory");
			drop(s, s->oldest);
			at = place(s, sock);
		}
		x = calloc(1, sizeof(*x));
		if (!x) {
			outbox_lost(s->out, m->channel, 1, "out of memory");
			return;
		}
		x->sock = sock;
		*at = x;
		s->n++;
	} else {
		unlink_age(s, x);
	}
	make_newest(s, x);
	x->last_us = m->time_us;
	if (x->n && x->m.copy->pid != m->copy->pid)
		put_begun(s, x, "pid-change");
	head = s->plain ? 0 : find_head(text, line);
	if (head) {
		take_head(s, x, line, (struct span){text.p, head}, m);
		text.p += head;
		text.n -= head;
	}
	take_text(s, x, text, m);
	if (m->truncated)
		put_begun(s, x, "lost");
}

void streams_close(struct streams *s, uint64_t sock)
{
	struct stream *x = *place(s, sock);

	if (!x)
		return;
	put_begun(s, x, "eof");
	drop(s, x);
}

void streams_idle(struct streams *s, int64_t now_us)
{
	for (struct stream *x = s->oldest; s->bytes && x && now_us - x->last_us >= IDLE_US; x = x->newer) {
		put_begun(s, x, "idle");
		give_back(s, x);
	}
}

void streams_end(struct streams *s)
{
	for (struct stream *x = s->oldest; x; x = x->newer)
		put_begun(s, x, "eof");
}

void streams_free(struct streams *s)
{
	while (s->newest)
		drop(s, s->newest);
}
