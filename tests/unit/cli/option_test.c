/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_test.c - what is wrong on a command line is named.
 */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/cli.h"

static const struct cli_option table[] = {
	{'o', "output", "FORM", "form"},
	{'n', "lines", "[N]", "lines"},
	{'q', "quiet", NULL, "quiet"},
	{OPTION_LONG, "since", "TIME", "since"},
	{OPTION_LONG + 1, "store-all", NULL, "store"},
	CLI_OPTION_STORE,
	{0, NULL, NULL, NULL},
};
static const struct command command = {.name = "try", .options = table};

/* The keys of the words up to the first that is no option, as text; or the error. */
static const char *parse(const char *words)
{
	static char out[600];
	char *argv[16] = {"try"}, *copy = strdup(words), *save = NULL;
	struct err e = {""};
	int argc = 1, c;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &save); w && argc < 15; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	option_begin();
	while ((c = option_parse(argc, argv, &command, &e)) >= 0)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%c%s%s ", c < OPTION_LONG ? c : '0' + c - OPTION_LONG,
			optarg ? "=" : "", optarg ? optarg : "");
	snprintf(out + n, sizeof(out) - n, "%s", c == OPTION_BAD ? e.text : c == OPTION_HELP ? "help" : "");
	if (c == OPTION_END)
		snprintf(out + n, sizeof(out) - n, "| %d left", argc - optind);
	free(copy);
	return out;
}

static void options(void **state)
{
	(void)state;
	assert_string_equal(parse("NAME -q -ojson -n5 --since x NAME2"), "q o=json n=5 0=x | 2 left");
	assert_string_equal(parse("--out json --lines=3 --lines"), "o=json n=3 n | 0 left");
	assert_string_equal(parse("-q -- -o"), "q | 1 left");
	assert_string_equal(parse("NAME --help"), "help");
	assert_string_equal(parse("-qh"), "q help");
}

static void errors(void **state)
{
	(void)state;
	assert_string_equal(parse("--frob"), "try: unknown option --frob; 'logvisor help try' lists them");
	assert_string_equal(parse("-q -x"), "q try: unknown option -x; 'logvisor help try' lists them");
	assert_string_equal(parse("-qx"), "q try: unknown option -x; 'logvisor help try' lists them");
	assert_string_equal(parse("--since"), "try: --since needs an argument: --since TIME");
	assert_string_equal(parse("-q -o"), "q try: --output needs an argument: --output FORM");
	assert_string_equal(parse("--quiet=1"), "try: option --quiet takes no argument");
	assert_string_equal(parse("--help=1"), "try: option --help takes no argument");
	assert_string_equal(parse("--s"), "try: option --s may be any of --since --store-all --store");
}

static void operands(void **state)
{
	static const struct command c = {.name = "try", .operands = {"NAME", "INDEX"}};
	char *argv[] = {"try", "a", "1", "b"};

	(void)state;
	optind = 1;
	assert_false(cli_operands(&c, 1, argv));
	assert_false(cli_operands(&c, 2, argv));
	assert_true(cli_operands(&c, 3, argv));
	assert_false(cli_operands(&c, 4, argv));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(errors),
		cmocka_unit_test(operands),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
