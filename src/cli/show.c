/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show.c - print the records of a ledger. Nothing is scanned that need not be: times are found by the
 * ledger's index, the last N by walking backwards, a pattern by its literal.
 */
#include "cli/show.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/pager.h"
#include "cli/scan.h"
#include "ledger/seal.h"
#include "record/record.h"
#include "util/clock.h"

/* inotify tells of growth at once; where it cannot (network file systems), look again so often. */
#define FOLLOW_POLL_MS 500

struct show {
	struct show_options o;
	struct ledger_reader *reader;
	struct pattern *pattern;
	struct scan scan;
	struct record r;
	bool narrow;        /* not every record is wanted: look before decoding */
	bool counting;      /* find the last `lines`, print nothing */
	uint64_t found, at; /* while counting: how many, and the index of the last found */
	uint64_t printed;
	uint64_t sealed; /* so many the checkpoint claims */
	uint64_t damages;
	uint64_t bad_from, bad_to; /* damaged entries not told of yet */
	struct err bad_why;
	int write_error; /* errno of the write that failed */
	char scratch[RECORD_LEAF_MAX];
};

/* Tell of the damage met last. */
static void flush_damage(struct show *s)
{
	uint64_t from = s->bad_from, to = s->bad_to;

	if (from == to)
		return;
	s->damages++;
	fflush(stdout);
	if (to - from == 1)
		cli_failf("%s: record %" PRIu64 " is damaged and left out (%.300s)", s->o.name, from,
			s->bad_why.text);
	else
		cli_failf("%s: records %" PRIu64 " to %" PRIu64 " are damaged and left out (%.300s)",
			s->o.name, from, to - 1, s->bad_why.text);
	s->bad_from = s->bad_to = 0;
}

/* Neighbours become one message, with the first one's reason. */
static void report_damage(void *ctx, uint64_t from, uint64_t to, const char *why)
{
	struct show *s = ctx;

	if (s->counting)
		return;
	if (s->bad_from < s->bad_to && from == s->bad_to) {
		s->bad_to = to;
	} else if (s->bad_from < s->bad_to && to == s->bad_from) {
		s->bad_from = from;
	} else {
		flush_damage(s);
		s->bad_from = from;
		s->bad_to = to;
		err_set(&s->bad_why, EBADMSG, "%s", why);
	}
}

/*
 * MSG within a leaf, found without decoding. Inside a value a ']' always has a backslash before it, so
 * a quote and a ']' end an element.
 */
static struct span text_of(struct span leaf)
{
	const char *p = leaf.p, *end = leaf.p + leaf.n;

	while ((p = memchr(p, ']', (size_t)(end - p)))) {
		p++;
		if (p[-2] == '"' && (p == end || *p != '['))
			break;
	}
	if (!p || p == end)
		return leaf;
	return (struct span){p + 1, (size_t)(end - p) - 1};
}

/* Which entries of a bundle can match at all? */
static bool select_by_literal(void *ctx, struct scan_bundle *b)
{
	const struct show *s = ctx;
	struct span bytes = b->bytes;
	size_t at;

	if (!*pattern_literal(s->pattern) || pattern_literal_unsure(s->pattern, bytes))
		return true;
	memset(b->skip, true, sizeof(b->skip));
	at = pattern_find_literal(s->pattern, bytes, 0);
	for (unsigned int i = 0; i < b->n && at < bytes.n; i++) {
		size_t begin = (size_t)(b->leaf[i].p - bytes.p), end = begin + b->leaf[i].n;

		if (at < begin) /* a hit across the boundary of two entries */
			at = pattern_find_literal(s->pattern, bytes, begin);
		if (at >= end)
			continue;
		b->skip[i] = false;
		at = pattern_find_literal(s->pattern, bytes, end);
	}
	return true;
}

static bool wanted_undecoded(const struct show *s, struct span leaf, int64_t time_us, uint8_t severity)
{
	struct span text;

	if ((s->o.has_since && time_us < s->o.since_us) || (s->o.has_until && time_us > s->o.until_us))
		return false;
	if (severity < s->o.severity_from || severity > s->o.severity_to)
		return false;
	if (!s->pattern)
		return true;
	text = text_of(leaf);
	/* What follows the space may be a guarded byte order mark; the decoder knows. */
	return (text.n && text.p[0] == ' ') || pattern_match(s->pattern, text);
}

