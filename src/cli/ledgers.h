/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ledgers.h - the ledgers of a store, by name.
 */
#ifndef LOGVISOR_CLI_LEDGERS_H
#define LOGVISOR_CLI_LEDGERS_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct ledgers {
	char **name; /* sorted */
	size_t n;
};

/*
 * Those of directory @store: what has a VM's name and one of a ledger's files, or had. None if the store is
 * not there. -errno with @e. ledgers_free() in any case.
 */
int ledgers_find(const char *store, struct ledgers *l, struct err *e);
void ledgers_free(struct ledgers *l);

/* The room that the records and hashes of the ledger in @dir take in the file system, in bytes. */
uint64_t ledgers_bytes(const char *dir);

/* @bytes for people: "512B", "1.5K", "20G". */
void ledgers_size_text(uint64_t bytes, char out[16]);

#endif
