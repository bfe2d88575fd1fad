/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - the table of commands, and the few things all of them do alike.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{"attach", attach_main, "NAME=TARGET [options]", "protect a running VM's logs"},
	{"detach", detach_main, "NAME [--store DIR]", "end the protection; the VM runs on"},
	{"list", list_main, "[--host] [--json]", "the ledgers of the store, or this host's KVM VMs"},
	{"doctor", doctor_main, "", "can this host's VMs be protected by the kvm backend?"},
	{"inspect", inspect_main, "TARGET [-o json] [--symbols]", "what is found in a guest's memory"},
	{"show", show_main, "[options] NAME", "print the records"},
	{"verify", verify_main, "NAME [options]", "prove that nothing was altered or removed"},
	{"prove", prove_main, "NAME INDEX [-o FILE]", "write a proof for one record"},
	{"check-proof", check_proof_main, "FILE [--vkey KEY]", "check a proof without the ledger"},
	{"export", export_main, "NAME --tiles DIR", "write the standard tlog tile tree"},
	{"help", help_main, "[COMMAND]", "this text, or a command's options"},
	{"version", version_main, "", "version and backends"},
	{NULL, NULL, NULL, NULL},
};

/* What was printed has arrived, or it is trouble: a full disk must not look like success. */
static int flushed(int ret)
{
	if (fflush(stdout) && errno != EPIPE)
		return cli_failf("cannot write: %s", strerror(errno));
	return ret;
}

static bool asks_help(int argc, char **argv)
{
	return argc == 3 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"));
}

int main(int argc, char **argv)
{
	char *help[] = {"help", NULL, NULL};

	opterr = 0; /* the commands say themselves what they do not know */
	if (argc < 2)
		return cli_usage(NULL);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(argv[1], c->name) != 0)
			continue;
		if (!asks_help(argc, argv))
			return flushed(c->main(argc - 1, argv + 1));
		help[1] = argv[1];
		return flushed(help_main(2, help));
	}
	return cli_failf("unknown command '%.80s'; 'logvisor help' lists them", argv[1]);
}
