/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare.c - where a ledger here and a far log part: down from the highest hashes, over those that are equal, into
 * the first that is not.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ledger/file.h"
#include "ledger/hashes.h"
#include "mirror/read/far.h"

/* Is hash @index of @level the same on both sides? 1, 0, or -errno with @e. */
static int same_hash(struct far *f, struct hashes *h, unsigned level, uint64_t index, struct err *e)
{
	struct hash here, there;
	int r = hashes_read(h, level, index, 1, &here);

	if (r && r != -ENODATA)
		return err_set(e, -r, "cannot read the hashes: %s", file_strerror(r));
	if (r)
		return 0;
	r = far_hash(f, level, index, &there, e);
	return r ? r : !memcmp(&here, &there, sizeof(here));
}

int far_compare(struct far *f, int dir, uint64_t size, uint64_t *same, struct err *e)
{
	uint64_t n = size < f->checkpoint.size ? size : f->checkpoint.size, at = 0;
	struct hashes h;
	int r = 1;

	hashes_open(&h, dir);
	for (unsigned level = LAYOUT_LEVELS; level-- > 0 && r >= 0;) {
		uint64_t i = at >> (8 * level);

		/* Equal ones are passed; within the one that differs it goes on below. */
		for (r = 1; r == 1 && i < n >> (8 * level); i += r == 1)
			r = same_hash(f, &h, level, i, e);
		at = i << (8 * level);
	}
	hashes_close(&h);
	*same = at;
	return r < 0 ? r : 0;
}
