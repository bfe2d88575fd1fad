/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/priority.h"
#include "cli/show.h"
#include "cli/when.h"

#define LINES_DEFAULT 10  /* journalctl's */
#define LINES_PAGER 1000  /* journalctl's, for -e: no pager should have to keep more */

enum {
	OPT_NO_PAGER = OPTION_LONG, OPT_UTC, OPT_CASE, OPT_LIST_BOOTS, OPT_NO_TAIL, OPT_FACILITY,
	OPT_OUTPUT_FIELDS, OPT_NO_HOSTNAME, OPT_AFTER_CURSOR, OPT_SHOW_CURSOR, OPT_CURSOR_FILE,
	OPT_DISK_USAGE, OPT_HEADER, OPT_CHANNEL, OPT_PID, OPT_UID, OPT_EXE, OPT_CONTAINER, OPT_MISMATCH,
};

const struct cli_option show_option_table[] = {
	{'S', "since", "TIME", "not older: \"2026-11-23 10:00:00\", @EPOCH, today, -5min,"},
	{'U', "until", "TIME", "not newer            \"1 hour ago\""},
	{'b', "boot", "[BOOT]", "0 the guest's latest, -1 the one before; ID[+-N]; all"},
	{'k', "dmesg", NULL, "the kernel's log, of the latest boot if no other is given"},
	{'p', "priority", "P", "err: that and graver; warning..crit: a range; or 0-7"},
	{OPT_FACILITY, "facility", "F", "kern,daemon,...; help lists them"},
	{'t', "identifier", "NAME", "of this program, by its own word or its process's name"},
	{'u', "unit", "UNIT", "of this unit's processes, and what systemd says of it"},
	{OPT_CHANNEL, "channel", "LIST", "kernel,syslog,journal,stdout,audit,files,wtmp,btmp,lastlog"},
	{OPT_PID, "pid", "PID", "of this process"},
	{OPT_UID, "uid", "UID", "of this user's processes"},
	{OPT_EXE, "exe", "PATH", "of processes that run this file"},
	{OPT_CONTAINER, "container", "ID", "of this container: its id, 12 digits or more, or its machine's name"},
	{OPT_MISMATCH, "mismatch", NULL, "only those that claim to be of another sender than was seen"},
	{'g', "grep", "PATTERN", "Perl-compatible; case counts if it has an upper case letter"},
	{OPT_CASE, "case-sensitive", "[yes|no]", "decides whether case counts"},
	{'c', "cursor", "CURSOR", "from that place on"},
	{OPT_AFTER_CURSOR, "after-cursor", "CURSOR", "from behind that place on"},
	{OPT_CURSOR_FILE, "cursor-file", "FILE", "behind the place in FILE, and then keep the new one there"},
	{'m', "merge", NULL, "all ledgers of the store, merged by time"},
	{'f', "follow", NULL, "go on printing as records arrive"},
	{'n', "lines", "[[+]N]", "the last N (10); +N: the first N; all: every one"},
	{OPT_NO_TAIL, "no-tail", NULL, "every one, also with -f"},
	{'r', "reverse", NULL, "newest first"},
	{'e', "pager-end", NULL, "begin at the end in the pager: -n 1000 of the latest boot"},
	{'a', "all", NULL, "heartbeats too"},
	{'o', "output", "FORM", "short, json, verbose, ...; help lists them"},
	{OPT_OUTPUT_FIELDS, "output-fields", "LIST", "these only, in verbose, json, export and cat"},
	{OPT_SHOW_CURSOR, "show-cursor", NULL, "the place of the last record, at the end"},
	{OPT_NO_HOSTNAME, "no-hostname", NULL, "short forms without the VM's name"},
	{OPT_UTC, "utc", NULL, "times in UTC"},
	{'q', "quiet", NULL, "nothing but records on standard output"},
	{OPT_NO_PAGER, "no-pager", NULL, "do not page on a terminal"},
	{OPT_LIST_BOOTS, "list-boots", NULL, "the guest's boots instead"},
	{'F', "field", "FIELD", "the values that FIELD has instead"},
	{'N', "fields", NULL, "the names of all fields instead"},
	{OPT_DISK_USAGE, "disk-usage", NULL, "the room that the ledgers take instead"},
	{OPT_HEADER, "header", NULL, "what the ledger's files say of it instead"},
	CLI_OPTION_STORE,
	CLI_OPTIONS_FROM,
	{0, NULL, NULL, NULL},
};

static bool is_lines(const char *s)
{
	uint64_t v;

	return !strcmp(s, "all") || span_digits(span_of(*s == '+' ? s + 1 : s), &v);
}

