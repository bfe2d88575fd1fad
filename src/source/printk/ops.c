/* SPDX-License-Identifier: BSD-3-Clause */
/* ops.c - printk as source.h has it. */
#include <inttypes.h>
#include <stdio.h>

#include "source/printk/impl.h"

static struct printk *of(struct source *s)
{
	return (struct printk *)s;
}

static int open_printk(struct source **out, const struct source_start *start, struct err *e)
{
	struct printk *p;
	int r = printk_open(&p, start->guest, start->sink, &start->resume[RECORD_KMSG], e);
	uint64_t records, bytes;

	if (r)
		return r;
	if (start->strict)
		printk_strict(p);
	if (!(start->caps & (TRAP_CODE | TRAP_WATCH)))
		printk_pace_only(p);
	printk_size(p, &records, &bytes);
	snprintf(p->s.desc, sizeof(p->s.desc), "ring of %" PRIu64 " records and %" PRIu64 " KiB", records,
		bytes >> 10);
	p->s.ops = &source_printk;
	p->s.resumed = p->resumed;
	*out = &p->s;
	return 0;
}

static unsigned sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max)
{
	return printk_sites(of(s), caps, sites, max);
}

static bool fewer(struct source *s)
{
	return printk_doorbell_only(of(s));
}

static void planted(struct source *s, bool all, const struct moment *m)
{
	struct printk *p = of(s);

	(void)m;
	if (p->planted && all)
		printk_rearmed(p);
	else if (!p->planted)
		printk_armed(p);
	if (!all)
		printk_disarmed(p);
	p->planted = true;
	printk_pace_now(p);
}

static int event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e)
{
	struct printk *p = of(s);

	p->whole = m->whole;
	if (ev->type == TRAP_LOST) {
		printk_copies_lost(p, ev->lost, m->now_us);
		printk_traps_failed(p, ev->failed);
		printk_pace_now(p);
		return 0;
	}
	printk_pace_rung(p, m);
	if (ev->type != TRAP_COPY)
		return 0;
	return printk_copy(p, ev->tag == PRINTK_TAG_FINAL, ev->data, ev->len, ev->time_us, e);
}

static bool quiet(struct source *s, const struct moment *m)
{
	return printk_pace_quiet(of(s), m);
}

static int drain(struct source *s, const struct moment *m, struct err *e)
{
	struct printk *p = of(s);
	bool flood = p->flood.on;
	int r;

	p->whole = m->whole;
	if (!m->held && !printk_pace_poll(p, m))
		return 0;
	r = printk_drain(p, m->rung ? PRINTK_AT_TRAP : PRINTK_AT_POLL, m->now_us, e);
	if (p->flood.on && !flood && p->sink->say)
		p->sink->say(p->sink->ctx, "the guest floods its log: it runs on while its ring is read, and is "
			"stopped before it overwrites anything (--strict: at each record)");
	if (!m->held)
		printk_pace_polled(p, m);
	/* A guest may write faster than it is read: then the others have their turn in between. */
	return r == SOURCE_MORE && flood && !m->held ? 0 : r;
}

static int64_t due(const struct source *s)
{
	return ((const struct printk *)s)->pace.next_ms;
}

static const struct source_counters *counters(const struct source *s)
{
	return printk_counters((const struct printk *)s);
}

static const char *boot(const struct source *s)
{
	return printk_boot((const struct printk *)s);
}

static void report(const struct source *s, struct meta *m)
{
	meta_u64(m, "guest_failed", printk_failed((const struct printk *)s));
}

static int end(struct source *s, const struct moment *m, bool readable, struct err *e)
{
	return readable ? printk_end(of(s), m->now_us, e) : printk_end_blind(of(s), m->now_us, e);
}

static void close_printk(struct source *s)
{
	printk_close(of(s));
}

const struct source_ops source_printk = {
	.name = "printk",
	.channels = 1 << RECORD_KMSG,
	.numbered = 1 << RECORD_KMSG,
	.needed = true,
	.open = open_printk,
	.sites = sites,
	.fewer = fewer,
	.planted = planted,
	.event = event,
	.quiet = quiet,
	.drain = drain,
	.due = due,
	.counters = counters,
	.boot = boot,
	.report = report,
	.end = end,
	.close = close_printk,
};
