/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show.h - what `logvisor show` was asked for, and the parts that do it.
 */
#ifndef LOGVISOR_CLI_SHOW_H
#define LOGVISOR_CLI_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/boots.h"
#include "cli/from.h"
#include "cli/option.h"
#include "cli/pattern.h"
#include "cli/select.h"
#include "cli/pane.h"
#include "record/form.h"
#include "util/err.h"

#define SHOW_ALL UINT64_MAX
#define SHOW_FIELDS_MAX 64

enum show_action {
	SHOW_RECORDS,
	SHOW_BOOTS,       /* --list-boots */
	SHOW_VALUES,      /* -F */
	SHOW_FIELD_NAMES, /* -N */
	SHOW_HEADER,
	SHOW_DISK_USAGE,
	SHOW_HELP,
	SHOW_HELP_OUTPUT,   /* -o help */
	SHOW_HELP_FACILITY, /* --facility=help */
};

struct show_options {
	enum show_action action;
	char **names; /* of ledgers, in argv; with `merge` and none: all of the store */
	size_t n_names;
	bool merge;
	const char *store;
	struct from from;

	struct selection select; /* without the pattern */
	const char *grep;
	enum pattern_case grep_case;
	struct boot_choice boot;
	const char *cursor, *cursor_file;
	bool after_cursor; /* begin behind `cursor`, not at it */

	uint64_t lines; /* so many, or SHOW_ALL */
	bool lines_first; /* the first, not the last ones */
	bool follow, show_cursor, quiet, pager_end, no_pager;
	struct form form; /* `only` points to the next */
	struct span only[SHOW_FIELDS_MAX];
	const char *field; /* of SHOW_VALUES */
};

extern const struct cli_option show_option_table[];

/*
 * Parse the command line; words of @argv are moved. 0; or -EINVAL with @e. @now_us is what relative times
 * are relative to.
 */
int show_options_parse(struct show_options *o, int argc, char **argv, int64_t now_us, struct err *e);

/* ---- the actions; each returns what main is to return ---- */

int show_records(struct show_options *o, struct panes *panes);
int show_boots(const struct show_options *o, const struct panes *panes);
int show_values(const struct show_options *o, struct panes *panes);
int show_header(const struct show_options *o);

/* Set the boot that is wanted of each ledger, and begin a walk over the time that is. -errno with @e. */
int show_choose_boots(const struct show_options *o, const struct panes *panes, struct err *e);
void show_range(const struct show_options *o, const struct pane *v, uint64_t *from, uint64_t *to);

#endif
