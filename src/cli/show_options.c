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
#include "record/leaf.h"

#define LINES_DEFAULT 10 /* journalctl's */

enum { OPT_NO_PAGER = OPTION_LONG, OPT_UTC, OPT_CASE };

const struct cli_option show_option_table[] = {
	{'f', "follow", NULL, "go on printing as records arrive"},
	{'n', "lines", "[N]", "the last N (10); all: every one"},
	{'r', "reverse", NULL, "newest first"},
	{'S', "since", "TIME", "not older: \"2026-11-23 10:00:00\", @EPOCH, today, -5min,"},
	{'U', "until", "TIME", "not newer            \"1 hour ago\""},
	{'p', "priority", "P", "err: that and graver; warning..crit: a range; or 0-7"},
	{'g', "grep", "PATTERN", "Perl-compatible; case counts if it has an upper case letter"},
	{OPT_CASE, "case-sensitive", "[yes|no]", "decides whether case counts"},
	{'b', "boot", "[ID]", "the guest's latest boot, or that one"},
	{'a', "all", NULL, "heartbeats too"},
	{'o', "output", "FORM", "short short-iso short-monotonic json export cat raw framed"},
	{OPT_UTC, "utc", NULL, "times in UTC"},
	{OPT_NO_PAGER, "no-pager", NULL, "do not page on a terminal"},
	CLI_OPTION_STORE,
	{0, NULL, NULL, NULL},
};

static bool all_digits(const char *s)
{
	size_t n = 0;

	while (isdigit((unsigned char)s[n]))
		n++;
	return n > 0 && s[n] == 0;
}

static int set_lines(struct show_options *o, const char *text, struct err *e)
{
	char *end;

	if (!text) {
		o->lines = LINES_DEFAULT;
		return 0;
	}
	if (!strcmp(text, "all")) {
		o->lines = SHOW_ALL;
		return 0;
	}
	errno = 0;
	o->lines = all_digits(text) ? strtoull(text, &end, 10) : 0;
	if (!all_digits(text) || errno)
		return err_set(e, EINVAL, "'%.80s' is not a number of lines", text);
	return 0;
}

static int set_form(struct show_options *o, const char *text, struct err *e)
{
	int k = form_by_name(text);

	if (k < 0)
		return err_set(e, EINVAL, "'%.80s' is not an output form; '-o help' lists them", text);
	o->form.kind = (enum form_kind)k;
	return 0;
}

static int set_boot(struct show_options *o, const char *text, struct err *e)
{
	o->has_boot = true;
	o->boot[0] = 0;
	if (!text)
		return 0;
	if (!leaf_boot_ok(span_of(text)))
		return err_set(e, EINVAL, "'%.80s' is not a boot: 16 lower-case hexadecimal digits",
			text);
	memcpy(o->boot, text, 17);
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

/* `-n 20`, as well as -n20: an optional argument that may stand apart. */
static const char *lines_argument(int argc, char **argv)
{
	if (optarg)
		return optarg;
	if (optind < argc && (all_digits(argv[optind]) || !strcmp(argv[optind], "all")))
		return argv[optind++];
	return NULL;
}

static int set_option(struct show_options *o, int c, int argc, char **argv, int64_t now_us,
	struct err *e)
{
	switch (c) {
	case 'a':
		o->form.all = true;
		return 0;
	case 'b':
		return set_boot(o, optarg, e);
	case 'f':
		o->follow = true;
		return 0;
	case 'g':
		o->grep = optarg;
		return 0;
	case 'n':
		return set_lines(o, lines_argument(argc, argv), e);
	case 'o':
		return set_form(o, optarg, e);
	case 'p':
		return priority_parse(optarg, &o->severity_from, &o->severity_to, e);
	case 'r':
		o->form.reverse = true;
		return 0;
	case 'S':
		o->has_since = true;
		return when_parse(optarg, now_us, &o->since_us, e);
	case 'U':
		o->has_until = true;
		return when_parse(optarg, now_us, &o->until_us, e);
	case OPT_CASE:
		return set_case(o, optarg, e);
	case OPT_NO_PAGER:
		o->no_pager = true;
		return 0;
	case OPTION_STORE:
		o->store = optarg;
		return 0;
	case OPT_UTC:
		o->form.utc = true;
		return 0;
	default:
		return 1;
	}
}

int show_options_parse(struct show_options *o, int argc, char **argv, int64_t now_us, struct err *e)
{
	bool lines_given = false;
	int c, r;

	memset(o, 0, sizeof(*o));
	o->lines = SHOW_ALL;
	o->severity_to = 7;
	option_begin();
	while ((c = option_parse(argc, argv, &show_command, e)) != OPTION_END) {
		if (c == OPTION_BAD || c == OPTION_HELP)
			return c == OPTION_BAD ? -EINVAL : 1;
		r = set_option(o, c, argc, argv, now_us, e);
		if (r)
			return r;
		lines_given |= c == 'n';
	}
	if (argc - optind != 1)
		return err_set(e, EINVAL, "show: whose records? give the NAME of one ledger");
	o->name = argv[optind];
	if (o->follow && o->form.reverse)
		return err_set(e, EINVAL, "-f and -r do not go together");
	if (o->follow && !lines_given && !o->has_since)
		o->lines = LINES_DEFAULT;
	return 0;
}