static int visit(void *ctx, struct span leaf, uint64_t index)
{
	struct show *s = ctx;
	struct err e = {"not a record"};
	int64_t time_us;
	uint8_t severity;

	if (s->narrow && !record_peek(leaf.p, leaf.n, &time_us, &severity) &&
	    !wanted_undecoded(s, leaf, time_us, severity))
		return 0;
	if (record_decode(leaf.p, leaf.n, &s->r, s->scratch, sizeof(s->scratch), &e)) {
		report_damage(s, index, index + 1, e.text);
		return 0;
	}
	if (!form_shows(&s->o.form, &s->r) ||
	    (s->o.has_boot && !span_is(s->r.boot, s->o.boot)) ||
	    (s->pattern && !pattern_match(s->pattern, s->r.msg)))
		return 0;
	if (s->counting) {
		s->at = index;
		return ++s->found == s->o.lines;
	}
	form_put(&s->o.form, stdout, &s->r, leaf, index);
	if (ferror(stdout)) {
		s->write_error = errno;
		return -EIO;
	}
	s->printed++;
	return s->o.form.reverse && s->printed == s->o.lines;
}

/* The latest boot in the ledger: the last record that names one. */
static int visit_for_boot(void *ctx, struct span leaf, uint64_t index)
{
	struct show *s = ctx;

	(void)index;
	if (record_decode(leaf.p, leaf.n, &s->r, s->scratch, sizeof(s->scratch), NULL) ||
	    s->r.boot.n != 16)
		return 0;
	memcpy(s->o.boot, s->r.boot.p, 16);
	return 1;
}

static void find_latest_boot(struct show *s)
{
	struct scan scan = s->scan;

	scan.visit = visit_for_boot;
	scan.since_us = INT64_MIN;
	scan.until_us = INT64_MAX;
	scan.select = NULL;
	s->counting = true;
	scan_backward(&scan, ledger_reader_first(s->reader), ledger_reader_end(s->reader));
	s->counting = false;
}

/* From where on to print forward so that the last `lines` come. */
static uint64_t find_last_lines(struct show *s, uint64_t from, uint64_t to)
{
	s->counting = true;
	s->found = 0;
	s->at = to;
	scan_backward(&s->scan, from, to);
	s->counting = false;
	return s->at;
}

static int print_range(struct show *s, uint64_t *next)
{
	uint64_t from = ledger_reader_first(s->reader), to = ledger_reader_end(s->reader), i;

	*next = to;
	if (s->o.has_since && (i = ledger_reader_since(s->reader, s->o.since_us)) > from)
		from = i;
	if (s->o.has_until && (i = ledger_reader_until(s->reader, s->o.until_us)) < to)
		to = i;
	if (s->o.lines == 0 || from >= to)
		return 0;
	if (s->o.form.reverse)
		return scan_backward(&s->scan, from, to);
	if (s->o.lines != SHOW_ALL)
		from = find_last_lines(s, from, to);
	return scan_forward(&s->scan, from, to);
}

/* 0 when the ledger may have grown, -EPIPE when nobody reads any more. */
static int wait_for_growth(int watch)
{
	struct pollfd fds[2] = {{.fd = watch, .events = POLLIN}, {.fd = STDOUT_FILENO, .events = 0}};

	poll(fds, 2, FOLLOW_POLL_MS);
	return fds[1].revents & (POLLERR | POLLHUP | POLLNVAL) ? -EPIPE : 0;
}

static int follow(struct show *s, uint64_t next, struct err *e)
{
	int watch = ledger_reader_watch(s->reader, NULL), r;

	for (;;) {
		flush_damage(s);
		if (fflush(stdout))
			return -EIO;
		r = ledger_reader_refresh(s->reader, e);
		if (r < 0)
			return r;
		if (next < ledger_reader_first(s->reader))
			next = ledger_reader_first(s->reader);
		if (next < ledger_reader_end(s->reader)) {
			r = scan_forward(&s->scan, next, ledger_reader_end(s->reader));
			if (r < 0)
				return r;
			next = ledger_reader_end(s->reader);
			continue;
		}
		if (wait_for_growth(watch))
			return 0;
	}
}

