/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reconcile.c - is what the traps brought what the guest's log holds? Root in the guest can come to a trap
 * with a record of its own making, under the number that the kernel will give to the next one. So each copy,
 * stored at once, is compared with the ring at the next poll. Where they differ, one of them is forged or
 * was altered since: both are stored, and an alert says so.
 *
 * Polls read three ranges for many records, which costs less than nine tenths of reading them one by one.
 */
#include <inttypes.h>
#include <string.h>

#include "source/printk/impl.h"

#define BATCH 64
#define TEXT_MAX (1u << 14) /* of the texts of a batch; what is beyond is read by itself */
#define PATIENCE_US 2000000 /* a record copied as final, and still in the writing: for so long it is waited for */

/* Copies of parts of the ring. */
struct batch {
	const struct fetch_mem *m;
	struct part {
		uint64_t gva, len;
		uint8_t *bytes;
	} part[3];
	uint8_t descs[BATCH * PRB_DESC_SIZE], infos[BATCH * PRB_INFO_MAX], text[TEXT_MAX];
};

static int read_batch(void *ctx, uint64_t gva, void *buf, size_t len)
{
	const struct batch *b = ctx;

	for (unsigned i = 0; i < 3; i++)
		if (gva - b->part[i].gva < b->part[i].len && len <= b->part[i].len - (gva - b->part[i].gva)) {
			memcpy(buf, b->part[i].bytes + (gva - b->part[i].gva), len);
			return 0;
		}
	return b->m->read(b->m->ctx, gva, buf, len);
}

static void load(struct batch *b, unsigned i, uint64_t gva, uint64_t len, uint8_t *bytes)
{
	if (!b->m->read(b->m->ctx, gva, bytes, len))
		b->part[i] = (struct part){gva, len, bytes};
}

/* Copy what records [@seq, @seq + n) need, as far as it lies in one piece; returns n, at most @max. */
static unsigned load_batch(struct batch *b, const struct printk *p, uint64_t seq, uint64_t max)
{
	const struct prb_geometry *g = &p->l.g;
	uint64_t to_end = g->desc_mask + 1 - (prb_seq_to_id(g, seq) & g->desc_mask);
	unsigned n = (unsigned)(max < BATCH ? max : BATCH);
	struct prb_desc_copy first, last;
	uint64_t from, len;

	n = to_end < n ? (unsigned)to_end : n;
	b->m = &p->m;
	memset(b->part, 0, sizeof(b->part));
	load(b, 0, prb_desc_gva(g, prb_seq_to_id(g, seq)), n * PRB_DESC_SIZE, b->descs);
	load(b, 1, prb_info_gva(g, prb_seq_to_id(g, seq)), (uint64_t)n * g->info_size, b->infos);
	memcpy(&first, b->descs, sizeof(first));
	memcpy(&last, b->descs + (size_t)(n - 1) * PRB_DESC_SIZE, sizeof(last));
	from = first.begin & g->data_mask;
	len = last.next - first.begin;
	if (b->part[0].len && len <= TEXT_MAX && len <= g->data_mask + 1 - from)
		load(b, 2, g->data + from, len, b->text);
	return n;
}

int printk_differs(struct printk *p, uint64_t seq, int64_t now_us, struct err *e)
{
	return printk_alert(p, now_us, e, "copy-differs",
		"record %" PRIu64 " came to the trap with another text than it has in the guest's log, or twice: one "
		"is forged, or was altered since; both are stored", seq);
}

/* Does the ring hold a record @seq, final, that is not the one emitted? */
static bool other(struct printk *p, uint64_t seq)
{
	const char *why;

	return printk_read(&p->l, &p->m, seq, false, &p->entry, &why) == PRINTK_WHOLE &&
		!printk_known(p, &p->entry);
}

/* Record p->reconciled is not what was emitted, read in haste: look again. */
static int look_again(struct printk *p, int64_t now_us, struct err *e)
{
	int r;

	if (!p->whole)
		return SOURCE_DOUBT;
	/* Two in a row: another course of events rather than one forged record. */
	if (p->reconciled + 1 < p->want && other(p, p->reconciled + 1) && other(p, p->reconciled))
		return PRINTK_REWOUND;
	if (!other(p, p->reconciled))
		return PRINTK_DONE; /* it was being overwritten */
	r = printk_differs(p, p->reconciled, now_us, e);
	if (!r)
		r = printk_emit(p, &p->entry, RECORD_DIFFERS, now_us, e);
	return r ? r : PRINTK_DONE;
}

/* The ring does not have record p->reconciled yet, although it was copied when it was finished. */
static int wait_for_it(struct printk *p, int64_t now_us, struct err *e)
{
	int r;

	if (!p->reconciled_us || now_us < p->reconciled_us)
		p->reconciled_us = now_us;
	if (now_us - p->reconciled_us < PATIENCE_US)
		return PRINTK_WAIT;
	r = printk_alert(p, now_us, e, "copy-differs",
		"record %" PRIu64 " came to the trap when it was finished, but for %d s the guest's log does not have "
		"it: forged, or its writer did not come back", p->reconciled, PATIENCE_US / 1000000);
	return r ? r : PRINTK_DONE;
}

static int compare(struct printk *p, const struct fetch_mem *m, int64_t now_us, struct err *e)
{
	const char *why;

	switch (printk_read(&p->l, m, p->reconciled, true, &p->entry, &why)) {
	case PRINTK_WHOLE:
		if (!printk_known(p, &p->entry))
			return look_again(p, now_us, e);
		p->confirmed = p->reconciled + 1;
		return PRINTK_DONE;
	case PRINTK_COMMITTED:
	case PRINTK_RESERVED:
	case PRINTK_FUTURE:
		return wait_for_it(p, now_us, e);
	default:
		return PRINTK_DONE; /* overwritten: it cannot be told any more */
	}
}

int printk_reconcile(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head, tail;
	struct batch b;
	struct fetch_mem m = {read_batch, &b};
	int r = PRINTK_DONE;

	if (p->reconciled >= p->want || printk_bounds(&p->l, &p->m, p->want, &head, &tail))
		return 0;
	if (p->reconciled < tail)
		p->reconciled = tail < p->want ? tail : p->want;
	if (p->want - p->reconciled > p->history_mask)
		p->reconciled = p->want - p->history_mask;
	while (r == PRINTK_DONE && p->reconciled < p->want) {
		unsigned n = load_batch(&b, p, p->reconciled, p->want - p->reconciled);

		while (n-- && (r = compare(p, &m, now_us, e)) == PRINTK_DONE) {
			p->reconciled++;
			p->reconciled_us = 0;
		}
	}
	return r == PRINTK_DONE ? PRINTK_WAIT : r;
}
