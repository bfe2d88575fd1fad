/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * detach.c - logvisor detach NAME: ask the VM's worker to end, and wait until it has.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "ledger/ledger.h"

#define WAIT_STEP_NS 20000000L
#define WAIT_STEPS 500 /* 10 s */

static int wait_gone(const char *dir, pid_t pid)
{
	const struct timespec step = {0, WAIT_STEP_NS};
	pid_t now;

	for (int i = 0; i < WAIT_STEPS; i++) {
		if (ledger_writer(dir, &now) != 1 || now != pid)
			return 0;
		nanosleep(&step, NULL);
	}
	return -ETIMEDOUT;
}

static const struct cli_option options[] = {
	CLI_OPTION_STORE,
	{0, NULL, NULL, NULL},
};

static int detach_main(int argc, char **argv)
{
	const char *store = NULL, *name;
	struct err e = {""};
	char dir[4096];
	pid_t pid = 0;
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &detach_command, &r)) != OPTION_END) {
		if (c == OPTION_STOP)
			return r;
		store = optarg;
	}
	if (!cli_operands(&detach_command, argc, argv))
		return EXIT_TROUBLE;
	name = argv[optind];
	if (cli_ledger_there(store, name, dir, sizeof(dir), &e))
		return cli_fail(&e);
	r = ledger_writer(dir, &pid);
	if (r < 0)
		return cli_failf("%s: cannot look at its ledger: %s", name, strerror(-r));
	if (r == 0)
		return cli_failf("%s: no worker is attached", name);
	if (kill(pid, SIGTERM))
		return cli_failf("%s: cannot signal its worker, process %d: %s", name, (int)pid,
			strerror(errno));
	if (wait_gone(dir, pid))
		return cli_failf(
			"%s: its worker, process %d, did not end within 10 s", name, (int)pid);
	return EXIT_OK;
}

const struct command detach_command = {
	.name = "detach",
	.main = detach_main,
	.description = "end the protection; the VM runs on",
	.options = options,
	.operands = {"NAME"},
};
