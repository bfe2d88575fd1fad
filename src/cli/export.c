/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * export.c - logvisor export NAME --tiles DIR: the standard tile tree (c2sp.org/tlog-tiles).
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "ledger/tiles.h"

int export_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"store", required_argument, NULL, 's'}, {"tiles", required_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	const char *store = NULL, *out = NULL;
	struct tiles_sum sum;
	char dir[4096];
	struct err e;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			store = optarg;
		else if (c == 't')
			out = optarg;
		else
			return cli_usage(argv[0]);
	}
	if (optind + 1 != argc || !out)
		return cli_usage(argv[0]);
	if (cli_ledger_path(store, argv[optind], dir, sizeof(dir), &e))
		return cli_fail(&e);
	r = tiles_export(dir, out, &sum, &e);
	if (r) {
		cli_failf("%s: %s", argv[optind], e.text);
		return r == -EBADMSG ? EXIT_FINDING : EXIT_TROUBLE;
	}
	printf("%s: %" PRIu64 " signed records", argv[optind], sum.size);
	if (sum.first)
		printf(" (the first %" PRIu64 " pruned)", sum.first);
	printf(" in %" PRIu64 " tiles and bundles under %s\n", sum.files, out);
	return EXIT_OK;
}
