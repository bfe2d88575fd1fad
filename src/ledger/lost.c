/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/lost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/meta.h"
#include "util/cleanup.h"

/* APP-NAME stands among a leaf's first bytes: PRI, TIMESTAMP (36) and HOSTNAME (255 at most) before it. */
#define HEADER_MAX 300
#define APP " logvisor - "

uint64_t lost_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

int lost_total(struct ledger_reader *r, uint64_t most, struct lost_sum *sum, struct err *e)
{
	_cleanup_free_ struct record *rec = malloc(sizeof(*rec));
	_cleanup_free_ char *scratch = malloc(RECORD_LEAF_MAX);
	uint64_t index, first, count, total;
	struct lost_sum since = {0, 0};
	enum meta_kind kind;
	struct span leaf;
	int x;

	*sum = (struct lost_sum){0, 0};
	if (!rec || !scratch)
		return err_set(e, ENOMEM, "out of memory");
	x = ledger_reader_seek(r, ledger_reader_end(r), e);
	if (x)
		return x;
	for (; most; most--) {
		x = ledger_reader_prev(r, &leaf, &index, e);
		if (x < 0)
			return x;
		if (x == 0) {
			*sum = since;
			return 1;
		}
		if (!memmem(leaf.p, leaf.n < HEADER_MAX ? leaf.n : HEADER_MAX, APP, strlen(APP)) ||
			record_decode(leaf.p, leaf.n, rec, scratch, RECORD_LEAF_MAX, NULL))
			continue;
		if (meta_get_gap(rec, &first, &count)) {
			since.lost = lost_add(since.lost, count);
		} else if (meta_is(rec, &kind) && meta_get_u64(rec, META_TOTAL_LOST, &total)) {
			sum->lost = lost_add(total, since.lost);
			sum->blind = since.blind;
			if (meta_get_u64(rec, META_TOTAL_BLIND, &total))
				sum->blind = lost_add(total, since.blind);
			return 1;
		}
		since.blind += meta_is_blind(rec);
	}
	return 0;
}
