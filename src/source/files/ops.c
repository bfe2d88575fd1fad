/* SPDX-License-Identifier: BSD-3-Clause */
/* ops.c - the source of log files, as source.h has it; see impl.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/files/impl.h"
#include "source/sender/geometry.h"

#define FLUSH_AT_ONCE 256 /* records, then others have their turn */
#define RETRY_MS 20
#define SETTLE_MS 2  /* between two looks whether what was begun is over */
#define POLL_MS 20   /* of files without a watchpoint */
#define SELDOM_MS 1000

extern const struct source_ops source_files;

static struct files *of(struct source *s)
{
	return (struct files *)s;
}

static int ask_guest(struct files *f, struct err *e)
{
	int r = app_geometry_find(f->g, &f->geo, e);

	r = r ? r : path_layout_find(&f->paths, f->g, e);
	r = r ? r : dcache_layout_find(&f->dcache, f->g, e);
	r = r ? r : filepages_layout_find(&f->pages, f->g, f->geo.page_offset, f->geo.vmemmap, e);
	if (!r && f->trapped)
		r = files_traps_find(&f->traps, f->g, &f->geo, &f->dcache, &f->pages, e);
	return r ? r : sender_open(&f->sender, f->g, &f->geo, e);
}

static void files_close(struct source *s)
{
	struct files *f = of(s);

	sender_close(f->sender);
	streams_free(&f->streams);
	outbox_free(&f->out);
	files_free(f);
	free(f);
}

static int files_open(struct source **out, const struct source_start *start, struct err *e)
{
	struct files *f;
	int r;

	if (!start->n_files)
		return err_set(e, ENOENT, "no patterns of paths were given");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	f->s.ops = &source_files;
	f->g = start->guest;
	f->mem = guest_mem(start->guest);
	f->pattern = start->files;
	f->patterns = start->n_files;
	f->retry_ms = INT64_MAX;
	f->trapped = !(start->caps & TRAP_WATCH);
	outbox_init(&f->out, start->sink);
	f->out.boot = guest_info(f->g)->boot;
	streams_init_plain(&f->streams, &f->out);
	r = ask_guest(f, e);
	if (r) {
		files_close(&f->s);
		return r;
	}
	files_rescan(f);
	files_resume(f);
	snprintf(f->s.desc, sizeof(f->s.desc), "log files");
	*out = &f->s;
	return 0;
}

/* ---- sites ---- */

static struct trap_site on_name(const struct files *f, const struct files_entry *e)
{
	return e->dir ? (struct trap_site){.kind = SITE_WATCH, .gva = e->dentry + f->dcache.kids, .len = 8, .tag = e->tag * 2} :
		(struct trap_site){.kind = SITE_WATCH, .gva = e->dentry + f->dcache.parent, .len = DCACHE_KNOT,
			.tag = e->tag * 2};
}

static struct trap_site on_inode(const struct files *f, const struct files_entry *e)
{
	return (struct trap_site){.kind = SITE_WATCH, .gva = e->knot.inode + f->dcache.state, .len = f->dcache.state_len,
		.tag = e->tag * 2 + 1};
}

static unsigned files_sites(struct source *s, unsigned caps, struct trap_site *sites, unsigned max)
{
	struct files *f = of(s);
	unsigned n = 0;

	if (f->trapped && !f->polled)
		return files_traps_sites(&f->traps, sites, max);
	max = f->polled || !(caps & TRAP_WATCH) ? 0 : max;
	f->unsited = 0;
	/* Files first: what is written counts more than what comes. */
	for (unsigned i = 0; i < f->n; i++) {
		f->e[i].sited_inode = f->e[i].follows && n < max;
		if (f->e[i].sited_inode)
			sites[n++] = on_inode(f, &f->e[i]);
		f->unsited += f->e[i].follows && !f->e[i].sited_inode;
	}
	for (unsigned i = 0; i < f->n; i++) {
		f->e[i].sited = n < max;
		if (f->e[i].sited)
			sites[n++] = on_name(f, &f->e[i]);
		f->unsited += !f->e[i].sited;
	}
	return n;
}

