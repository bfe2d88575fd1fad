/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show.h - what `logvisor show` was asked for.
 */
#ifndef LOGVISOR_CLI_SHOW_H
#define LOGVISOR_CLI_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/option.h"
#include "cli/pattern.h"
#include "record/form.h"
#include "util/err.h"

#define SHOW_ALL UINT64_MAX

extern const struct cli_option show_option_table[];

struct show_options {
	const char *name, *store;
	struct form form;
	uint64_t lines; /* the last so many, or SHOW_ALL */
	bool follow, no_pager;
	bool has_since, has_until, has_boot;
	int64_t since_us, until_us;
	char boot[17]; /* "" with has_boot: the latest one */
	uint8_t severity_from, severity_to;
	const char *grep;
	enum pattern_case grep_case;
};

/*
 * Parse the command line. 0; -EINVAL with @e; or 1 if help was asked for. @now_us is what relative times are relative to.
 */
int show_options_parse(struct show_options *o, int argc, char **argv, int64_t now_us, struct err *e);

#endif
