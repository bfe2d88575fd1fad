/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * native.h - the fields of an entry as programs send it to journald (sd_journal_send(3)):
 *
 *	KEY=value\n
 *	KEY\n, the value's length as 64 bits little-endian, the value, \n     for values with newlines
 *
 * An empty line ends the entry, and another may follow. (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md)
 */
#ifndef LOGVISOR_RECORD_NATIVE_H
#define LOGVISOR_RECORD_NATIVE_H

#include <stdbool.h>

#include "util/span.h"

struct native_field {
	struct span key, value;
};

/*
 * The next field of *@s, which is cut off. False at the end of the entry, where *@s is what follows it, or where
 * it breaks the format: then *@s is the rest, and not empty. A key is what journald takes from clients:
 * A-Z 0-9 _, neither a digit nor _ first, 64 bytes at most. Others are passed over, as journald does.
 */
bool native_next(struct span *s, struct native_field *out);

/* The first value of @key in the first entry of @datagram; false if it has none. */
bool native_find(struct span datagram, const char *key, struct span *value);

#endif
