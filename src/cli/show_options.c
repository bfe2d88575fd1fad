/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/priority.h"
#include "cli/show.h"
#include "cli/when.h"
#include "record/leaf.h"

#define LINES_DEFAULT 10 /* journalctl's */

enum { OPT_NO_PAGER = 256, OPT_UTC, OPT_STORE, OPT_CASE };

static const struct option options[] = {
	{"all", no_argument, NULL, 'a'},
	{"boot", optional_argument, NULL, 'b'},
	{"case-sensitive", optional_argument, NULL, OPT_CASE},
	{"follow", no_argument, NULL, 'f'},
	{"grep", required_argument, NULL, 'g'},
	{"lines", optional_argument, NULL, 'n'},
	{"no-pager", no_argument, NULL, OPT_NO_PAGER},
	{"output", required_argument, NULL, 'o'},
	{"priority", required_argument, NULL, 'p'},
	{"reverse", no_argument, NULL, 'r'},
	{"since", required_argument, NULL, 'S'},
	{"store", required_argument, NULL, OPT_STORE},
	{"until", required_argument, NULL, 'U'},
	{"utc", no_argument, NULL, OPT_UTC},
	{NULL, 0, NULL, 0},
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
		return err_set(e, EINVAL,
			"'%.80s' is not an output form: short short-iso short-monotonic json export "
			"cat raw framed", text);
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
	case OPT_STORE:
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
	optind = 0; /* glibc: begin anew, with a fresh permutation */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "ab::fg:n::o:p:rS:U:", options, NULL)) != -1) {
		r = set_option(o, c, argc, argv, now_us, e);
		if (r)
			return r;
		lines_given |= c == 'n';
	}
	if (argc - optind != 1)
		return 1;
	o->name = argv[optind];
	if (o->follow && o->form.reverse)
		return err_set(e, EINVAL, "-f and -r do not go together");
	if (o->follow && !lines_given && !o->has_since)
		o->lines = LINES_DEFAULT;
	return 0;
}
