/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - the table of commands, and the few things all of them do alike.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct command *const commands[] = {
	&attach_command,
	&detach_command,
	&list_command,
	&doctor_command,
	&inspect_command,
	&show_command,
	&verify_command,
	&prove_command,
	&check_proof_command,
	&export_command,
	&push_command,
	&mirror_command,
	&restore_command,
	&logvm_command,
	&help_command,
	&version_command,
	NULL,
};

/* What was printed has arrived, or it is trouble: a full disk must not look like success. */
static int flushed(int ret)
{
	if (fflush(stdout) && errno != EPIPE)
		return cli_failf("cannot write: %s", strerror(errno));
	return ret;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: logvisor COMMAND ...\n'logvisor help' lists the commands.\n", stderr);
		return EXIT_TROUBLE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp(argv[1], (*c)->name))
			return flushed((*c)->main(argc - 1, argv + 1));
	return cli_failf("unknown command '%.80s'; 'logvisor help' lists them", argv[1]);
}
