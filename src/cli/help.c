/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * help.c - the list of commands, or one command's options. The man page tells the rest.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static int help_all(void)
{
	puts("Logvisor keeps a virtual machine's logs where the virtual machine cannot reach them.\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-12s %s\n", (*c)->name, (*c)->description);
	puts("\n'logvisor help COMMAND' lists its options; logvisor(1) tells the rest.\n"
	     "Exit status: 0 ok, 1 a finding (altered, lost, damaged), 2 trouble,\n"
	     "3 nothing wrong found by verify, but something cannot be checked any more.");
	return EXIT_OK;
}

static int help_main(int argc, char **argv)
{
	int status;

	option_begin();
	if (option_next(argc, argv, &help_command, &status) == OPTION_STOP)
		return status;
	if (optind == argc)
		return help_all();
	if (optind + 1 != argc)
		return cli_failf("help: '%.80s' is one argument too many: one COMMAND, or none",
			argv[optind + 1]);
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp((*c)->name, argv[optind]))
			return cli_help(*c);
	return cli_failf("unknown command '%.80s'; 'logvisor help' lists them", argv[optind]);
}

const struct command help_command = {
	.name = "help",
	.main = help_main,
	.description = "this text, or a command's options",
	.usage = "[COMMAND]",
};
