/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "cli/cli.h"
#include "trap/trap.h"

int version_main(int argc, char **argv)
{
	const char *name;

	(void)argv;
	if (argc > 1)
		return cli_usage("version");
	printf("logvisor " VERSION "\nbackends:");
	for (unsigned int i = 0; (name = trap_backend_name(i)); i++)
		printf(" %s", name);
	putchar('\n');
	return EXIT_OK;
}
