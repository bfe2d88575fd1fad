/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show_options_fuzz.c - the command line of show: arguments separated by NUL, then a text to search.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show.h"

#define ARGS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *copy = malloc(n + 1), *argv[ARGS + 2] = {"show"}, *p = copy, *end = copy + n;
	struct pattern *pattern = NULL;
	struct show_options o;
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
	if (show_options_parse(&o, argc, argv, 1795475944000000, &e) == 0 && o.grep &&
	    strlen(o.grep) < 64 && pattern_compile(&pattern, o.grep, o.grep_case, &e) == 0) {
		struct span text = {(const char *)data, n};

		/* a match has the literal, or characters that fold to it */
		if (pattern_match(pattern, text) && *pattern_literal(pattern) &&
		    !pattern_literal_unsure(pattern, text) &&
		    pattern_find_literal(pattern, text, 0) == text.n)
			abort();
		pattern_free(pattern);
	}
	free(copy);
	return 0;
}
