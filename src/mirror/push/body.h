/* SPDX-License-Identifier: BSD-3-Clause */
/* body.h - the request body of add-entries, put together from the ledger's files: entries, and proofs of them. */
#ifndef LOGVISOR_MIRROR_PUSH_BODY_H
#define LOGVISOR_MIRROR_PUSH_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/hashes.h"
#include "ledger/ledger.h"
#include "mirror/wire.h"
#include "util/err.h"

/* A body ends after the package that makes it longer than this, or after WIRE_PACKAGES. */
#define BODY_ENOUGH (4 << 20)

struct body {
	uint8_t *buf; /* owned: body_free() */
	size_t n, cap;
	bool gzip;    /* body_gzip() was called */
	uint64_t from, to, end; /* entries [from, to) of the upload to `end` are in it */
};

/*
 * The beginning of the upload that @head names. 0; -ERANGE: entries of it were pruned, or are not there; -EBADMSG:
 * they or their hashes are damaged; -ENOMEM, or another -errno. @e says which.
 */
int body_build(struct body *b, struct ledger_reader *r, struct hashes *h, const struct wire_head *head, struct err *e);

/* Compress it, as gzip does. 0, -ENOMEM. */
int body_gzip(struct body *b);

void body_free(struct body *b);

#endif
