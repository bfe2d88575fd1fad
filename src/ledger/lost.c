/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/lost.h"

#include <errno.h>
#include <stdio.h>
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

static bool is_own(struct span leaf)
{
	return memmem(leaf.p, leaf.n < HEADER_MAX ? leaf.n : HEADER_MAX, APP, strlen(APP));
}

/* The totals that @r carries of channels, added to @sum's. False: it carries none. */
static bool take_records(const struct record *r, struct lost_sum *sum)
{
	char name[32];
	uint64_t v;

	snprintf(name, sizeof(name), META_TOTAL_RECORDS "%s", record_channel_name(RECORD_KMSG));
	if (!meta_get_u64(r, name, &v))
		return false;
	for (int ch = RECORD_KMSG; ch < RECORD_CHANNELS; ch++) {
		snprintf(name, sizeof(name), META_TOTAL_RECORDS "%s", record_channel_name(ch));
		if (meta_get_u64(r, name, &v))
			sum->records[ch] = lost_add(sum->records[ch], v);
	}
	return sum->counted = true;
}

/* One of Logvisor's own records, newest first. @had: the total of what was lost was found already; is it now? */
static bool take_own(const struct record *r, struct lost_sum *sum, bool had)
{
	uint64_t first, count, total;
	enum meta_kind kind;

	if (had)
		return true;
	if (meta_get_gap(r, &first, &count))
		sum->lost = lost_add(sum->lost, count);
	sum->blind += meta_is_blind(r);
	if (!meta_is(r, &kind) || !meta_get_u64(r, META_TOTAL_LOST, &total))
		return false;
	sum->lost = lost_add(total, sum->lost);
	if (meta_get_u64(r, META_TOTAL_BLIND, &total))
		sum->blind = lost_add(total, sum->blind);
	return true;
}

int lost_total(struct ledger_reader *r, uint64_t most, struct lost_sum *sum, struct err *e)
{
	_cleanup_free_ struct record *rec = malloc(sizeof(*rec));
	_cleanup_free_ char *scratch = malloc(RECORD_LEAF_MAX);
	enum meta_kind kind;
	struct span leaf;
	uint64_t index;
	bool had = false;
	int x, ch;

	*sum = (struct lost_sum){0};
	if (!rec || !scratch)
		return err_set(e, ENOMEM, "out of memory");
	x = ledger_reader_seek(r, ledger_reader_end(r), e);
	if (x)
		return x;
	for (; most; most--) {
		x = ledger_reader_prev(r, &leaf, &index, e);
		if (x <= 0) {
			sum->counted |= !x;
			return x < 0 ? x : 1;
		}
		if (is_own(leaf)) {
			if (record_decode(leaf.p, leaf.n, rec, scratch, RECORD_LEAF_MAX, NULL))
				continue;
			had = take_own(rec, sum, had);
			if (had && take_records(rec, sum))
				return 1;
			if (meta_is(rec, &kind))
				continue;
		}
		ch = record_peek_channel(leaf.p, leaf.n);
		if (ch > 0)
			sum->records[ch]++;
	}
	return had;
}
