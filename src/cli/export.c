/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * export.c - logvisor export NAME --tiles DIR: the standard tile tree (c2sp.org/tlog-tiles).
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/from.h"
#include "ledger/tiles.h"

enum { OPT_TILES = OPTION_LONG };

static const struct cli_option options[] = {
	{OPT_TILES, "tiles", "DIR", "where to"},
	CLI_OPTION_STORE,
	CLI_OPTIONS_FROM,
	{0, NULL, NULL, NULL},
};

static int export_main(int argc, char **argv)
{
	const char *store = NULL, *out = NULL;
	struct from from = {0};
	struct tiles_sum sum;
	char dir[4096];
	struct err e;
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &export_command, &r)) != OPTION_END) {
		if (c == OPTION_STORE)
			store = optarg;
		else if (c == OPT_TILES)
			out = optarg;
		else if (!from_option(&from, c))
			return r;
	}
	if (!cli_operands(&export_command, argc, argv))
		return EXIT_TROUBLE;
	if (!out)
		return cli_failf("export: where to? give --tiles DIR");
	r = from_store(&from, argv + optind, 1, false, &store, &e);
	if (r)
		return from_fail(r, &e);
	if (cli_ledger_there(store, argv[optind], dir, sizeof(dir), &e))
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

const struct command export_command = {
	.name = "export",
	.main = export_main,
	.description = "write the standard tlog tile tree",
	.options = options,
	.notes = "Writes DIR/checkpoint, DIR/vkey and DIR/tile/..., as c2sp.org/tlog-tiles has them.\n"
		 "(For the records as text or JSON: logvisor show -o.)\n",
	.operands = {"NAME"},
	.usage = "NAME --tiles DIR",
};
