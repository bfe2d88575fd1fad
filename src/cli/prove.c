/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prove.c - logvisor prove NAME INDEX [-o FILE]: a record's proof, for someone without the ledger.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/from.h"
#include "ledger/file.h"
#include "ledger/proof.h"
#include "util/cleanup.h"

static int write_out(const char *file, const char *text, size_t n)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (!file)
		return fwrite(text, 1, n, stdout) == n && !fflush(stdout) ? EXIT_OK :
			cli_failf("cannot write the proof: %s", strerror(errno));
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : file_pwrite(fd, text, n, 0);
	return r ? cli_failf("%s: %s", file, strerror(-r)) : EXIT_OK;
}

static const struct cli_option options[] = {
	{'o', "output", "FILE", "there, not to standard output"},
	CLI_OPTION_STORE,
	CLI_OPTIONS_FROM,
	{0, NULL, NULL, NULL},
};

static int prove_main(int argc, char **argv)
{
	const char *store = NULL, *file = NULL;
	_cleanup_free_ char *text = NULL;
	struct from from = {0};
	char dir[4096];
	uint64_t index;
	struct err e;
	size_t n;
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &prove_command, &r)) != OPTION_END) {
		if (c == OPTION_STORE)
			store = optarg;
		else if (c == 'o')
			file = optarg;
		else if (!from_option(&from, c))
			return r;
	}
	if (!cli_operands(&prove_command, argc, argv))
		return EXIT_TROUBLE;
	if (!span_decimal((struct span){argv[optind + 1], strlen(argv[optind + 1])}, &index))
		return cli_failf("'%s' is not a record's index: a number from 0 on", argv[optind + 1]);
	r = from_store(&from, argv + optind, 1, false, &store, &e);
	if (r)
		return from_fail(r, &e);
	if (cli_ledger_there(store, argv[optind], dir, sizeof(dir), &e))
		return cli_fail(&e);
	r = proof_make(dir, index, &text, &n, &e);
	if (r) {
		cli_failf("%s: %s", argv[optind], e.text);
		return r == -EBADMSG ? EXIT_FINDING : EXIT_TROUBLE;
	}
	return write_out(file, text, n);
}

const struct command prove_command = {
	.name = "prove",
	.main = prove_main,
	.description = "write a proof for one record",
	.options = options,
	.notes = "Writes a tlog-proof of record INDEX.\n",
	.operands = {"NAME", "INDEX"},
};
