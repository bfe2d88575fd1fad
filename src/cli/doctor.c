/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor.c - logvisor doctor: can this host's VMs be protected by the kvm backend, or by the xen backend where it is Xen's? */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "trap/kvm/host/host.h"
#include "trap/xen/host.h"
#include "util/sandbox.h"

static const struct cli_option options[] = {
	{'o', "output", "text|json", "json: one object a line"},
	{0, NULL, NULL, NULL},
};

/* @state: "ok"; "NO", which keeps the backend from working; "-", which does not. */
static void tell(bool json, const char *state, const char *what, const char *text)
{
	if (!json) {
		printf("%-4s %-14s%s\n", state, what, text);
		return;
	}
	fputs("{\"check\":", stdout);
	cli_json_string(what);
	printf(",\"ok\":%s,\"text\":", *state == 'o' ? "true" : *state == 'N' ? "false" : "null");
	cli_json_string(text);
	puts("}");
}

static void print(void *ctx, const struct host_check *c)
{
	const bool *json = ctx;

	tell(*json, c->ok ? "ok" : "NO", c->what, c->text);
}

static void print_xen(void *ctx, const char *what, bool ok, const char *text)
{
	tell(*(const bool *)ctx, ok ? "ok" : "NO", what, text);
}

static void tell_isolation(bool json)
{
	int abi = sandbox_landlock();
	char text[256];

	if (abi)
		snprintf(text, sizeof(text),
			"Landlock, ABI %d: a worker reaches its own ledger's files and no others", abi);
	else
		snprintf(text, sizeof(text),
			"no Landlock (Linux 5.13 or newer, with landlock among its lsm=): what keeps a worker "
			"from other VMs' ledgers is the store directory's mode");
	tell(json, abi ? "ok" : "-", "isolation", text);
}

static int doctor_main(int argc, char **argv)
{
	bool json = false, xen;
	int bad, status, c;

	option_begin();
	while ((c = option_next(argc, argv, &doctor_command, &status)) != OPTION_END)
		if (c == OPTION_STOP || (status = cli_output_form(&doctor_command, optarg, &json)))
			return status;
	if (!cli_operands(&doctor_command, argc, argv))
		return EXIT_TROUBLE;
	xen = xen_host(); /* which leaves no room for KVM */
	bad = xen ? xen_doctor(print_xen, &json) : host_doctor(print, &json);
	tell_isolation(json);
	if (bad && !json)
		printf("%d of these keep the %s backend from working here; the gdb backend needs none of them\n",
			bad, xen ? "xen" : "kvm");
	return bad ? EXIT_FINDING : EXIT_OK;
}

const struct command doctor_command = {
	.name = "doctor",
	.main = doctor_main,
	.description = "can this host's VMs be protected, by the kvm or the xen backend?",
	.options = options,
	.notes = "Changes nothing. Exit status 1 if something is missing.\n",
};
