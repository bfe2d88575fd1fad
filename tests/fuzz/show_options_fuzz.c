/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show_options_fuzz.c - the command line of show: arguments separated by NUL, with the times, boots, cursors,
 * matches and patterns in them, and then a record and a text to hold against them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cursor.h"
#include "cli/show.h"

#define ARGS 16

/* What a cursor says when it is printed, it says when it is read. */
static void try_cursor(const char *text)
{
	struct cursor c, again;
	struct err e;
	char *out;

	if (cursor_parse(text, &c, &e) == 0) {
		out = cursor_text(&c);
		if (!out || cursor_parse(out, &again, &e) || again.n != c.n)
			abort();
		for (size_t i = 0; i < c.n; i++)
			if (again.place[i].index != c.place[i].index)
				abort();
		cursor_free(&again);
		free(out);
	}
	cursor_free(&c);
}

static void try_pattern(const struct show_options *o, struct span text)
{
	struct pattern *p = NULL;
	struct err e;

	if (!o->grep || strlen(o->grep) >= 64 || pattern_compile(&p, o->grep, o->grep_case, &e))
		return;
	/* a match has the literal, or characters that fold to it */
	if (pattern_match(p, text) > 0 && *pattern_literal(p) && !pattern_literal_unsure(p, text) &&
	    pattern_find_literal(p, text, 0) == text.n)
		abort();
	pattern_free(p);
}

/* A record that matches has in its leaf the bytes by which bundles are passed over. */
static void try_match(const struct match *m, struct span text)
{
	static char leaf[RECORD_LEAF_MAX];
	struct span literal = match_literal(m);
	struct record r = {.host = {"vm", 2}, .app = {"prog", 4}, .procid = {"7", 1}, .channel = RECORD_SYSLOG,
		.has_seq = true, .seq = 12, .boot = {"0123456789abcdef", 16}, .msg = text, .n_observed = 1,
		.observed = {{{"uid", 3}, {"1000", 4}}}, .n_claimed = 1, .claimed = {{{"tag", 3}, text}}};
	long n = record_encode(&r, leaf, sizeof(leaf));

	if (n > 0 && match_record(m, &r, 5) && literal.n && !r.truncated && n < RECORD_LEAF_MAX &&
	    !memmem(leaf, (size_t)n, literal.p, literal.n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct show_options o;
	char *copy = malloc(n + 1), *argv[ARGS + 2] = {"show"}, *p = copy, *end = copy + n;
	struct span text = {(const char *)data, n};
	struct err e;
	int argc = 1;

	if (!copy)
		abort();
	memcpy(copy, data, n);
	*end = 0;
	while (p < end && argc < ARGS) {
		argv[argc++] = p;
		p += strlen(p) + 1;
	}
	for (int i = 1; i < argc; i++)
		try_cursor(argv[i]);
	if (show_options_parse(&o, argc, argv, 1795475944000000, &e) == 0 && o.action < SHOW_HELP) {
		try_pattern(&o, text);
		try_match(&o.select.match, text);
	}
	free(copy);
	return 0;
}
