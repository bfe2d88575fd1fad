/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * push.c - logvisor push NAME --mirror URL: bring mirrors and witnesses to the ledger's present checkpoint, once. Each
 * in a process of its own, which gives up all it does not need.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/mirrors.h"
#include "mirror/push/uploader.h"

static const struct cli_option options[] = {
	CLI_OPTIONS_MIRRORS,
	CLI_OPTION_STORE,
	{0, NULL, NULL, NULL},
};

static int parse(int argc, char **argv, struct mirrors *m, const char **store)
{
	struct err e;
	int c, status;

	option_begin();
	while ((c = option_next(argc, argv, &push_command, &status)) != OPTION_END) {
		if (c == OPTION_STOP)
			return status;
		if (c == OPTION_STORE)
			*store = optarg;
		else if (mirrors_option(m, c, optarg, &e))
			return cli_fail(&e);
	}
	return cli_operands(&push_command, argc, argv) ? OPTION_END : EXIT_TROUBLE;
}

/* All at once; the worst of what they come to. */
static int push_all(const struct mirrors *m, const char *name, const char *dir)
{
	int worst = EXIT_OK, status;

	fflush(stdout);
	for (unsigned i = 0; i < m->n; i++) {
		const struct uploader o = {name, dir, m->target[i], true, -1, -1};
		pid_t pid = fork();

		if (pid == 0)
			_exit(uploader_run(&o));
		if (pid < 0)
			worst = cli_failf("cannot start the uploader for %s: %s", m->target[i].url, strerror(errno));
	}
	for (;;) {
		pid_t pid = wait(&status);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return worst;
		if (!WIFEXITED(status) || WEXITSTATUS(status) >= EXIT_TROUBLE)
			worst = EXIT_TROUBLE;
		else if (WEXITSTATUS(status) && worst == EXIT_OK)
			worst = EXIT_FINDING;
	}
}

static int push_main(int argc, char **argv)
{
	struct mirrors m = {.n = 0};
	const char *store = NULL;
	char dir[4096];
	struct err e = {""};
	int r = parse(argc, argv, &m, &store);

	if (r != OPTION_END)
		return r;
	if (!m.n)
		return cli_failf("push: to where? --mirror URL or --witness URL is wanted");
	if (cli_ledger_there(store, argv[optind], dir, sizeof(dir), &e) || mirrors_settle(&m, &e))
		r = cli_fail(&e);
	else
		r = push_all(&m, argv[optind], dir);
	mirrors_free(&m);
	return r;
}

const struct command push_command = {
	.name = "push",
	.main = push_main,
	.description = "store a ledger at mirrors, and have witnesses cosign it",
	.options = options,
	.notes = "What is signed now is brought over, and what comes back is kept beside the ledger. 'logvisor attach'\n"
		 "takes the same options and does it all the time.\n",
	.operands = {"NAME"},
};
