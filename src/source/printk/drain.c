/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * drain.c - walking the ring: open, find the place to go on, drain, end.
 */
#include "source/printk/printk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/printk/impl.h"
#include "util/hash.h"

#define DRAIN_MAX 4096          /* records per call, so that a flood does not starve the caller */
#define STALL_US 2000000        /* a record being written for so long while later ones are whole */
#define JUMP_MAX (1ULL << 40)   /* more records than that in one jump are not believed */
#define HISTORY_MAX (1U << 16)  /* records remembered: 512 KiB */

static const char LOST_BEFORE[] = "overwritten before capture began";
static const char LOST_OFF[] = "overwritten while capture was off";
static const char LOST_NOW[] = "overwritten before it could be copied";
static const char LOST_NOROOM[] = "no room for the text in the guest's ring";
static const char LOST_UNFINISHED[] = "its writer did not finish it";
static const char LOST_PENDING[] = "not finished yet while the ring was about to wrap; follows if it is";

/* ---- opening ---- */

/* Does the ring still hold record resume->seq, and is it the same? 1 yes, 0 no, -1 cannot tell. */
static int same_record(struct printk *p, const struct source_resume *resume)
{
	const char *why;

	switch (printk_read(&p->l, &p->m, resume->seq, false, &p->entry, &why)) {
	case PRINTK_WHOLE:
	case PRINTK_COMMITTED:
		return p->entry.ts_nsec == resume->guest_ns &&
			hash64(p->entry.text, p->entry.text_len) == resume->text_hash;
	default:
		return -1;
	}
}

static int start(struct printk *p, const struct source_resume *resume, struct err *e)
{
	uint64_t head, tail;
	int same, r = printk_bounds(&p->l, &p->m, 0, &head, &tail);

	if (r == -EFAULT)
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	if (r)
		return err_set(
			e, EBADMSG, "the ends of the guest's printk ring contradict each other");
	p->want = 0;
	p->backfill_end = head + 1;
	if (!resume || !resume->known)
		return 0;
	same = same_record(p, resume);
	p->resumed = same == 1 || printk_same_boot(resume->boot, p->boot);
	if (!p->resumed)
		return 0;
	p->rewound = same == 0; /* of this boot, but another one */
	memcpy(p->boot, resume->boot, sizeof(p->boot));
	p->want = resume->next > resume->seq ? resume->next : resume->seq + 1;
	for (unsigned i = 0; i < resume->n_open; i++)
		if (resume->open[i] >= tail && resume->open[i] < p->want)
			p->skipped[p->n_skipped++] = resume->open[i];
	return 0;
}