static bool files_fewer(struct source *s)
{
	struct files *f = of(s);
	const bool was = f->polled;

	f->polled = true; /* some are of no use: new files could not be followed */
	return !was;
}

static void files_planted(struct source *s, bool all, const struct moment *m)
{
	struct files *f = of(s);

	(void)m;
	f->planted = true;
	f->polled |= !all && !f->trapped; /* there polls find what the rest of the traps do not tell */
	f->told_unsited |= !all && f->trapped; /* by the caller */
	f->catch_up = true;
	f->next_ms = 0;
}

/* ---- stops ---- */

static bool has_child(const struct files *f, const struct files_entry *e)
{
	uint64_t first;

	return e->dir && !dcache_first(&f->mem, &f->dcache, e->dentry, &first) && first != e->first;
}

/* Is @gva, if it is told, that of @e's sites? */
static bool named(const struct files *f, const struct files_entry *e, uint64_t gva)
{
	return gva == on_name(f, e).gva || (e->follows && gva == on_inode(f, e).gva);
}

/* All of them, or what is at @gva. */
static void look(struct files *f, uint64_t gva, bool rung)
{
	bool child = false;

	for (unsigned i = 0; i < f->n; i++) {
		struct files_entry *e = &f->e[i];

		if (gva && !named(f, e, gva))
			continue;
		child |= has_child(f, e);
		files_look(f, e, rung);
	}
	f->moving = child && rung;
	if (child || f->rescan)
		files_rescan(f);
	f->moving = false;
}

/* Out with what is there; what is left is due later. 0, SOURCE_MORE or what the sink returned. */
static int flush(struct files *f, int64_t now_ms, struct err *e)
{
	int r = outbox_flush(&f->out, FLUSH_AT_ONCE, f->now_us, e);

	f->retry_ms = r < 0 ? now_ms + RETRY_MS : r ? now_ms : INT64_MAX;
	return r;
}

static int files_event(struct source *s, const struct trap_event *ev, const struct moment *m, struct err *e)
{
	struct files *f = of(s);
	int r;

	f->now_us = ev->time_us ? ev->time_us : m->now_us;
	f->now_ms = m->now_ms;
	if (ev->type == TRAP_COPY) {
		files_trapped(f, ev);
		r = flush(f, m->now_ms, e);
		return r < 0 ? r : 0;
	}
	if (ev->type == TRAP_LOST) {
		outbox_lost(&f->out, RECORD_FILE, ev->lost, "writes came faster than they could be taken away; what the files "
			"still have of them is taken late");
		/* Which of all traps it was is not told. */
		outbox_lost(&f->out, RECORD_FILE, ev->failed, "traps led nowhere; if it was to files, what these still have is taken "
			"late");
		f->rescan = true;
		f->next_ms = m->now_ms;
	}
	if (ev->type != TRAP_STOPPED)
		return 0;
	f->trap = ev->trap;
	f->vcpu = ev->vcpu;
	/* One vCPU writes one word at a time; of several QEMU tells of the last one only. */
	look(f, ev->gva && ev->trap && ev->trap->vcpus == 1 ? ev->gva : 0, true);
	f->trap = NULL;
	f->next_ms = m->now_ms;
	return 0;
}

/* ---- drains ---- */

static bool files_quiet(struct source *s, const struct moment *m)
{
	struct files *f = of(s);

	return outbox_empty(&f->out) && m->now_ms < f->next_ms;
}

