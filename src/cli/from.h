/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * from.h - ledgers from a mirror instead of the store: fetched, each record proven, into a store for this command
 * alone, which then does what it always does.
 */
#ifndef LOGVISOR_CLI_FROM_H
#define LOGVISOR_CLI_FROM_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/option.h"
#include "mirror/read/fetch.h"

#define CLI_OPTION_MIRROR_CLIENT                                                                   \
	{OPTION_MIRROR_CLIENT, "mirror-client", "DIR",                                             \
		"our certificate for it, as 'logvisor mirror add' makes it\n"                        \
		"(else $LOGVISOR_MIRROR_CLIENT)"}

#define CLI_OPTIONS_FROM                                                                           \
	{OPTION_FROM, "from", "URL", "what this mirror has, not what the store has"},              \
	CLI_OPTION_MIRROR_CLIENT

struct from {
	const char *url, *client; /* NULL: none */
};

/* Take option @c of CLI_OPTIONS_FROM; false if it is none of them. */
bool from_option(struct from *o, int c);

/* A mirror spoken to. */
struct from_mirror {
	struct http *http;
	struct far_server server;
	struct vkey cosigner; /* of the client directory's file mirror.vkey */
	struct far_trust trust;
	bool listed;            /* it says what it lets us read: */
	struct fetch_log *logs;
	size_t n_logs;
};

/* Open the mirror at o->url. 0 or -errno with @e; from_mirror_close() in any case. */
int from_mirror_open(struct from_mirror *m, const struct from *o, struct err *e);
void from_mirror_close(struct from_mirror *m);

/*
 * Open the log of VM @name there; @key: the one it has to have, or NULL. Where the mirror does not list its logs, it
 * is looked for by @origin (NULL: by the key's name, else by the VM's). As far_open().
 */
int from_mirror_log(struct from_mirror *m, const char *name, const char *origin, const struct vkey *key, struct far *f,
	struct err *e);

/*
 * With o->url: fetch the ledgers of @names (all that the mirror lists, if @n is 0) into a directory of their own,
 * which takes the place of *@store; without it nothing happens. @grows: they go on growing as the mirror's do. The
 * directory is removed when this command has ended, by a process that waits for that; so call it once, before
 * anything is printed. 0, or -errno with @e.
 */
int from_store(const struct from *o, char *const *names, size_t n, bool grows, const char **store, struct err *e);

/* Have @e name the mirror. */
void from_name(const struct from *o, struct err *e);

/* Say that error @r; what main is to return: a finding, if what was served was not what was signed. */
int from_fail(int r, const struct err *e);

#endif
