/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list_mirrors.h - what list says of a ledger's mirrors and witnesses: how much each has cosigned, how much is still
 * to come, how old its last cosignature is, and what is in the way. It is read from what the uploaders keep beside
 * the ledger, and proves nothing: verify --policy does.
 */
#ifndef LOGVISOR_CLI_LIST_MIRRORS_H
#define LOGVISOR_CLI_LIST_MIRRORS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Of the ledger in @dir, which has @end records: a line each, indented, or with @json the member ",\"mirrors\":[...]".
 * Nothing if there are none.
 */
void list_mirrors(const char *dir, uint64_t end, bool json);

#endif
