/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show_values.c - show -F and -N: the values of a field, or the names of all fields, in the records that are
 * selected. All of those are read.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/show.h"
#include "cli/unique.h"
#include "record/harmless.h"

/* Print @s, if it is a new one, on a line. */
static int tell(struct unique *seen, struct span s)
{
	int r = unique_add(seen, s);

	if (r <= 0)
		return r;
	harmless_put(stdout, s, false, HARMLESS_ONE_LINE);
	putchar('\n');
	return 0;
}

static int tell_record(const struct show_options *o, struct unique *seen, const struct pane *v)
{
	static struct form_fields fields;
	struct form f = {.kind = FORM_JSON};
	int r = 0;

	if (o->action == SHOW_VALUES)
		form_fields_named(&v->r, v->index, span_of(o->field), &fields);
	else
		form_fields(&f, &v->r, v->index, &fields);
	for (size_t i = 0; !r && i < fields.n && seen->n < o->lines; i++) {
		struct span key = form_field_key(&fields.field[i]);

		if (o->action == SHOW_VALUES)
			r = tell(seen, fields.field[i].value);
		else if (!form_field_is_address(key))
			r = tell(seen, key);
	}
	return r;
}

int show_values(const struct show_options *o, struct panes *panes)
{
	struct unique seen = {NULL, 0, 0, 0};
	struct err e = {""};
	struct pane *v;
	int r = show_choose_boots(o, panes, &e), status = EXIT_OK;

	if (r)
		return cli_fail(&e);
	for (size_t i = 0; i < panes->n; i++) {
		v = panes->pane[i];
		v->form.all = true;
		show_range(o, v, &v->from, &v->to);
		pane_begin(v, v->from, v->to, false);
	}
	while (!r && seen.n < o->lines && (v = panes_next(panes)))
		r = tell_record(o, &seen, v);
	unique_free(&seen);
	if (r == -E2BIG)
		return cli_failf("more than %u MiB of different values: narrow it down, by -S, -b or a match",
			(unsigned int)(UNIQUE_MAX >> 20));
	if (r)
		return cli_failf("out of memory");
	for (size_t i = 0; i < panes->n; i++) {
		pane_finish(panes->pane[i]);
		if (panes->pane[i]->undecided)
			status = EXIT_TROUBLE;
		else if (panes->pane[i]->damages && !status)
			status = EXIT_FINDING;
	}
	return status;
}
