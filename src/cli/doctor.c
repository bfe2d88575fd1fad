/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor.c - logvisor doctor: can this host's VMs be protected by the kvm backend? */
#include <stdio.h>

#include "cli/cli.h"
#include "trap/kvm/host.h"
#include "util/sandbox.h"

static void print(void *ctx, const struct host_check *c)
{
	(void)ctx;
	printf("%-4s %-14s%s\n", c->ok ? "ok" : "NO", c->what, c->text);
}

int doctor_main(int argc, char **argv)
{
	int bad, abi;

	if (argc != 1)
		return cli_usage(argv[0]);
	bad = host_doctor(print, NULL);
	abi = sandbox_landlock();
	if (abi)
		printf("%-4s %-14sLandlock, ABI %d: a worker reaches its own ledger's files and no others\n",
			"ok", "isolation", abi);
	else
		printf("%-4s %-14sno Landlock (Linux 5.13 or newer, with landlock among its lsm=): what keeps "
			"a worker from other VMs' ledgers is the store directory's mode\n", "-", "isolation");
	if (bad)
		printf("%d of these keep the kvm backend from working here; the gdb backend needs none of them\n",
			bad);
	return bad ? EXIT_FINDING : EXIT_OK;
}