/* While the VM runs only what has no watchpoint is looked at: what has one is told of by its stop. */
static void poll(struct files *f, const struct moment *m)
{
	bool waits = false, child = false;

	for (unsigned i = 0; i < f->n; i++) {
		struct files_entry *e = &f->e[i];

		if (m->held || f->polled || f->catch_up || !e->sited || (e->follows && !e->sited_inode)) {
			files_look(f, e, false);
			child |= has_child(f, e);
		}
		waits |= files_settle(f, e);
	}
	f->catch_up = false;
	if (child || f->rescan || m->now_ms >= f->rescan_ms) {
		f->rescan_ms = m->now_ms + SELDOM_MS;
		files_rescan(f);
	}
	f->next_ms = m->now_ms + (waits ? SETTLE_MS : f->polled || f->unsited ? POLL_MS : SELDOM_MS);
}

static int tell_alerts(struct files *f, struct err *e)
{
	char text[200];
	int r = 0;

	if (f->over && !f->told_over) {
		f->told_over = true;
		snprintf(text, sizeof(text), "more than %d names match the patterns of log files, or too much lies there: "
			"not all are followed", FILES_MAX);
		r = outbox_alert(&f->out, f->now_us, "many-files", text, e);
	}
	if (!r && f->unknown) {
		snprintf(text, sizeof(text), "%u files have nothing in them that is stored of them: what was appended to them while "
			"nobody was attached, if anything, is not known", f->unknown);
		f->unknown = 0;
		r = outbox_alert(&f->out, f->now_us, "unseen-files", text, e);
	}
	if (!r && f->planted && f->trapped && f->polled && !f->told_unsited) {
		f->told_unsited = true;
		snprintf(text, sizeof(text), "%s: files are looked at every %d ms, and who wrote is not known", f->traps.over ?
			"what is wanted is in too many places to be told in the guest" : "not all traps of files can be planted again",
			POLL_MS);
		r = outbox_alert(&f->out, f->now_us, "no-doorbell", text, e);
	}
	if (!r && f->planted && !f->polled && f->unsited && !f->told_unsited) {
		f->told_unsited = true;
		snprintf(text, sizeof(text), "%u names and files have no watchpoint: they are looked at every %d ms, and who "
			"wrote is not known", f->unsited, POLL_MS);
		r = outbox_alert(&f->out, f->now_us, "no-doorbell", text, e);
	}
	return r;
}

static int files_drain(struct source *s, const struct moment *m, struct err *e)
{
	struct files *f = of(s);
	int r;

	f->now_us = m->now_us;
	f->now_ms = m->now_ms;
	/* At a stop files_event() has seen to it. */
	if (f->trapped && !f->polled && m->now_ms >= f->next_ms)
		f->next_ms = m->now_ms + files_trapped_poll(f, m);
	else if ((!f->trapped || f->polled) && !m->rung && (m->held || m->now_ms >= f->next_ms))
		poll(f, m);
	streams_idle(&f->streams, f->now_us);
	r = tell_alerts(f, e);
	if (r)
		return r;
	return flush(f, m->now_ms, e);
}

static int64_t files_due(const struct source *s)
{
	const struct files *f = (const struct files *)s;

	return f->next_ms < f->retry_ms ? f->next_ms : f->retry_ms;
}

static const struct source_counters *files_counters(const struct source *s)
{
	return &((const struct files *)s)->out.counters;
}

static int files_end(struct source *s, const struct moment *m, bool readable, struct err *e)
{
	struct files *f = of(s);

	f->now_us = m->now_us;
	f->now_ms = m->now_ms;
	for (unsigned i = 0; readable && i < f->n; i++)
		files_settle(f, &f->e[i]);
	streams_end(&f->streams);
	return outbox_flush(&f->out, UINT32_MAX, f->now_us, e);
}

const struct source_ops source_files = {
	.name = "log files",
	.channels = RECORD_FILES,
	.backends = TRAP_WATCH | TRAP_CODE,
	.open = files_open,
	.sites = files_sites,
	.fewer = files_fewer,
	.planted = files_planted,
	.event = files_event,
	.quiet = files_quiet,
	.drain = files_drain,
	.due = files_due,
	.counters = files_counters,
	.end = files_end,
	.close = files_close,
};
