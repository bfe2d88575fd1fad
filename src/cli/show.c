/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/cli.h"

int show_main(int argc, char **argv)
{
	(void)argc;
	return cli_failf("%s: not built yet", argv[0]);
}
