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

int prove_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"store", required_argument, NULL, 's'}, {"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	const char *store = NULL, *file = NULL;
	_cleanup_free_ char *text = NULL;
	char dir[4096];
	uint64_t index;
	struct err e;
	size_t n;
	int c, r;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c == 's')
			store = optarg;
		else if (c == 'o')
			file = optarg;
		else
			return cli_usage(argv[0]);
	}
	if (optind + 2 != argc)
		return cli_usage(argv[0]);
	if (!span_decimal((struct span){argv[optind + 1], strlen(argv[optind + 1])}, &index))
		return cli_failf("'%s' is not a record's index: a number from 0 on", argv[optind + 1]);
	if (cli_ledger_path(store, argv[optind], dir, sizeof(dir), &e))
		return cli_fail(&e);
	r = proof_make(dir, index, &text, &n, &e);
	if (r) {
		cli_failf("%s: %s", argv[optind], e.text);
		return r == -EBADMSG ? EXIT_FINDING : EXIT_TROUBLE;
	}
	return write_out(file, text, n);
}
