/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h - the commands. Each has one file and one function x_main(argc, argv), argv[0] being the
 * command's name, with its options, its help and its struct command beside it; main.c holds the table.
 *
 * Exit status everywhere: 0 ok, 1 a finding (altered, lost, differs), 2 trouble.
 */
#ifndef LOGVISOR_CLI_CLI_H
#define LOGVISOR_CLI_CLI_H

#include <stdbool.h>

#include "cli/option.h"
#include "util/err.h"

enum { EXIT_OK = 0, EXIT_FINDING = 1, EXIT_TROUBLE = 2, EXIT_UNCHECKED = 3 };

#define CLI_OPERANDS_MAX 2

struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *description;
	const struct cli_option *options; /* NULL: none */
	const char *notes;                /* help prints them before the options; may be NULL */
	/* What has to stand on the command line beside options, one each, unless `usage` says otherwise. */
	const char *operands[CLI_OPERANDS_MAX + 1];
	const char *usage; /* what may stand there: "NAME... [FIELD=VALUE...]"; NULL: the operands */
};

/* The table of main.c, ended by NULL. Each command is defined beside its x_main(). */
extern const struct command *const commands[];

/* Print "logvisor: <text>\n" to stderr with control bytes made harmless. Returns EXIT_TROUBLE. */
int cli_fail(const struct err *e);
int cli_failf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* @s to stdout as a JSON string; what is not printable ASCII as \u00NN, a byte each. */
void cli_json_string(const char *s);

/* Are there just the operands that @c wants, from argv[optind] on? If not, say which is missing or too many. */
bool cli_operands(const struct command *c, int argc, char **argv);

/* Help of one command, to stdout. Returns EXIT_OK. */
int cli_help(const struct command *c);

/* Is @form, the argument of -o, "json"? EXIT_OK with *@json; EXIT_TROUBLE, and said, if it is not "text" either. */
int cli_output_form(const struct command *c, const char *form, bool *json);

/*
 * The store directory: @opt (from --store) if not NULL, else $LOGVISOR_STORE, else
 * /var/lib/logvisor for root, else $XDG_STATE_HOME/logvisor, else ~/.local/state/logvisor.
 * Fills @buf; 0 or -ENAMETOOLONG/-ENOENT with @e. Creates nothing.
 */
int cli_store(const char *opt, char *buf, unsigned long cap, struct err *e);

/* STORE/NAME, after checking NAME (record_name_ok). */
int cli_ledger_path(const char *store_opt, const char *name, char *buf, unsigned long cap,
	struct err *e);

/* The same, of a ledger that is there: -ENOENT names the store if it is not. */
int cli_ledger_there(const char *store_opt, const char *name, char *buf, unsigned long cap,
	struct err *e);

extern const struct command attach_command, detach_command, list_command, doctor_command, inspect_command,
	show_command, verify_command, prove_command, check_proof_command, export_command, help_command,
	mirror_command, push_command, version_command, restore_command, logvm_command;

int list_host(bool json); /* list --host */

#endif
