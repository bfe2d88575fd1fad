/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/harmless.h"
#include "record/record.h"

int cli_fail(const struct err *e)
{
	fputs("logvisor: ", stderr);
	harmless_put(stderr, span_of(e->text), false, HARMLESS_ONE_LINE);
	fputc('\n', stderr);
	return EXIT_TROUBLE;
}

int cli_failf(const char *fmt, ...)
{
	struct err e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	return cli_fail(&e);
}

void cli_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

int cli_help(const struct command *c)
{
	printf("usage: logvisor %s%s", c->name, c->options ? " [options]" : "");
	if (c->usage)
		printf(" %s", c->usage);
	for (int i = 0; !c->usage && c->operands[i]; i++)
		printf(" %s", c->operands[i]);
	printf("\n\n%s\n", c->description);
	if (c->notes)
		printf("\n%s", c->notes);
	if (c->options)
		putchar('\n');
	option_help(c->options);
	return EXIT_OK;
}

bool cli_operands(const struct command *c, int argc, char **argv)
{
	int n = 0;

	for (; c->operands[n]; n++)
		if (optind + n >= argc) {
			cli_failf("%s: %s is missing; 'logvisor help %s' tells more", c->name,
				c->operands[n], c->name);
			return false;
		}
	if (optind + n == argc)
		return true;
	cli_failf("%s: '%.80s' is one argument too many; 'logvisor help %s' tells more", c->name,
		argv[optind + n], c->name);
	return false;
}

int cli_output_form(const struct command *c, const char *form, bool *json)
{
	*json = !strcmp(form, "json");
	if (*json || !strcmp(form, "text"))
		return EXIT_OK;
	return cli_failf("%s: '%.80s' is not an output form: text json", c->name, form);
}

int cli_store(const char *opt, char *buf, unsigned long cap, struct err *e)
{
	const char *env = getenv("LOGVISOR_STORE"), *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (opt && !*opt)
		return err_set(e, EINVAL, "--store: the name of a directory is wanted");
	if (opt)
		n = snprintf(buf, cap, "%s", opt);
	else if (env && *env)
		n = snprintf(buf, cap, "%s", env);
	else if (geteuid() == 0)
		n = snprintf(buf, cap, "/var/lib/logvisor");
	else if (xdg && *xdg == '/') /* a relative one is to be ignored: XDG base directories */
		n = snprintf(buf, cap, "%s/logvisor", xdg);
	else if (home && *home)
		n = snprintf(buf, cap, "%s/.local/state/logvisor", home);
	else
		return err_set(e, ENOENT, "no store directory: give --store DIR or set LOGVISOR_STORE");
	if (n < 0 || (unsigned long)n >= cap)
		return err_set(e, ENAMETOOLONG, "the store directory's name is too long");
	return 0;
}

int cli_ledger_path(const char *store_opt, const char *name, char *buf, unsigned long cap,
	struct err *e)
{
	char store[4096];
	int n, r;

	if (!record_name_ok(name))
		return err_set(e, EINVAL,
			"'%.80s' is not a VM name: 1-64 of A-Z a-z 0-9 . _ -, beginning with a "
			"letter or digit", name);
	r = cli_store(store_opt, store, sizeof(store), e);
	if (r)
		return r;
	n = snprintf(buf, cap, "%s/%s", store, name);
	if (n < 0 || (unsigned long)n >= cap)
		return err_set(e, ENAMETOOLONG, "the store directory's name is too long");
	return 0;
}

int cli_ledger_there(const char *store_opt, const char *name, char *buf, unsigned long cap,
	struct err *e)
{
	int r = cli_ledger_path(store_opt, name, buf, cap, e);

	if (r)
		return r;
	if (access(buf, F_OK) && errno == ENOENT)
		return err_set(e, ENOENT, "%.64s: no ledger of that name in %.*s; 'logvisor list' shows what is there",
			name, (int)(strlen(buf) - strlen(name) - 1 < 300 ? strlen(buf) - strlen(name) - 1 : 300), buf);
	return 0;
}
