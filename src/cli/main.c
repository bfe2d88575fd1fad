/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - the table of commands, and the few things all of them do alike.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{"attach", attach_main, "NAME=TARGET [options]", "protect a running VM's logs"},
	{"detach", detach_main, "NAME", "end the protection; the VM runs on"},
	{"list", list_main, "[--json]", "the ledgers of the store and their workers"},
	{"inspect", inspect_main, "TARGET [-o json]", "what is found in a guest's memory"},
	{"show", show_main, "[options] NAME", "print the records"},
	{"verify", verify_main, "NAME [options]", "prove that nothing was altered or removed"},
	{"prove", prove_main, "NAME INDEX", "write a proof for one record"},
	{"check-proof", check_proof_main, "FILE [--vkey KEY]", "check a proof without the ledger"},
	{"export", export_main, "NAME --tiles DIR", "write the standard tlog tile tree"},
	{"help", help_main, "[COMMAND]", "this text, or a command's options"},
	{"version", version_main, "", "version and backends"},
	{NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(NULL);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(argv[1], c->name))
			return c->main(argc - 1, argv + 1);
	cli_failf("unknown command '%s'; 'logvisor help' lists them", argv[1]);
	return EXIT_TROUBLE;
}
