/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show_print.c - print records. Nothing is read that need not be: times are found by the ledger's index, the
 * last N by walking backwards from the end, and then on from there.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cursor.h"
#include "cli/pager.h"
#include "cli/show.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* inotify tells of growth at once; where it cannot (network file systems), look again so often. */
#define FOLLOW_POLL_MS 500

struct printing {
	struct show_options *o;
	struct panes *panes;
	struct cursor given;
	uint64_t printed;
	int write_error; /* errno of the write that failed */
	bool separate;   /* say where another boot begins */
	char boot[BOOT_DIGITS + 1]; /* of the record before */
};

/* Set by SIGINT and SIGTERM where a cursor is to be kept at the end. */
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* As journalctl: a line where the next record is of another boot. */
static void put_boot(struct printing *p, const struct pane *v)
{
	if (v->r.boot.n != BOOT_DIGITS || !memcmp(p->boot, v->r.boot.p, BOOT_DIGITS))
		return;
	if (*p->boot)
		printf("%s-- Boot %.*s" BOOT_PAD " --%s\n", v->form.colour ? "\033[1m" : "", BOOT_DIGITS,
			v->r.boot.p, v->form.colour ? "\033[0m" : "");
	memcpy(p->boot, v->r.boot.p, BOOT_DIGITS);
}

/* Is the record in hand a part of a message that is shown as one? */
static bool in_parts(const struct pane *v)
{
	return v->form.kind != FORM_RAW && v->form.kind != FORM_FRAMED && parts_is(&v->r);
}

/* How long to wait for the rest of a message in parts: who follows may be ahead of the worker's next commit. */
static unsigned patience(const struct printing *p, const struct pane *v)
{
	const int64_t lately_us = 10000000;
	int64_t age_us = clock_wall_us() - v->r.time_us;

	return p->o->follow && age_us > -lately_us && age_us < lately_us ? 1000 : 0;
}

/* Print what the walks give, @limit records at most. 0, or -EIO when it cannot be written. */
static int print(struct printing *p, uint64_t limit)
{
	struct pane *v;

	for (uint64_t n = 0; n < limit && !stopped && (v = panes_next(p->panes));) {
		if (in_parts(v) && !parts_join(v->parts, &v->r, v->index, patience(p, v))) {
			v->shown = v->index;
			continue;
		}
		if (p->separate)
			put_boot(p, v);
		form_put(&v->form, stdout, &v->r, v->leaf, v->index);
		if (ferror(stdout)) {
			p->write_error = errno;
			return -EIO;
		}
		v->shown = v->index;
		v->has_shown = true;
		p->printed++;
		n++;
	}
	return 0;
}

/*
 * Begin at the cursor, where it names a place in this ledger. Records before it that are gone are told. -errno
 * with @e: it names a record that the ledger does not have.
 */
static int begin_at_cursor(const struct printing *p, struct pane *v, uint64_t *from, uint64_t *to,
	struct err *e)
{
	uint64_t first = ledger_reader_first(v->reader), end = ledger_reader_end(v->reader), at;

	if (!cursor_find(&p->given, v->name, &at))
		return 0;
	if (at >= end)
		return err_set(e, ESTALE,
			"%s: the cursor is at record %" PRIu64 ", and the ledger ends before %" PRIu64
			": it was rolled back, or is another one", v->name, at, end);
	if (p->o->form.reverse) {
		if (at + !p->o->after_cursor < *to)
			*to = at + !p->o->after_cursor;
		return 0;
	}
	at += p->o->after_cursor;
	if (at < first) {
		v->removed = first - at;
		cli_failf("%s: records %" PRIu64 " to %" PRIu64 " have been removed, as --keep says, since the "
			"cursor was taken", v->name, at, first - 1);
	}
	if (at > *from)
		*from = at;
	return 0;
}