static void prepare_form(struct form *f, bool terminal)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	tzset();
	setlocale(LC_CTYPE, "");
	f->terminal = terminal;
	f->ascii = terminal && strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	f->colour = terminal && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static int open_ledger(struct show *s, struct err *e)
{
	char dir[4096], store[4096];
	int r;

	r = cli_ledger_path(s->o.store, s->o.name, dir, sizeof(dir), e);
	if (r)
		return r;
	r = cli_store(s->o.store, store, sizeof(store), e);
	if (r)
		return r;
	if (access(dir, F_OK) && errno == ENOENT)
		return err_set(e, ENOENT,
			"%.64s: no ledger of that name in %.300s; 'logvisor list' shows what is there",
			s->o.name, store);
	/* Before the reader looks: a writer never has fewer records than it has signed. */
	seal_size(dir, &s->sealed);
	r = ledger_reader_open(&s->reader, dir, e);
	if (r)
		err_prefix(e, "%.64s", s->o.name);
	return r;
}

/* Records at the end that were signed and are not there. */
static void tell_removed(struct show *s)
{
	uint64_t end = ledger_reader_end(s->reader);

	if (end >= s->sealed)
		return;
	s->damages++;
	cli_failf("%s: records %" PRIu64 " to %" PRIu64 " were signed and are not there", s->o.name, end,
		s->sealed - 1);
}

/* Everything was printed, or the reader of our output left: fine. Else why not. */
static int finish(struct show *s, int r, struct err *e)
{
	flush_damage(s);
	if (fflush(stdout))
		s->write_error = errno;
	if (s->write_error) {
		if (s->write_error != EPIPE)
			return cli_failf("cannot write: %s", strerror(s->write_error));
	} else if (r < 0 && r != -EIO) {
		return cli_fail(e);
	}
	tell_removed(s);
	if (s->damages)
		cli_failf("%s: damaged in %" PRIu64 " %s; 'logvisor verify %s' tells more", s->o.name,
			s->damages, s->damages == 1 ? "place" : "places", s->o.name);
	return s->damages ? EXIT_FINDING : EXIT_OK;
}

static int show(struct show *s, struct err *e)
{
	bool terminal = isatty(STDOUT_FILENO);
	uint64_t next = 0;
	pid_t pager = 0;
	int r;

	prepare_form(&s->o.form, terminal);
	s->scan = (struct scan){.reader = s->reader, .visit = visit, .damaged = report_damage, .ctx = s,
		.select = s->pattern ? select_by_literal : NULL,
		.since_us = s->o.has_since ? s->o.since_us : INT64_MIN,
		.until_us = s->o.has_until ? s->o.until_us : INT64_MAX};
	s->narrow = s->o.has_since || s->o.has_until || s->pattern || s->o.severity_from > 0 ||
		s->o.severity_to < 7;
	signal(SIGPIPE, SIG_IGN);
	if (s->o.has_boot && !*s->o.boot)
		find_latest_boot(s);
	if (!s->o.no_pager && !s->o.follow)
		pager = pager_start();
	setvbuf(stdout, NULL, _IOFBF, 65536);
	r = print_range(s, &next);
	if (terminal && !s->printed && !s->o.follow)
		fputs("-- No records --\n", stdout);
	if (r >= 0 && s->o.follow)
		r = follow(s, next, e);
	r = finish(s, r, e);
	pager_end(pager);
	return r;
}

static int show_main(int argc, char **argv)
{
	struct show *s = calloc(1, sizeof(*s));
	struct err e = {""};
	int r;

	if (!s)
		return cli_failf("out of memory");
	tzset();
	r = show_options_parse(&s->o, argc, argv, clock_wall_us(), &e);
	if (r == 0 && s->o.grep)
		r = pattern_compile(&s->pattern, s->o.grep, s->o.grep_case, &e);
	if (r == 0)
		r = open_ledger(s, &e);
	if (r == 0)
		r = show(s, &e);
	else
		r = r > 0 ? cli_help(&show_command) : cli_fail(&e);
	ledger_reader_close(s->reader);
	pattern_free(s->pattern);
	free(s);
	return r;
}

const struct command show_command = {
	.name = "show",
	.main = show_main,
	.description = "print the records",
	.options = show_option_table,
	.operands = {"NAME"},
};
