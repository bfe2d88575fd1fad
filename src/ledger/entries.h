/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * entries.h - walk the length-prefixed leaves of a segment's .entries file, from any entry's offset to
 * where the bytes stop making whole entries.
 */
#ifndef LOGVISOR_LEDGER_ENTRIES_H
#define LOGVISOR_LEDGER_ENTRIES_H

#include <stdint.h>

#include "util/span.h"

struct entries {
	int fd;          /* borrowed */
	uint64_t off;    /* offset of the next entry */
	uint64_t limit;  /* do not read at or beyond this offset */
	uint8_t *buf;
	uint64_t buf_off;
	uint32_t have;
};

/* 0 or -ENOMEM. @limit: UINT64_MAX for the end of the file. */
int entries_open(struct entries *s, int fd, uint64_t off, uint64_t limit);
void entries_close(struct entries *s);

/*
 * The next leaf (valid until the next call): 1, or 0 where no whole entry follows (the end, a torn
 * entry, a length of zero: s->off stays there), or -errno of a failed read.
 */
int entries_next(struct entries *s, struct span *leaf);

#endif
