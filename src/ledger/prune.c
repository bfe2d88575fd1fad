/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prune.c - retention (c2sp.org/tlog-tiles, "Pruning"): the oldest segments go, the tree stays. The
 * hashes of levels 1 and up are kept for ever, and with them every proof for what remains.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/ledger.h"
#include "ledger/writer.h"
#include "util/cleanup.h"

/* Bytes of the entries of @segment; 0 if it has none. */
static uint64_t segment_bytes(const struct ledger *l, uint64_t segment)
{
	char name[LAYOUT_NAME];
	struct stat st;

	layout_segment(name, segment, "entries");
	return fstatat(l->dir, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : (uint64_t)st.st_size;
}

/* The latest time in @segment, or the end of time if its index does not tell. */
static int64_t segment_latest(const struct ledger *l, uint64_t segment)
{
	uint8_t raw[LAYOUT_ROWS * LAYOUT_ROW];
	char name[LAYOUT_NAME];
	_cleanup_fd_ int fd = -1;
	struct index_row row;
	int64_t latest = INT64_MIN;

	layout_segment(name, segment, "index");
	fd = file_open(l->dir, name);
	if (fd < 0 || file_pread(fd, raw, sizeof(raw), 0) != sizeof(raw))
		return INT64_MAX;
	for (unsigned i = 0; i < LAYOUT_ROWS; i++) {
		index_row_get(raw + i * LAYOUT_ROW, &row);
		if (row.max_us > latest)
			latest = row.max_us;
	}
	return latest;
}

int ledger_prune(struct ledger *l, uint64_t keep_bytes, int64_t min_time_us, uint64_t *pruned,
	struct err *e)
{
	uint64_t low = l->first / LEDGER_SEGMENT, cut = low, total = 0;
	char text[32];
	int n, r;

	*pruned = 0;
	for (uint64_t s = low; s <= l->segment; s++)
		total += segment_bytes(l, s);
	for (; cut < l->segment && (cut + 1) * LEDGER_SEGMENT <= l->sealed; cut++) {
		if (!(keep_bytes && total > keep_bytes) &&
			!(min_time_us && segment_latest(l, cut) < min_time_us))
			break;
		total -= segment_bytes(l, cut);
	}
	if (cut == low)
		return 0;
	r = writer_sync_levels(l, e);
	if (r)
		return r;
	n = snprintf(text, sizeof(text), "%" PRIu64 "\n", cut * LEDGER_SEGMENT);
	r = file_replace(l->dir, "first", text, (size_t)n, 0644);
	if (r)
		return err_set(e, -r, "ledger: cannot write 'first': %s", strerror(-r));
	r = writer_drop_segments(l, low, cut, e);
	if (r)
		return r;
	*pruned = cut * LEDGER_SEGMENT - l->first;
	l->first = cut * LEDGER_SEGMENT;
	return 0;
}
