/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tiles.h - the ledger as the standard tree of files (c2sp.org/tlog-tiles) that any web server can serve:
 * checkpoint, tile/L/N[.p/W], tile/entries/N[.p/W]; and vkey beside them.
 */
#ifndef LOGVISOR_LEDGER_TILES_H
#define LOGVISOR_LEDGER_TILES_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct tiles_sum {
	uint64_t size, first; /* signed records, and the first one kept */
	uint64_t files;
	uint64_t unreadable;  /* records that the disk does not give */
};

/* Tile index @n as path elements of three digits, "x001/x234/067". @out has 32 bytes. */
void tiles_path(uint64_t n, char *out);

/*
 * Write what the present checkpoint covers to @out, created if it is not there; a tree exported before
 * from the same log is brought up to date, if it is a beginning of this one. The checkpoint comes last. Of
 * bundles that cannot be read the first is told, all else is written but for the checkpoint, and the error is
 * theirs. 0;
 * -EBADMSG: a leaf does not have its stored hash, the hashes do not lead to the signed root, or what is
 * there is the tree of another history or of more records (nothing is written); -ESTALE: that cannot be
 * told, since too much was pruned; -EEXIST: @out is another log's; or another -errno.
 */
int tiles_export(const char *dir, const char *out, struct tiles_sum *sum, struct err *e);

#endif
