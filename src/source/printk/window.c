/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * window.c - copies made in the trap: several vCPUs deliver them slightly out of order, and
 * one record more than once when it is continued. They wait here until it is their turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "source/printk/impl.h"

#define HOLE_MAX 32 /* so many later copies are here: the missing one is not under way any more */

static struct printk_waiting *slot(struct printk *p, uint64_t seq)
{
	struct printk_waiting *w = &p->window[seq & (PRINTK_WINDOW - 1)];

	return w->used && w->seq == seq ? w : NULL;
}

static void drop(struct printk *p, struct printk_waiting *w)
{
	free(w->text);
	w->text = NULL;
	w->used = false;
	p->n_window--;
}

void printk_window_free(struct printk *p)
{
	for (unsigned i = 0; i < PRINTK_WINDOW; i++)
		free(p->window[i].text);
}

static void to_entry(struct printk *p, const struct printk_waiting *w)
{
	memcpy(p->entry.info, w->info, sizeof(w->info));
	p->entry.text_len = w->text_len;
	if (w->text_len)
		memcpy(p->entry.text, w->text, w->text_len);
	printk_decode_info(&p->l, &p->entry);
}

/* Emit the copy @w of record p->want. */
static int emit_copy(struct printk *p, struct printk_waiting *w, enum record_fidelity fid,
	struct err *e)
{
	int r;

	to_entry(p, w);
	r = printk_emit(p, &p->entry, fid, w->time_us, e);
	if (r)
		return r;
	drop(p, w);
	p->want++;
	return 1;
}

/*
 * The copy of record p->want was made at prb_commit(): it may have been continued since. Only the
 * ring knows; if the ring has moved on already, the copy is what there is.
 */
static int emit_committed(struct printk *p, struct printk_waiting *w, int64_t now_us, struct err *e)
{
	const char *why;
	int r;

	switch (printk_read(&p->l, &p->m, p->want, false, &p->entry, &why)) {
	case PRINTK_COMMITTED:
		printk_keep_part(p, &p->entry);
		return 0;
	case PRINTK_RESERVED:
	case PRINTK_FUTURE:
		return 0;
	case PRINTK_WHOLE:
		r = printk_emit(p, &p->entry,
			p->entry.text_len == w->text_len ? RECORD_LIVE : RECORD_LATE,
			p->entry.text_len == w->text_len ? w->time_us : now_us, e);
		if (r)
			return r;
		drop(p, w);
		p->want++;
		return 1;
	default:
		return emit_copy(p, w, RECORD_LIVE, e);
	}
}

int printk_window_next(struct printk *p, bool idle, int64_t now_us, struct err *e)
{
	struct printk_waiting *w;

	if (!p->n_window)
		return 0;
	/* What the ring walk emitted meanwhile need not wait any more. */
	for (unsigned i = 0; i < PRINTK_WINDOW && p->n_window; i++)
		if (p->window[i].used && p->window[i].seq < p->want)
			drop(p, &p->window[i]);
	w = slot(p, p->want);
	if (w && !w->whole) {
		drop(p, w); /* the trap could not read it: the ring walk will */
		return PRINTK_ASK_RING;
	}
	if (w && w->final)
		return emit_copy(p, w, RECORD_LIVE, e);
	if (w && (idle || p->window_top > p->want))
		return emit_committed(p, w, now_us, e);
	return !w && p->n_window && p->window_top - p->want > HOLE_MAX ? PRINTK_ASK_RING : 0;
}

int printk_window_flush(struct printk *p, struct err *e)
{
	for (uint64_t seq = p->want; p->n_window && seq < p->want + PRINTK_WINDOW; seq++) {
		struct printk_waiting *w = slot(p, seq);
		int r = 0;

		if (!w)
			continue;
		to_entry(p, w);
		if (w->whole)
			r = printk_emit(p, &p->entry, RECORD_LIVE, w->time_us, e);
		if (r)
			return r;
		drop(p, w);
	}
	for (unsigned i = 0; i < PRINTK_WINDOW; i++)
		if (p->window[i].used)
			drop(p, &p->window[i]);
	return 0;
}

/* A copy as it comes from a trap. */
struct given {
	struct prb_copy copy;
	uint64_t seq;
	bool final;
	int64_t time_us;
};

static bool whole(const struct prb_copy *c)
{
	return !(c->flags & (PRB_COPY_NOTEXT | PRB_COPY_LONG | PRB_COPY_FAULT));
}

static void copy_to_entry(struct printk *p, const struct prb_copy *c)
{
	memcpy(p->entry.info, c->info, sizeof(c->info));
	printk_decode_info(&p->l, &p->entry);
	p->entry.text_len = c->text_len;
	memcpy(p->entry.text, c->text, c->text_len);
}