/* Set all walks to what was asked for. */
static int begin(struct printing *p, struct err *e)
{
	bool found = p->given.n == 0;
	uint64_t from, to, at;
	int r;

	p->panes->backward = p->o->form.reverse;
	for (size_t i = 0; i < p->panes->n; i++) {
		struct pane *v = p->panes->pane[i];

		show_range(p->o, v, &from, &to);
		r = begin_at_cursor(p, v, &from, &to, e);
		if (r)
			return r;
		found |= cursor_find(&p->given, v->name, &at);
		v->from = from;
		v->to = to;
		pane_begin(v, from, to, p->panes->backward);
	}
	return found ? 0 : err_set(e, EINVAL, "the cursor is of '%s', which is not among the ledgers shown",
		p->given.place[0].name);
}

/* Of the range that is set, leave the last @n records; a message in parts is one, and its last part leads to the others. */
static void leave_last(struct panes *panes, uint64_t n)
{
	struct pane *v;

	panes->backward = true;
	for (size_t i = 0; i < panes->n; i++) {
		v = panes->pane[i];
		v->quiet = true;
		pane_begin(v, v->from, v->to, true);
		v->from = v->to;
	}
	for (uint64_t k = 0; k < n && (v = panes_next(panes));) {
		k += !in_parts(v) || !parts_met(v->parts, &v->r);
		v->from = v->index;
	}
	panes->backward = false;
	for (size_t i = 0; i < panes->n; i++) {
		v = panes->pane[i];
		v->quiet = false;
		parts_forget(v->parts);
		pane_begin(v, v->from, v->to, false);
	}
}

static int print_range(struct printing *p, struct err *e)
{
	const struct show_options *o = p->o;
	int r = begin(p, e);

	if (r)
		return r;
	if (p->given.n) /* as journalctl: so many from there on; but who follows misses nothing */
		return print(p, o->follow ? SHOW_ALL : o->lines);
	if (o->lines == SHOW_ALL || o->form.reverse || o->lines_first)
		return print(p, o->lines);
	leave_last(p->panes, o->lines);
	return print(p, SHOW_ALL);
}

/* Until a ledger may have grown. -EPIPE when nobody reads any more, -ENOMEM. */
static int wait_for_growth(const struct panes *panes)
{
	_cleanup_free_ struct pollfd *fds = calloc(panes->n + 1, sizeof(*fds));

	if (!fds)
		return -ENOMEM;
	fds[0] = (struct pollfd){.fd = STDOUT_FILENO, .events = 0};
	for (size_t i = 0; i < panes->n; i++)
		fds[i + 1] = (struct pollfd){.fd = ledger_reader_watch(panes->pane[i]->reader, NULL),
			.events = POLLIN};
	poll(fds, panes->n + 1, FOLLOW_POLL_MS);
	return fds[0].revents & (POLLERR | POLLHUP | POLLNVAL) ? -EPIPE : 0;
}

/* Begin a walk over what the ledger has got since. 1 if there is anything, 0, or -errno with @e. */
static int begin_new(struct pane *v, struct err *e)
{
	int r = ledger_reader_refresh(v->reader, e);

	if (r < 0)
		return r;
	v->from = v->to < ledger_reader_first(v->reader) ? ledger_reader_first(v->reader) : v->to;
	v->to = ledger_reader_end(v->reader) < v->from ? v->from : ledger_reader_end(v->reader);
	pane_begin(v, v->from, v->to, false);
	return v->from < v->to;
}

static int follow(struct printing *p, struct err *e)
{
	int r = 0;

	while (!stopped) {
		bool grown = false;

		for (size_t i = 0; i < p->panes->n; i++)
			pane_flush(p->panes->pane[i]);
		if (fflush(stdout))
			return -EIO;
		for (size_t i = 0; i < p->panes->n; i++) {
			r = begin_new(p->panes->pane[i], e);
			if (r < 0)
				return r;
			grown |= r > 0;
		}
		r = grown ? print(p, SHOW_ALL) : wait_for_growth(p->panes);
		if (r)
			return r == -EPIPE ? 0 : r;
	}
	return 0;
}

/*
 * The place behind which to go on. A ledger of which nothing was shown is passed over up to what would have
 * come next, so that with several each has its place.
 */
