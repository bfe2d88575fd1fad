/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show.c - logvisor show: open the ledgers that are asked for, and do with them what is asked.
 */
#include "cli/show.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ledgers.h"
#include "util/clock.h"

static int open_named(const struct show_options *o, char **names, size_t n, struct panes *panes,
	struct err *e)
{
	int r = 0;

	panes->pane = calloc(n + 1, sizeof(struct pane *));
	if (!panes->pane)
		return err_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < n; i++) {
		r = pane_open(&panes->pane[panes->n++], o->store, names[i], e);
		if (r)
			break;
		panes->pane[i]->select = &o->select;
		panes->pane[i]->form = o->form;
	}
	return r;
}

static int open_panes(const struct show_options *o, struct panes *panes, struct err *e)
{
	struct ledgers all;
	char store[4096];
	int r;

	if (o->n_names)
		return open_named(o, o->names, o->n_names, panes, e);
	r = cli_store(o->store, store, sizeof(store), e);
	if (r)
		return r;
	r = ledgers_find(store, &all, e);
	if (!r && !all.n)
		r = err_set(e, ENOENT, "there is no ledger in %.300s", store);
	if (!r)
		r = open_named(o, all.name, all.n, panes, e);
	ledgers_free(&all);
	return r;
}

int show_choose_boots(const struct show_options *o, const struct panes *panes, struct err *e)
{
	for (size_t i = 0; o->boot.wanted && i < panes->n; i++) {
		struct pane *v = panes->pane[i];
		int r = boots_choose(v->reader, &o->boot, v->boot_id, e);

		if (r) {
			err_prefix(e, "%s", v->name);
			return r;
		}
		v->boot = v->boot_id;
	}
	return 0;
}

void show_range(const struct show_options *o, const struct pane *v, uint64_t *from, uint64_t *to)
{
	const struct selection *s = &o->select;
	uint64_t i;

	*from = ledger_reader_first(v->reader);
	*to = ledger_reader_end(v->reader);
	if (s->has_since && (i = ledger_reader_since(v->reader, s->since_us)) > *from)
		*from = i;
	if (s->has_until && (i = ledger_reader_until(v->reader, s->until_us)) < *to)
		*to = i;
}

static int list_forms(void)
{
	for (int k = 0; k < FORM_KINDS; k++)
		puts(form_name((enum form_kind)k));
	return EXIT_OK;
}

/* What the terminal, or what is in its place, can show. */
static void prepare_form(struct form *f)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	setlocale(LC_CTYPE, "");
	f->terminal = isatty(STDOUT_FILENO);
	f->ascii = f->terminal && strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	f->colour = f->terminal && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static int act(struct show_options *o, struct panes *panes)
{
	struct err e = {""};
	int r = from_store(&o->from, o->names, o->n_names, o->follow, &o->store, &e);

	if (r)
		return from_fail(r, &e);
	if (o->action == SHOW_HEADER || o->action == SHOW_DISK_USAGE)
		return show_header(o);
	prepare_form(&o->form);
	r = open_panes(o, panes, &e);
	if (!r && o->grep)
		r = pattern_compile(&o->select.pattern, o->grep, o->grep_case, &e);
	if (r)
		return cli_fail(&e);
	if (o->action == SHOW_BOOTS)
		return show_boots(o, panes);
	if (o->action == SHOW_VALUES || o->action == SHOW_FIELD_NAMES)
		return show_values(o, panes);
	return show_records(o, panes);
}

static int show_main(int argc, char **argv)
{
	struct show_options *o = calloc(1, sizeof(*o));
	struct panes panes = {NULL, 0, false};
	struct err e = {""};
	int r;

	if (!o)
		return cli_failf("out of memory");
	tzset();
	if (show_options_parse(o, argc, argv, clock_wall_us(), &e)) {
		r = cli_fail(&e);
	} else if (o->action == SHOW_HELP) {
		r = cli_help(&show_command);
	} else if (o->action == SHOW_HELP_OUTPUT) {
		r = list_forms();
	} else if (o->action == SHOW_HELP_FACILITY) {
		facility_list();
		r = EXIT_OK;
	} else {
		r = act(o, &panes);
	}
	for (size_t i = 0; i < panes.n; i++)
		pane_close(panes.pane[i]);
	free(panes.pane);
	pattern_free(o->select.pattern);
	free(o);
	return r;
}

const struct command show_command = {
	.name = "show",
	.main = show_main,
	.description = "print the records",
	.options = show_option_table,
	.usage = "NAME... [FIELD=VALUE... [+ FIELD=VALUE...]]",
};
