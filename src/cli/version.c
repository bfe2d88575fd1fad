/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "cli/cli.h"
#include "trap/trap.h"

static int version_main(int argc, char **argv)
{
	const char *name;
	int status;

	option_begin();
	if (option_next(argc, argv, &version_command, &status) == OPTION_STOP)
		return status;
	if (!cli_operands(&version_command, argc, argv))
		return EXIT_TROUBLE;
	printf("logvisor " VERSION "\nbackends:");
	for (unsigned int i = 0; (name = trap_backend_name(i)); i++)
		printf(" %s", name);
	putchar('\n');
	return EXIT_OK;
}

const struct command version_command = {
	.name = "version",
	.main = version_main,
	.description = "version and backends",
};