static int end_cursor(const struct printing *p, struct cursor *c)
{
	int r = 0;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; !r && i < p->panes->n; i++) {
		const struct pane *v = p->panes->pane[i];
		uint64_t passed = v->has ? v->index : v->scan.from, at;

		if (v->has_shown)
			r = cursor_set(c, v->name, v->shown);
		else if (cursor_find(&p->given, v->name, &at))
			r = cursor_set(c, v->name, at);
		else if (p->panes->n > 1 && !p->panes->backward && passed > ledger_reader_first(v->reader))
			r = cursor_set(c, v->name, passed - 1);
	}
	return r;
}

static int tell_cursor(const struct printing *p, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct cursor c;
	int r = end_cursor(p, &c);

	if (!r && c.n && p->o->show_cursor) {
		text = cursor_text(&c);
		r = text ? 0 : -ENOMEM;
		if (text)
			printf("-- cursor: %s\n", text);
	}
	if (r)
		err_set(e, -r, "out of memory");
	else if (fflush(stdout))
		r = -EIO;
	else if (c.n && p->o->cursor_file) /* only now: what it passes over has been written */
		r = cursor_save(p->o->cursor_file, &c, e);
	cursor_free(&c);
	return r;
}

/* All was printed, or the reader of our output left: fine. Else why not. @r: what ended it. */
static int finish(struct printing *p, int r, struct err *e)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < p->panes->n; i++)
		pane_flush(p->panes->pane[i]);
	if (r == 0 && (p->o->show_cursor || p->o->cursor_file))
		r = tell_cursor(p, e);
	if (fflush(stdout) && !p->write_error)
		p->write_error = errno;
	if (p->write_error && p->write_error != EPIPE)
		return cli_failf("cannot write: %s", strerror(p->write_error));
	if (r < 0 && r != -EIO) {
		cli_fail(e);
		return r == -ESTALE ? EXIT_FINDING : EXIT_TROUBLE;
	}
	for (size_t i = 0; i < p->panes->n; i++) {
		struct pane *v = p->panes->pane[i];

		pane_finish(v);
		if (v->undecided)
			status = EXIT_TROUBLE;
		else if ((v->damages || v->removed) && status == EXIT_OK)
			status = EXIT_FINDING;
	}
	if (p->o->grep && !p->printed && status == EXIT_OK)
		status = EXIT_FINDING; /* as grep and journalctl */
	return status;
}

static int load_cursor(struct printing *p, struct err *e)
{
	struct show_options *o = p->o;
	int r = 0;

	if (o->cursor_file)
		r = cursor_load(o->cursor_file, &p->given, e);
	if (r > 0)
		o->after_cursor = true; /* it goes before --cursor, as journalctl has it */
	else if (r == 0 && o->cursor)
		r = cursor_parse(o->cursor, &p->given, e);
	return r < 0 ? r : 0;
}

static void catch_signals(const struct show_options *o, struct sigaction *pipe_before)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, end = {.sa_handler = stop};

	sigaction(SIGPIPE, &ignore, pipe_before); /* EPIPE says it, and what is open is closed in order */
	if (!o->follow || !(o->cursor_file || o->show_cursor))
		return;
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
}

int show_records(struct show_options *o, struct panes *panes)
{
	struct printing p = {.o = o, .panes = panes};
	struct sigaction pipe_before;
	struct err e = {""};
	pid_t pager = 0;
	int r;

	p.separate = !o->quiet && panes->n == 1 && !form_is_machine(o->form.kind) && o->form.kind != FORM_CAT;
	r = load_cursor(&p, &e);
	if (!r)
		r = show_choose_boots(o, panes, &e);
	if (r) {
		cursor_free(&p.given);
		return cli_fail(&e);
	}
	catch_signals(o, &pipe_before);
	if (!o->no_pager && !o->follow)
		pager = pager_start(o->pager_end);
	setvbuf(stdout, NULL, _IOFBF, 65536);
	r = print_range(&p, &e);
	if (!r && o->form.terminal && !p.printed && !o->follow && !o->quiet)
		puts("-- No records --");
	if (!r && o->follow)
		r = follow(&p, &e);
	r = finish(&p, r, &e);
	pager_end(pager);
	sigaction(SIGPIPE, &pipe_before, NULL);
	cursor_free(&p.given);
	return r;
}
