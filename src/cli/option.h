/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option.h - the options of a command. One table says how they are parsed and what help prints of them,
 * so that the two cannot differ; -h, --help is every command's.
 */
#ifndef LOGVISOR_CLI_OPTION_H
#define LOGVISOR_CLI_OPTION_H

#include "util/err.h"

struct command;

struct cli_option {
	int key;          /* its letter, or one of the command's own numbers from OPTION_LONG on */
	const char *name; /* the long one, without the dashes; NULL ends the table */
	const char *arg;  /* what it takes: "TIME"; "[TIME]": may be left out; NULL: nothing */
	const char *help; /* one line or more */
};

enum {
	OPTION_END = -1,  /* no option is left: `optind` is at the first operand */
	OPTION_HELP = -2, /* help is wanted, and nothing else */
	OPTION_BAD = -3,
	OPTION_STOP = -4, /* the command is not to be carried out */
	OPTION_LONG = 256,
	OPTION_STORE = 1024,
	OPTION_FROM,
	OPTION_MIRROR_CLIENT,
	OPTION_MIRROR,
	OPTION_WITNESS,
	OPTION_POLICY,
};

#define OPTIONS_MAX 63

#define CLI_OPTION_STORE                                                                           \
	{OPTION_STORE, "store", "DIR",                                                             \
		"where the ledgers are (else $LOGVISOR_STORE, else\n"                               \
		"/var/lib/logvisor for root, else $XDG_STATE_HOME/logvisor)"}

/* Before the first option_next() of a command line. */
void option_begin(void);

/*
 * The next option of @argv by @c's table: its key, with `optarg` as getopt_long(3) sets it; or OPTION_END,
 * OPTION_HELP, or OPTION_BAD with @e: unknown, ambiguous, it lacks what it takes, or takes nothing.
 */
int option_parse(int argc, char **argv, const struct command *c, struct err *e);

/*
 * The same with the answers of every command: for OPTION_HELP and OPTION_BAD help, or the error, is
 * printed, and OPTION_STOP returned, with what main is to return in *@status.
 */
int option_next(int argc, char **argv, const struct command *c, int *status);

/* The table, for people. */
void option_help(const struct cli_option *o);

#endif