static int set_lines(struct show_options *o, const char *text, struct err *e)
{
	o->lines = LINES_DEFAULT;
	o->lines_first = text && *text == '+';
	if (!text || span_digits(span_of(text + o->lines_first), &o->lines))
		return 0;
	if (strcmp(text, "all") != 0)
		return err_set(e, EINVAL, "'%.80s' is not a number of lines", text);
	o->lines = SHOW_ALL;
	return 0;
}

static int set_form(struct show_options *o, const char *text, struct err *e)
{
	int k = form_by_name(text);

	if (!strcmp(text, "help"))
		o->action = SHOW_HELP_OUTPUT;
	else if (k < 0)
		return err_set(e, EINVAL, "'%.80s' is not an output form; '-o help' lists them", text);
	else
		o->form.kind = (enum form_kind)k;
	return 0;
}

static int set_case(struct show_options *o, const char *text, struct err *e)
{
	if (!text || !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "1"))
		o->grep_case = PATTERN_EXACT;
	else if (!strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "0"))
		o->grep_case = PATTERN_IGNORE;
	else
		return err_set(e, EINVAL, "--case-sensitive is yes or no, not '%.80s'", text);
	return 0;
}

static int set_facilities(struct show_options *o, const char *text, struct err *e)
{
	if (strcmp(text, "help") != 0)
		return facility_parse(text, &o->select.facilities, e);
	o->action = SHOW_HELP_FACILITY;
	return 0;
}

/* Options that choose by the sender. 1: it is none of those. */
static int set_who(struct who *w, int c, struct err *e)
{
	switch (c) {
	case 't':
		return who_add(w, WHO_IDENTIFIER, optarg, e);
	case 'u':
		return who_add(w, WHO_UNIT, optarg, e);
	case OPT_CHANNEL:
		return who_channels(optarg, &w->channels, e);
	case OPT_PID:
		return who_add(w, WHO_PID, optarg, e);
	case OPT_UID:
		return who_add(w, WHO_UID, optarg, e);
	case OPT_EXE:
		return who_add(w, WHO_EXE, optarg, e);
	case OPT_CONTAINER:
		return who_add(w, WHO_CONTAINER, optarg, e);
	case OPT_MISMATCH:
		w->mismatch = true;
		return 0;
	default:
		return 1;
	}
}

static int add_output_fields(struct show_options *o, const char *text, struct err *e)
{
	for (;;) {
		size_t n = strcspn(text, ",");

		if (o->form.n_only == SHOW_FIELDS_MAX)
			return err_set(e, EINVAL, "--output-fields: more than %d", SHOW_FIELDS_MAX);
		if (n)
			o->only[o->form.n_only++] = (struct span){text, n};
		if (!text[n])
			break;
		text += n + 1;
	}
	return o->form.n_only ? 0 : err_set(e, EINVAL, "--output-fields: no field is named");
}

static int set_cursor(struct show_options *o, const char *text, bool after, struct err *e)
{
	if (o->cursor)
		return err_set(e, EINVAL, "--cursor and --after-cursor: only one of them, and once");
	o->cursor = text;
	o->after_cursor = after;
	return 0;
}

/* -n 20 as well as -n20: the argument of an option may stand apart, where it is one beyond doubt. */
static const char *apart(int argc, char **argv, bool (*is)(const char *))
{
	if (!optarg && optind < argc && is(argv[optind]))
		return argv[optind++];
	return optarg;
}

static bool is_boot(const char *s)
{
	struct boot_choice c;

	return boot_choice_parse(s, &c, NULL) == 0;
}

/* Options that choose records. 1: it is none of those. */
static int set_selection(struct show_options *o, int c, int argc, char **argv, int64_t now_us,
	struct err *e)
{
	const char *boot;

	switch (c) {
	case 'S':
		o->select.has_since = true;
		return when_parse(optarg, now_us, &o->select.since_us, e);
	case 'U':
		o->select.has_until = true;
		return when_parse(optarg, now_us, &o->select.until_us, e);
	case 'b':
		boot = apart(argc, argv, is_boot);
		return boot_choice_parse(boot ? boot : "0", &o->boot, e);
	case 'k':
		o->select.kernel = o->boot.wanted = true;
		return 0;
	case 'p':
		return priority_parse(optarg, &o->select.severity_from, &o->select.severity_to, e);
	case OPT_FACILITY:
		return set_facilities(o, optarg, e);
	case 'g':
		o->grep = optarg;
		return 0;
	case OPT_CASE:
		return set_case(o, optarg, e);
	case 'c':
	case OPT_AFTER_CURSOR:
		return set_cursor(o, optarg, c != 'c', e);
	case OPT_CURSOR_FILE:
		o->cursor_file = optarg;
		return 0;
	case 'm':
		o->merge = true;
		return 0;
	case OPTION_STORE:
		o->store = optarg;
		return 0;
	default:
		return from_option(&o->from, c) ? 0 : set_who(&o->select.who, c, e);
	}
}

