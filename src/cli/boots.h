/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boots.h - the boots of a guest, as its ledger names them, and the way in which one is asked for:
 * journalctl's -b [[ID][+-OFFSET]|all].
 *
 * A ledger has no index of its boots. The latest is found from the end; for any other all records are read,
 * though not decoded. Records that name no boot (Logvisor's own, before the guest was looked at) belong to
 * none.
 */
#ifndef LOGVISOR_CLI_BOOTS_H
#define LOGVISOR_CLI_BOOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "record/form.h"
#include "util/err.h"

#define BOOT_DIGITS 16

struct boot {
	char id[BOOT_DIGITS + 1];
	int64_t first_us, last_us; /* times of its first and last record, by their place in the ledger */
};

struct boots {
	struct boot *boot; /* in the order of their first records */
	size_t n;
};

/* Which boot is wanted: @offset from the one called @id; without @id 0 is the latest, 1 the first. */
struct boot_choice {
	bool wanted; /* false: all */
	char id[BOOT_DIGITS + 1];
	int64_t offset;
};

/* Read @text. -EINVAL with @e (may be NULL). */
int boot_choice_parse(const char *text, struct boot_choice *c, struct err *e);

/* All boots of the ledger. -ENOMEM with @e. boots_free() in any case. */
int boots_read(struct ledger_reader *reader, struct boots *b, struct err *e);
void boots_free(struct boots *b);

/* The boot that is wanted, into @id. -ENOENT with @e if there is none such. */
int boots_choose(struct ledger_reader *reader, const struct boot_choice *c, char id[BOOT_DIGITS + 1],
	struct err *e);

#endif
