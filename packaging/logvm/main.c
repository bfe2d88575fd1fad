/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - the logvisor of the log VM: one command. What is not needed for it is not linked.
 */
#include "cli/cli.h"

#include <string.h>

const struct command *const commands[] = {&mirror_command, NULL};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], mirror_command.name))
		return mirror_command.main(argc - 1, argv + 1);
	return cli_failf("the log VM has one command: %s", mirror_command.name);
}