/* Does the ring hold another record @seq than was emitted, or none yet? */
static bool another(struct printk *p, uint64_t seq)
{
	const char *why;

	switch (printk_read(&p->l, &p->m, seq, false, &p->entry, &why)) {
	case PRINTK_WHOLE:
		return !printk_known(p, &p->entry);
	case PRINTK_FUTURE:
		return true;
	default: /* cannot be told: polls watch the ring's ends */
		return false;
	}
}

/*
 * A record that was dealt with is committed now: the ring walk was faster, or the guest went back, or one of
 * the two copies is forged. Both are stored then.
 */
static int committed_again(struct printk *p, const struct given *g, struct err *e)
{
	const struct prb_copy *c = &g->copy;
	const uint64_t seq = g->seq;
	bool was_open = false;
	int r;

	printk_trapped_late(p, seq);
	copy_to_entry(p, c);
	if (whole(c) && printk_known(p, &p->entry))
		return 0;
	if (another(p, p->want - 1) && (p->want < 2 || another(p, p->want - 2)))
		return PRINTK_REWOUND;
	if (!whole(c) || !g->final || p->want - seq > p->history_mask)
		return 0; /* its first part, maybe: what the ring says of it counts (reconcile.c) */
	for (unsigned i = 0; i < p->n_skipped && !was_open; i++)
		if (p->skipped[i] == seq) {
			p->skipped[i] = p->skipped[--p->n_skipped];
			was_open = true;
		}
	copy_to_entry(p, c);
	r = was_open ? 0 : printk_differs(p, seq, g->time_us, e);
	return r ? r : printk_emit(p, &p->entry, was_open ? RECORD_LATE : RECORD_DIFFERS, g->time_us, e);
}

static bool same_copy(const struct printk_waiting *w, const struct prb_copy *c)
{
	return w->text_len == c->text_len && !memcmp(w->info, c->info, sizeof(w->info)) &&
		(!w->text_len || !memcmp(w->text, c->text, w->text_len));
}

static int put(struct printk *p, const struct given *g, struct err *e)
{
	const uint64_t seq = g->seq;
	const struct prb_copy *c = &g->copy;
	struct printk_waiting *w = &p->window[seq & (PRINTK_WINDOW - 1)];
	char *text = NULL;

	if (w->used && w->final && same_copy(w, c))
		return 0; /* a second delivery of the same */
	if (w->used && w->final) {
		w->whole = false; /* the ring says which */
		return printk_differs(p, seq, g->time_us, e);
	}
	if (c->text_len) {
		text = malloc(c->text_len);
		if (!text)
			return 0; /* the ring still has it */
		memcpy(text, c->text, c->text_len);
	}
	if (!w->used)
		p->n_window++;
	free(w->text);
	w->used = true;
	w->final = g->final;
	w->whole = whole(c);
	w->seq = seq;
	w->time_us = g->time_us;
	w->text = text;
	w->text_len = c->text_len;
	memcpy(w->info, c->info, sizeof(w->info));
	if (p->n_window == 1 || seq > p->window_top)
		p->window_top = seq;
	return 0;
}

int printk_window_put(struct printk *p, bool final, const void *data, size_t len, int64_t time_us,
	struct err *e)
{
	struct given g = {.final = final, .time_us = time_us};
	struct prb_copy *c = &g.copy;

	if (len < offsetof(struct prb_copy, text) || len > sizeof(*c))
		return err_set(
			e, EBADMSG, "a trap delivered %zu bytes that are no printk record", len);
	memcpy(c, data, len);
	if (c->text_len > len - offsetof(struct prb_copy, text) || c->id & ~PRB_ID_MASK ||
		c->info_len > sizeof(c->info))
		return err_set(
			e, EBADMSG, "a trap delivered a printk record that contradicts itself");
	memset(c->info + c->info_len, 0, sizeof(c->info) - c->info_len);
	g.seq = p->want + (uint64_t)((int64_t)((c->id - prb_seq_to_id(&p->l.g, p->want)) << 2) >> 2);
	if (!(c->flags & PRB_COPY_FAULT)) {
		copy_to_entry(p, c);
		if (p->entry.seq != g.seq)
			return printk_alert(p, time_us, e, "copy-lies",
				"a trapped record says it is %" PRIu64
				", its descriptor says %" PRIu64,
				p->entry.seq, g.seq);
	}
	printk_trapped(p, g.seq);
	if ((int64_t)(g.seq - p->want) < 0)
		return committed_again(p, &g, e);
	if (g.seq - p->want < PRINTK_WINDOW)
		return put(p, &g, e);
	if (!printk_head_past(p, g.seq))
		return printk_alert(p, time_us, e, "copy-lies",
			"a trapped record says it is %" PRIu64 ", which the guest's log has not begun", g.seq);
	return PRINTK_ASK_RING;
}