/* Options that say how they are printed. */
static int set_printing(struct show_options *o, int c, int argc, char **argv, struct err *e)
{
	switch (c) {
	case 'n':
		return set_lines(o, apart(argc, argv, is_lines), e);
	case 'o':
		return set_form(o, optarg, e);
	case OPT_OUTPUT_FIELDS:
		return add_output_fields(o, optarg, e);
	case OPT_NO_TAIL:
	case 'f':
		o->follow |= c == 'f';
		return 0;
	case 'r':
		o->form.reverse = true;
		return 0;
	case 'e':
		o->pager_end = o->boot.wanted = true;
		return 0;
	case 'a':
		o->form.all = true;
		return 0;
	case OPT_SHOW_CURSOR:
		o->show_cursor = true;
		return 0;
	case OPT_NO_HOSTNAME:
		o->form.no_host = true;
		return 0;
	case OPT_UTC:
		o->form.utc = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case OPT_NO_PAGER:
		o->no_pager = true;
		return 0;
	case 'F':
		o->field = optarg;
		o->action = SHOW_VALUES;
		return 0;
	default:
		o->action = c == 'N' ? SHOW_FIELD_NAMES : c == OPT_LIST_BOOTS ? SHOW_BOOTS :
			c == OPT_HEADER ? SHOW_HEADER : SHOW_DISK_USAGE;
		return 0;
	}
}

/* A ledger that is named twice is shown once. @o->names has room. */
static void add_name(struct show_options *o, char *name)
{
	for (size_t i = 0; i < o->n_names; i++)
		if (!strcmp(o->names[i], name))
			return;
	o->names[o->n_names++] = name;
}

/* What is left on the line: names of ledgers, which are moved to its beginning, and matches. */
static int take_operands(struct show_options *o, int argc, char **argv, struct err *e)
{
	int r = 0;

	o->names = argv + optind;
	for (int i = optind; !r && i < argc; i++) {
		if (strchr(argv[i], '=') || !strcmp(argv[i], "+"))
			r = match_add(&o->select.match, argv[i], e);
		else
			add_name(o, argv[i]);
	}
	if (!r)
		r = match_finish(&o->select.match, e);
	if (!r && !o->n_names && !o->merge)
		r = err_set(e, EINVAL, "show: whose records? give a NAME, or -m for all ('logvisor list')");
	return r;
}

/* What does not go together, and what follows from what. @lines, @no_tail: were they given? */
static int settle(struct show_options *o, bool lines, bool no_tail, struct err *e)
{
	const struct selection *s = &o->select;

	if (o->follow && o->form.reverse)
		return err_set(e, EINVAL, "-f and -r do not go together");
	if (s->has_since && s->has_until && s->since_us > s->until_us)
		return err_set(e, EINVAL, "-S is later than -U");
	if (s->has_since && o->cursor)
		return err_set(e, EINVAL, "-S and a cursor do not go together: both say where to begin");
	if (o->lines_first && (o->follow || o->form.reverse))
		return err_set(e, EINVAL, "-n +N does not go together with -f or -r");
	if (!lines && o->pager_end)
		o->lines = LINES_PAGER;
	else if (!lines && o->follow && !s->has_since && !o->cursor && !o->cursor_file)
		o->lines = LINES_DEFAULT;
	if (no_tail)
		o->lines = SHOW_ALL;
	/* As journalctl: the last matches are looked for backwards, and so they are printed. */
	if (o->grep && lines && o->lines != SHOW_ALL && !o->lines_first && !o->follow)
		o->form.reverse = true;
	return 0;
}

int show_options_parse(struct show_options *o, int argc, char **argv, int64_t now_us, struct err *e)
{
	bool lines = false, no_tail = false;
	int c, r;

	memset(o, 0, sizeof(*o));
	o->lines = SHOW_ALL;
	o->select.severity_to = 7;
	o->form.only = o->only;
	option_begin();
	while ((c = option_parse(argc, argv, &show_command, e)) != OPTION_END) {
		if (c == OPTION_BAD)
			return -EINVAL;
		if (c == OPTION_HELP)
			o->action = SHOW_HELP;
		else if ((r = set_selection(o, c, argc, argv, now_us, e)) < 0 ||
			 (r && (r = set_printing(o, c, argc, argv, e))))
			return r;
		if (o->action >= SHOW_HELP)
			return 0;
		lines |= c == 'n';
		no_tail |= c == OPT_NO_TAIL;
	}
	r = take_operands(o, argc, argv, e);
	return r ? r : settle(o, lines, no_tail, e);
}