int printk_open_ring(struct printk **out, const struct printk_layout *l, uint64_t rb,
	const struct printk_mem *m, const char *boot, const struct source_sink *sink,
	const struct source_resume *resume, struct err *e)
{
	struct printk *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (!p || !(p->entry.text = malloc(PRINTK_TEXT_CAP))) {
		err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	p->l = *l;
	p->m = *m;
	p->sink = sink;
	memcpy(p->boot, boot, strnlen(boot, sizeof(p->boot) - 1));
	r = printk_layout_ring(&p->l, &p->m, rb, e);
	if (r)
		goto fail;
	p->history_mask = (p->l.g.desc_mask < HISTORY_MAX ? p->l.g.desc_mask : HISTORY_MAX - 1);
	p->history = calloc(p->history_mask + 1, sizeof(*p->history));
	r = p->history ? start(p, resume, e) : err_set(e, ENOMEM, "out of memory");
	if (r)
		goto fail;
	p->first_drain = true;
	*out = p;
	return 0;
fail:
	printk_close(p);
	return r;
}

int printk_open(struct printk **out, const struct guest *g, const struct source_sink *sink,
	const struct source_resume *resume, struct err *e)
{
	struct printk_mem m = printk_mem_of(g);
	struct printk_layout l;
	uint64_t sym;
	int r = printk_layout_open(&l, g, e);

	if (r)
		return r;
	r = printk_open_ring(out, &l, l.g.rb, &m, guest_info(g)->boot, sink, resume, e);
	if (r)
		return r;
	if (!guest_symbol(g, "prb_commit", &sym))
		(*out)->code_commit = sym;
	if (!guest_symbol(g, "prb_final_commit", &sym))
		(*out)->code_final = sym;
	if (!guest_symbol(g, "console_seq", &sym) && !(sym & 7))
		(*out)->console_seq = sym;
	return 0;
}

void printk_close(struct printk *p)
{
	if (!p)
		return;
	printk_window_free(p);
	free(p->history);
	free(p->entry.text);
	free(p->part.text);
	free(p);
}

bool printk_resumed(const struct printk *p)
{
	return p->resumed;
}

/* ---- sites ---- */

/*
 * The words that are written when a record has become final: last_finalized_id or _seq where there
 * is one. Before 5.19 the console's position is the next best: console_unlock() moves it past each
 * record before it is printed, still within printk(). Only if the console is found not to follow
 * (locked, suspended) the ring's head is watched too, at the price of a second stop for each
 * record.
 */
static unsigned watch_sites(struct printk *p, struct trap_site *sites, unsigned max)
{
	const struct { uint64_t gva; uint32_t tag; } words[] = {
		{p->l.last_final, PRINTK_TAG_LAST},
		{p->l.last_final ? 0 : p->console_seq, PRINTK_TAG_CONSOLE},
		{!p->l.last_final && (!p->console_seq || p->missed) ? p->l.head_id : 0,
			PRINTK_TAG_HEAD},
	};
	unsigned n = printk_flood_sites(p, sites, max);

	p->flood.watched = true;
	for (unsigned i = 0; !p->flood.on && i < 3 && n < max; i++)
		if (words[i].gva)
			sites[n++] = (struct trap_site){.kind = SITE_WATCH, .gva = words[i].gva,
				.len = 8, .tag = words[i].tag};
	return n;
}

unsigned printk_sites(struct printk *p, unsigned caps, struct trap_site *sites, unsigned max)
{
	unsigned n = 0;

	if (caps & TRAP_CODE && max >= 2 && p->code_commit && p->code_final) {
		/* Most records come by the first. */
		const struct { uint64_t gva; uint32_t tag; enum trap_fetch fetch; } f[] = {
			{p->code_final, PRINTK_TAG_FINAL, FETCH_PRINTK_FINAL},
			{p->code_commit, PRINTK_TAG_COMMIT, FETCH_PRINTK}};

		p->code = true;
		for (; n < 2; n++)
			sites[n] = (struct trap_site){
				.kind = SITE_CODE,
				.gva = f[n].gva,
				.tag = f[n].tag,
				.fetch = f[n].fetch,
				.fetch_arg = &p->l.g,
				.fetch_arg_len = sizeof(p->l.g),
			};
		return n;
	}
	return caps & TRAP_WATCH ? watch_sites(p, sites, max) : 0;
}

void printk_armed(struct printk *p)
{
	uint64_t head, tail;

	if (!printk_bounds(&p->l, &p->m, p->want, &head, &tail) && head + 1 > p->backfill_end)
		p->backfill_end = head + 1;
	p->armed = true;
}

/* ---- draining ---- */

static enum record_fidelity fidelity(const struct printk *p, uint64_t seq, enum printk_why why)
{
	if (seq < p->backfill_end)
		return RECORD_BACKFILL;
	return why == PRINTK_AT_TRAP && !p->flood.on ? RECORD_LIVE : RECORD_LATE;
}

static const char *lost_reason(const struct printk *p)
{
	if (!p->first_drain)
		return LOST_NOW;
	return p->resumed ? LOST_OFF : LOST_BEFORE;
}

/* Has `prb` been pointed at another ring (static to dynamic, during boot)? */
static int check_ring(struct printk *p, struct err *e)
{
	uint64_t rb;

	if (!p->l.prb)
		return 0;
	if (p->m.read(p->m.ctx, p->l.prb, &rb, sizeof(rb)))
		return err_set(e, EFAULT, "the guest's symbol prb is not readable");
	if (rb != p->l.g.rb)
		return err_set(e, ESTALE, "the guest's kernel moved its log to another ring");
	return 0;
}

/* Record p->want was overwritten: go on with the oldest there is. */
static int jump(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head = 0, tail = 0, to;
	bool lost = p->resumed || !p->first_drain;
	int r = printk_bounds(&p->l, &p->m, p->want, &head, &tail);

	if (r == -EFAULT)
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	to = r ? p->want : tail;
	if (!r && head + 1 - to > p->l.g.desc_mask + 1)
		to = head - p->l.g.desc_mask;
	if (to <= p->want || to - p->want > JUMP_MAX) {
		r = printk_alert(p, now_us, e, "ring-contradiction",
			"the guest's printk ring contradicts itself: record %" PRIu64
			" is overwritten, the oldest is said to be %" PRIu64, p->want, tail);
		if (r)
			return r;
		lost = to <= p->want;
		to = lost ? p->want + 1 : to;
	}
	/* After a restored snapshot: what the ledger has is not lost, although the ring has it no more. */
	while (p->want < to && p->want < p->replay_end && p->history[p->want & p->history_mask])
		p->want++;
	r = printk_gap(p, p->want, to - p->want, lost_reason(p), lost, now_us, e);
	if (!r)
		p->want = to;
	return r;
}

/* Is the ring's head behind what was already emitted? A snapshot was restored, or the guest lies. */
static int check_backwards(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head, tail;
	int r = printk_bounds(&p->l, &p->m, p->want, &head, &tail);

	if (r == -EFAULT)
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	if (r)
		return printk_alert(p, now_us, e, "ring-contradiction",
			"the ends of the guest's printk ring contradict each other");
	if (head + 1 >= p->want)
		return 0;
	return printk_rewind(p, now_us, e);
}

void printk_keep_part(struct printk *p, const struct printk_entry *e)
{
	char *text = p->part.text;

	if (p->has_part && p->part.seq == e->seq && p->part.text_len == e->text_len)
		return;
	if (e->text_len > p->part_cap) {
		text = realloc(text, e->text_len);
		if (!text)
			return;
		p->part_cap = e->text_len;
	}
	p->part = *e;
	p->part.text = text;
	if (e->text_len)
		memcpy(text, e->text, e->text_len);
	p->has_part = true;
}

/*
 * Record p->want is being written and later ones are whole. That ends by itself, unless a vCPU died
 * in between or the guest's kernel was told to lie; so after a while go on and keep an eye on it.
 */
static int stalled(struct printk *p, int64_t now_us, struct err *e)
{
	const char *why;
	int r;

	if (printk_read(&p->l, &p->m, p->want + 1, false, &p->entry, &why) != PRINTK_WHOLE) {
		p->stalled_since = 0;
		return 0;
	}
	if (p->urgent && p->n_skipped < PRINTK_SKIPPED) {
		/* Written down at once, so that it is not forgotten whatever happens to this process. */
		r = printk_gap(p, p->want, 1, LOST_PENDING, false, now_us, e);
		if (r)
			return r;
		p->skipped[p->n_skipped++] = p->want++;
		p->stalled_since = 0;
		return 1;
	}
	if (!p->stalled_since || p->stalled_seq != p->want || now_us < p->stalled_since) {
		p->stalled_seq = p->want;
		p->stalled_since = now_us;
		return 0;
	}
	if (now_us - p->stalled_since < STALL_US || p->n_skipped == PRINTK_SKIPPED)
		return 0;
	r = printk_alert(p, now_us, e, "record-stalled",
		"record %" PRIu64 " has been in the writing for %d s while later ones are whole",
		p->want, STALL_US / 1000000);
	if (!r)
		r = printk_gap(p, p->want, 1, LOST_UNFINISHED, false, now_us, e);
	if (r)
		return r;
	p->skipped[p->n_skipped++] = p->want++;
	p->stalled_since = 0;
	return 1;
}

/* Records passed over that were finished after all. */
static int fill_skipped(struct printk *p, int64_t now_us, struct err *e)
{
	const char *why;

	for (unsigned i = 0; i < p->n_skipped;) {
		enum printk_found f =
			printk_read(&p->l, &p->m, p->skipped[i], false, &p->entry, &why);
		int r = 0;

		if (f == PRINTK_RESERVED || f == PRINTK_COMMITTED || f == PRINTK_UNREADABLE) {
			i++;
			continue;
		}
		if (f == PRINTK_WHOLE)
			r = printk_emit(p, &p->entry, RECORD_LATE, now_us, e);
		if (r)
			return r;
		p->skipped[i] = p->skipped[--p->n_skipped];
	}
	return 0;
}

int printk_step(struct printk *p, enum printk_why why, int64_t now_us, struct err *e)
{
	const char *lie = NULL;
	int r;

	switch (printk_read(&p->l, &p->m, p->want, why == PRINTK_AT_TRAP, &p->entry, &lie)) {
	case PRINTK_WHOLE:
		if (p->want < p->replay_end && printk_known(p, &p->entry)) {
			r = 0;
			break;
		}
		r = printk_emit(p, &p->entry, fidelity(p, p->want, why), now_us, e);
		if (r)
			break;
		p->replay_end = 0; /* from here on the course differs: all of it is told */
		if (why == PRINTK_AT_POLL)
			printk_untrapped(p, p->want);
		break;
	case PRINTK_COMMITTED:
		printk_keep_part(p, &p->entry);
		return stalled(p, now_us, e);
	case PRINTK_RESERVED:
		return stalled(p, now_us, e);
	case PRINTK_FUTURE:
		return 0;
	case PRINTK_PAST:
		r = jump(p, now_us, e);
		return r ? r : 1;
	case PRINTK_NOTEXT:
		r = printk_gap(p, p->want, 1, LOST_NOROOM, false, now_us, e);
		break;
	case PRINTK_TEXTGONE:
		r = printk_gap(p, p->want, 1, lost_reason(p), p->resumed || !p->first_drain, now_us,
			e);
		break;
	case PRINTK_LIE:
		r = printk_alert(p, now_us, e, "ring-lies",
			"record %" PRIu64 " of the guest's printk "
			"ring contradicts itself: %s",
			p->want, lie);
		if (!r)
			r = printk_gap(p, p->want, 1, lie, true, now_us, e);
		break;
	default:
		return err_set(e, EFAULT,
			"record %" PRIu64 " of the guest's printk ring is not readable", p->want);
	}
	if (r)
		return r;
	p->want++;
	p->stalled_since = 0;
	return 1;
}

/*
 * The first record from p->want on whose trap may still be under way, if it is not far. (One that was so
 * at the last poll already is stepped on at the next, to be told of if it stays so.)
 */
static uint64_t whole_end(struct printk *p)
{
	uint64_t seq = p->want, end = p->want + DRAIN_MAX;
	const char *why;

	for (; seq < end; seq++)
		switch (printk_read(&p->l, &p->m, seq, false, &p->entry, &why)) {
		case PRINTK_RESERVED:
		case PRINTK_COMMITTED:
			return seq == p->want && p->polled >= seq ? seq + 1 : seq;
		case PRINTK_FUTURE:
		case PRINTK_UNREADABLE:
			return seq;
		default:
			break;
		}
	return seq;
}

/*
 * How far a poll may go. Where traps are armed, a record that has just become final may have its copy
 * under way: leave it until the next poll, which then takes what was missed.
 */
static uint64_t poll_limit(struct printk *p, bool idle)
{
	uint64_t limit = p->polled, head, tail;

	if (!idle || !p->armed || p->first_drain || p->flood.on)
		return UINT64_MAX;
	if (p->code)
		p->polled = whole_end(p);
	else if (!printk_bounds(&p->l, &p->m, p->want, &head, &tail))
		p->polled = head + 1;
	return limit;
}

bool printk_quiet(struct printk *p)
{
	uint64_t head;

	if (p->first_drain || p->rewound || p->n_window || p->n_skipped || p->gap_count || p->has_part ||
		p->stalled_since || p->m.read(p->m.ctx, p->l.head_id, &head, sizeof(head)) ||
		head != prb_seq_to_id(&p->l.g, p->want - 1))
		return false;
	p->polled = p->want;
	return true;
}

bool printk_outstanding(const struct printk *p)
{
	return p->code && p->armed && p->polled > p->want;
}

int printk_drain(struct printk *p, enum printk_why why, int64_t now_us, struct err *e)
{
	bool idle = why == PRINTK_AT_POLL;
	uint64_t limit = poll_limit(p, idle), late = p->counters.late;
	uint64_t records = p->counters.records;
	int r = 0;

	if (p->rewound) {
		r = printk_rewind(p, now_us, e);
		if (r <= 0)
			return r;
	}
	/* Without a copy, and no vCPU ran: then a VMM put it there, and may be about it still. */
	if (limit != UINT64_MAX && p->code && p->want < limit && !printk_settled(p))
		return 0;
	p->urgent = !idle && printk_flood_reached(p);
	for (unsigned n = 0; n < DRAIN_MAX; n++) {
		r = p->n_window ? printk_window_next(p, idle, now_us, e) : 0;
		if (!r && p->want < limit)
			r = printk_step(p, why, now_us, e);
		if (r <= 0)
			break;
	}
	if (r < 0)
		return r;
	if (r > 0)
		return 1;
	/* Found by a poll although a doorbell is armed: it does not ring for all. */
	if (idle && p->armed && !p->flood.on && p->counters.late > late)
		p->missed = true;
	r = fill_skipped(p, now_us, e);
	if (!r && idle)
		r = printk_check_bypass(p, now_us, e);
	if (!r)
		r = printk_flush_gap(p, now_us, e);
	if (!r && idle)
		r = check_ring(p, e);
	if (!r && (idle || p->counters.records == records))
		r = check_backwards(p, now_us, e);
	if (r)
		return r;
	p->first_drain = false;
	if (idle)
		printk_flood_polled(p, now_us);
	else
		printk_flood_held(p, now_us);
	return 0;
}

int printk_end_blind(struct printk *p, int64_t now_us, struct err *e)
{
	int r = 0;

	if (p->has_part && p->part.seq == p->want) {
		r = printk_emit(p, &p->part, RECORD_PARTIAL, now_us, e);
		p->want += !r;
	}
	return r ? r : printk_flush_gap(p, now_us, e);
}

int printk_end(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t head, tail;
	const char *why;
	int r = 0;

	for (unsigned n = 0; n <= p->l.g.desc_mask && r >= 0; n++) {
		r = p->n_window ? printk_window_next(p, true, now_us, e) : 0;
		if (!r)
			r = printk_step(p, PRINTK_AT_POLL, now_us, e);
		if (r == -EFAULT || r == 0)
			break;
	}
	if (r < 0 && r != -EFAULT)
		return r;
	if (r == -EFAULT || printk_bounds(&p->l, &p->m, p->want, &head, &tail))
		return printk_end_blind(p, now_us, e); /* the memory went with the VM */
	for (; p->want <= head && head + 1 - p->want <= p->l.g.desc_mask + 1; p->want++) {
		enum printk_found f = printk_read(&p->l, &p->m, p->want, true, &p->entry, &why);

		if (f == PRINTK_WHOLE)
			r = printk_emit(p, &p->entry, RECORD_LATE, now_us, e);
		else if (f == PRINTK_COMMITTED)
			r = printk_emit(p, &p->entry, RECORD_PARTIAL, now_us, e);
		else if (f == PRINTK_FUTURE)
			break;
		else
			r = printk_gap(p, p->want, 1, LOST_UNFINISHED, false, now_us, e);
		if (r)
			return r;
	}
	return printk_flush_gap(p, now_us, e);
}

/* ---- asking ---- */

const char *printk_boot(const struct printk *p)
{
	return p->boot;
}

const struct source_counters *printk_counters(const struct printk *p)
{
	return &p->counters;
}

uint64_t printk_next(const struct printk *p)
{
	return p->want;
}

uint64_t printk_failed(const struct printk *p)
{
	uint64_t n;

	return p->m.read(p->m.ctx, p->l.fail, &n, sizeof(n)) ? 0 : n;
}

void printk_size(const struct printk *p, uint64_t *records, uint64_t *bytes)
{
	*records = p->l.g.desc_mask + 1;
	*bytes = p->l.g.data_mask + 1;
}
