/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout.h - the files of a ledger and their fixed-size parts; doc/format.md is the full text.
 *
 *	checkpoint  vkey  key  size  first  lock     the small files, in the ledger's directory
 *	log/NNNNNNNN.entries   segment N: u16 big-endian length and leaf, over and over
 *	log/NNNNNNNN.index     a row for each full bundle (256 leaves) of the segment
 *	log/NNNNNNNN.hashes    32 bytes a leaf: the hashes of level 0
 *	log/hash.L             level L >= 1: 32 bytes for every 256^L leaves, all segments
 */
#ifndef LOGVISOR_LEDGER_LAYOUT_H
#define LOGVISOR_LEDGER_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/tree.h"

#define LAYOUT_PREFIX 2           /* the length before each leaf */
#define LAYOUT_LEAF_MAX 65535
#define LAYOUT_ROW 24             /* bytes of an index row */
#define LAYOUT_ROWS 256           /* rows in a segment */
#define LAYOUT_LEVELS 8           /* 256^8 leaves overflow 64 bits: levels 0-7 and one spare */
#define LAYOUT_SEGMENTS 100000000 /* eight digits */
#define LAYOUT_NAME 64

/* One bundle's row. Times that nobody knows are the whole range, so that a search looks there. */
struct index_row {
	uint64_t end;        /* offset in .entries of the first byte after the bundle */
	int64_t min_us, max_us;
};

#define INDEX_UNKNOWN_MIN INT64_MIN
#define INDEX_UNKNOWN_MAX INT64_MAX

/* "log/NNNNNNNN.<kind>"; @out has LAYOUT_NAME bytes. */
void layout_segment(char *out, uint64_t segment, const char *kind);
void layout_level(char *out, unsigned level);

void index_row_put(const struct index_row *row, uint8_t out[LAYOUT_ROW]);
void index_row_get(const uint8_t in[LAYOUT_ROW], struct index_row *row);

/* Bytes of the `size` file: two records, each in a sector of its own. */
#define LAYOUT_SIZE_SLOT 512
#define LAYOUT_SIZE_TEXT 96

/* The size and root about to be signed. @out has LAYOUT_SIZE_TEXT bytes, all written. */
void layout_size_put(uint64_t size, const struct hash *root, char out[LAYOUT_SIZE_TEXT]);
bool layout_size_get(const char in[LAYOUT_SIZE_TEXT], uint64_t *size, struct hash *root);

#endif
