/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * help.c - the list of commands, and the options of one. The man page tells the rest.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define STORE "  --store DIR          where the ledgers are (else $LOGVISOR_STORE, else\n"                \
	      "                       /var/lib/logvisor for root, else $XDG_STATE_HOME/logvisor)\n"

static const struct {
	const char *command, *text;
} options[] = {
	{"attach",
		"TARGET is kvm:PID, the VMM process of a KVM VM ('logvisor list --host'), or gdb:PATH or\n"
		"gdb:HOST:PORT, the VM's GDB stub. Runs until the VM ends, or until\n"
		"Ctrl-C, SIGTERM or 'logvisor detach'; the VM runs on in any case.\n\n"
		"  --keep SIZE          remove the oldest records beyond so much: 500M, 20G\n"
		"  --keep-time TIME     remove records older than: 12h, 30d, 52w\n"
		"  --heartbeat TIME     write counters into the ledger so often (60s)\n"
		"  --max-hold TIME      hold the VM so long when records cannot be stored, before a gap\n"
		"                       is recorded (1s); 0: never hold it\n"
		"  --on-full hold|gap   when records come faster than they can be taken away, hold the VM\n"
		"                       (default), or never, which is --max-hold 0\n"
		"  --strict             stop the VM for each record in a flood too (gdb)\n" STORE},
	{"detach", STORE},
	{"list",
		"  --host               the KVM VMs of this host instead, whatever their VMM\n"
		"  --json               one object a line\n" STORE},
	{"doctor", "Changes nothing. Exit status 1 if something is missing.\n"},
	{"inspect",
		"TARGET is as for attach. The guest is not changed.\n\n"
		"  -o json              for programs\n"
		"  --symbols            the kernel's symbols instead, as in /proc/kallsyms\n"},
	{"show",
		"  -f, --follow         go on printing as records arrive\n"
		"  -n, --lines [N]      the last N (10); all: every one\n"
		"  -r, --reverse        newest first\n"
		"  -S, --since TIME     not older: \"2026-11-23 10:00:00\", @EPOCH, today, -5min,\n"
		"  -U, --until TIME     not newer            \"1 hour ago\"\n"
		"  -p, --priority P     err: that and graver; warning..crit: a range; or 0-7\n"
		"  -g, --grep PATTERN   Perl-compatible; case counts if it has an upper case letter\n"
		"  --case-sensitive[=yes|no]\n"
		"  -b, --boot[=ID]      the guest's latest boot, or that one\n"
		"  -a, --all            heartbeats too\n"
		"  -o, --output FORM    short short-iso short-monotonic json export cat raw framed\n"
		"  --utc                times in UTC\n"
		"  --no-pager           do not page on a terminal\n" STORE},
	{"verify",
		"  --since-checkpoint FILE\n"
		"                       and that it contains all of that earlier checkpoint\n"
		"  --vkey KEY|FILE      signed by this key, not by the one beside the ledger\n"
		"  -o, --output json    for programs\n"
		"  --threads N          how many at once\n" STORE},
	{"prove",
		"Writes a tlog-proof of record INDEX.\n\n"
		"  -o, --output FILE    there, not to standard output\n" STORE},
	{"check-proof",
		"Needs no ledger. Prints the record that is proven.\n\n"
		"  --vkey KEY|FILE      the ledger's verifier key\n"},
	{"export",
		"Writes DIR/checkpoint, DIR/vkey and DIR/tile/..., as c2sp.org/tlog-tiles has them.\n"
		"(For the records as text or JSON: logvisor show -o.)\n\n"
		"  --tiles DIR          where to\n" STORE},
	{NULL, NULL},
};

static int help_all(void)
{
	puts("Logvisor keeps a virtual machine's logs where the virtual machine cannot reach them.\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-12s %s\n", c->name, c->description);
	puts("\n'logvisor help COMMAND' lists its options; logvisor(1) tells the rest.\n"
	     "Exit status: 0 ok, 1 a finding (altered, lost, damaged), 2 trouble.");
	return EXIT_OK;
}

static int help_one(const struct command *c)
{
	printf("usage: logvisor %s %s\n\n%s\n", c->name, c->usage, c->description);
	for (unsigned int i = 0; options[i].command; i++)
		if (!strcmp(options[i].command, c->name))
			printf("\n%s", options[i].text);
	return EXIT_OK;
}

int help_main(int argc, char **argv)
{
	if (argc > 2)
		return cli_usage("help");
	if (argc < 2)
		return help_all();
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, argv[1]))
			return help_one(c);
	return cli_failf("unknown command '%.80s'; 'logvisor help' lists them", argv[1]);
}
