/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/option.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define HELP_COLUMN 23

enum { KEY_HELP = OPTION_LONG + 1000 };

/* getopt_long()'s two tables. */
struct tables {
	struct option longs[OPTIONS_MAX + 2];
	char shorts[3 * OPTIONS_MAX + 3];
};

static int argument_kind(const struct cli_option *o)
{
	return !o->arg ? no_argument : *o->arg == '[' ? optional_argument : required_argument;
}

static void make_tables(const struct cli_option *o, struct tables *t)
{
	char *s = t->shorts;
	unsigned int n = 0;

	*s++ = ':'; /* tell a missing argument from an unknown option */
	*s++ = 'h';
	for (; o && o->name && n < OPTIONS_MAX; o++) {
		int kind = argument_kind(o);

		t->longs[n++] = (struct option){o->name, kind, NULL, o->key};
		if (o->key >= OPTION_LONG)
			continue;
		*s++ = (char)o->key;
		for (int i = 0; i < kind; i++) /* required_argument is 1, optional_argument 2 */
			*s++ = ':';
	}
	*s = 0;
	t->longs[n++] = (struct option){"help", no_argument, NULL, KEY_HELP};
	t->longs[n] = (struct option){NULL, 0, NULL, 0};
}

static const struct cli_option *by_key(const struct command *c, int key)
{
	for (const struct cli_option *o = c->options; o && o->name; o++)
		if (o->key == key)
			return o;
	return NULL;
}

static int see_help(const struct command *c, const char *what, const char *option, struct err *e)
{
	return err_set(e, EINVAL, "%s: %s %.80s; 'logvisor help %s' lists them", c->name, what, option,
		c->name);
}

static int lacks(const struct command *c, struct err *e)
{
	const struct cli_option *o = by_key(c, optopt);

	if (!o)
		return see_help(c, "an argument is missing for", "an option", e);
	return err_set(e, EINVAL, "%s: --%s needs an argument: --%s %s", c->name, o->name, o->name, o->arg);
}

/* A word that begins with two dashes: what is it the beginning of? */
static int bad_long(const struct command *c, const char *word, struct err *e)
{
	size_t n = strcspn(word + 2, "=");
	char names[160] = "";
	unsigned int found = 0;

	for (const struct cli_option *o = c->options; o && o->name; o++) {
		size_t used = strlen(names);

		if (strncmp(o->name, word + 2, n) != 0)
			continue;
		snprintf(names + used, sizeof(names) - used, " --%s", o->name);
		found++;
	}
	if (found > 1 && !word[2 + n])
		return err_set(e, EINVAL, "%s: option %.80s may be any of%s", c->name, word, names);
	if (found || !strncmp("help", word + 2, n))
		return err_set(e, EINVAL, "%s: option %.*s takes no argument", c->name,
			(int)(n < 78 ? n + 2 : 80), word);
	return see_help(c, "unknown option", word, e);
}

static int bad(const struct command *c, char **argv, struct err *e)
{
	const char *word = optind > 0 ? argv[optind - 1] : "";
	char letter[3] = {'-', (char)optopt, 0};

	/* A letter is told by optopt; for a long option it is 0, or the option's own key. */
	if (!strncmp(word, "--", 2) && (!optopt || optopt >= OPTION_LONG || by_key(c, optopt)))
		return bad_long(c, word, e);
	return see_help(c, "unknown option", letter, e);
}

void option_begin(void)
{
	optind = 0; /* glibc: begin anew, with a fresh permutation */
	opterr = 0;
}

int option_parse(int argc, char **argv, const struct command *c, struct err *e)
{
	struct tables t;
	int key;

	make_tables(c->options, &t);
	key = getopt_long(argc, argv, t.shorts, t.longs, NULL);
	if (key == -1)
		return OPTION_END;
	if (key == KEY_HELP || key == 'h')
		return OPTION_HELP;
	if (key != ':' && key != '?')
		return key;
	if (key == ':')
		lacks(c, e);
	else
		bad(c, argv, e);
	return OPTION_BAD;
}

int option_next(int argc, char **argv, const struct command *c, int *status)
{
	struct err e = {""};
	int key = option_parse(argc, argv, c, &e);

	if (key != OPTION_HELP && key != OPTION_BAD)
		return key;
	*status = key == OPTION_HELP ? cli_help(c) : cli_fail(&e);
	return OPTION_STOP;
}

void option_help(const struct cli_option *o)
{
	for (; o && o->name; o++) {
		bool optional = o->arg && *o->arg == '[' && o->key >= OPTION_LONG;
		const char *p = o->help;
		int at;

		at = o->key < OPTION_LONG ? printf("  -%c, --%s", o->key, o->name) : printf("  --%s", o->name);
		if (optional) /* "[TIME]" is written "[=TIME]" where it cannot stand apart */
			at += printf("[=%s", o->arg + 1);
		else if (o->arg)
			at += printf(" %s", o->arg);
		if (at > HELP_COLUMN - 2) {
			putchar('\n');
			at = 0;
		}
		for (; p; at = 0) {
			size_t n = strcspn(p, "\n");

			printf("%*s%.*s\n", HELP_COLUMN - at, "", (int)n, p);
			p = p[n] ? p + n + 1 : NULL;
		}
	}
}
