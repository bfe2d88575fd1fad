/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h - the commands. Each has one file and one function x_main(argc, argv), argv[0] being the
 * command's name; main.c holds the table.
 *
 * Exit status everywhere: 0 ok, 1 a finding (altered, lost, differs), 2 trouble.
 */
#ifndef LOGVISOR_CLI_CLI_H
#define LOGVISOR_CLI_CLI_H

#include <stdbool.h>

#include "util/err.h"

enum { EXIT_OK = 0, EXIT_FINDING = 1, EXIT_TROUBLE = 2 };

struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *usage; /* after the name: "NAME=TARGET [--store DIR]" */
	const char *description;
};

extern const struct command commands[];

/* Print "logvisor: <text>\n" to stderr with control bytes made harmless. Returns EXIT_TROUBLE. */
int cli_fail(const struct err *e);
int cli_failf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* @s to stdout as a JSON string; what is not printable ASCII as \u00NN, a byte each. */
void cli_json_string(const char *s);

/* "usage: logvisor NAME ARGS" and how to get help, to stderr. Returns EXIT_TROUBLE. */
int cli_usage(const char *command);

/*
 * The store directory: @opt (from --store) if not NULL, else $LOGVISOR_STORE, else
 * /var/lib/logvisor for root, else $XDG_STATE_HOME/logvisor, else ~/.local/state/logvisor.
 * Fills @buf; 0 or -ENAMETOOLONG/-ENOENT with @e. Creates nothing.
 */
int cli_store(const char *opt, char *buf, unsigned long cap, struct err *e);

/* STORE/NAME, after checking NAME (record_name_ok). */
int cli_ledger_path(const char *store_opt, const char *name, char *buf, unsigned long cap,
	struct err *e);

int attach_main(int argc, char **argv);
int detach_main(int argc, char **argv);
int list_main(int argc, char **argv);
int list_host(bool json); /* list --host */
int doctor_main(int argc, char **argv);
int inspect_main(int argc, char **argv);
int show_main(int argc, char **argv);
int verify_main(int argc, char **argv);
int prove_main(int argc, char **argv);
int check_proof_main(int argc, char **argv);
int export_main(int argc, char **argv);
int help_main(int argc, char **argv);
int version_main(int argc, char **argv);

#endif
