/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/pump.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"

#define DRAIN_CALLS 16  /* of a source, while the guest runs on: then the store and signals have their turn */
#define HOLD_STEP_MS 10 /* between two tries of a store that takes nothing */
#define MOMENTS 200     /* tried for one in which no CPU is amid something */
#define MOMENT_MS 1     /* that the guest runs in between, at least */

/* ---- the sink ---- */

static int emit(void *ctx, struct record *r, struct err *e)
{
	struct pump *p = ctx;
	bool fills = resume_fills(p->resume, r);
	int ret = store_put(p->store, r, e);

	if (ret)
		return ret;
	if (fills)
		store_found(p->store);
	resume_note(p->resume, r);
	return 0;
}

static int recall(void *ctx, enum record_channel channel, source_known known, void *known_ctx,
	struct err *e)
{
	struct pump *p = ctx;
	char path[32];
	int r = store_readable(p->store, path, sizeof(path), e);

	return r ? r : resume_recall(path, channel, known, known_ctx, e);
}

static void say(void *ctx, const char *text)
{
	status_log(((struct pump *)ctx)->report->status, "%s", text);
}

void pump_init(struct pump *p, struct trap *t, struct boot *b, const struct report *rep,
	struct resume *at, unsigned max_hold_ms)
{
	memset(p, 0, sizeof(*p));
	p->t = t;
	p->boot = b;
	p->report = rep;
	p->store = rep->store;
	p->resume = at;
	p->table = source_table_of(t->ops);
	p->channels = UINT_MAX;
	p->max_hold_ms = max_hold_ms;
	p->sink = (struct source_sink){emit, p, recall, say};
}

unsigned pump_numbered(const struct source_ops *const *table)
{
	unsigned channels = 0;

	for (; *table; table++)
		channels |= (*table)->numbered;
	return channels;
}

unsigned pump_channels(const struct source_ops *const *table)
{
	unsigned channels = 0;

	for (; *table; table++)
		channels |= (*table)->channels;
	return channels;
}

int pump_supported(const struct source_ops *const *table, unsigned channels, const struct trap_ops *trap, struct err *e)
{
	const unsigned has = pump_channels(table);

	if (!(channels & has) || channels & RECORD_FILES & ~has)
		return err_set(e, ENOTSUP, "--channels: %s has no %s", trap->name, channels & has ? "log files" : "such logs");
	for (; *table; table++)
		if ((*table)->channels & channels && (*table)->backends && !((*table)->backends & trap->caps))
			return err_set(e, ENOTSUP, "%s cannot be followed by the %s backend", (*table)->name, trap->name);
	return 0;
}

/* ---- opening and closing ---- */

/* Records of no source's own name for the boot, and Logvisor's, have this one. */
static void name_boot(struct pump *p)
{
	const char *name = boot_info(p->boot)->boot;

	for (unsigned i = p->n; i-- > 0;) {
		const struct source *s = p->list[i].s;
		const char *own = s->ops->boot ? s->ops->boot(s) : NULL;

		name = own ? own : name;
	}
	if (strcmp(p->store->boot, name) != 0)
		snprintf(p->store->boot, sizeof(p->store->boot), "%s", name);
}

static void close_all(struct pump *p)
{
	while (p->n) {
		struct source *s = p->list[--p->n].s;

		s->ops->close(s);
	}
}

static int open_one(struct pump *p, const struct source_ops *ops, struct err *e)
{
	const struct source_start start = {p->boot->g, p->t, &p->sink, p->resume->at, p->strict, p->channels,
		p->t->ops->caps, p->files, p->n_files};
	struct pumped *x = &p->list[p->n];
	int r;

	if (p->n == PUMP_MAX)
		return err_set(e, ENOSPC, "there are more than %d sources", PUMP_MAX);
	*x = (struct pumped){.sites.t = p->t};
	r = ops->open(&x->s, &start, e);
	if (!r)
		x->s->owner = ++p->n;
	return r;
}

/* Once a boot, however often the guest is looked at until all that is needed is there. */
static void tell_without(struct pump *p, unsigned i, const struct err *why)
{
	char text[sizeof(why->text) + 64];

	if (p->told & 1u << i)
		return;
	p->told |= 1u << i;
	snprintf(text, sizeof(text), "without %s: %s", p->table[i]->name, why->text);
	report_alert(p->report, "no-source", text);
}

int pump_open(struct pump *p, struct err *e)
{
	for (unsigned i = 0; p->table[i]; i++) {
		int r = p->table[i]->channels & p->channels ? open_one(p, p->table[i], e) : 0;

		if (r && p->table[i]->needed) {
			close_all(p);
			return r;
		}
		if (r)
			tell_without(p, i, e);
	}
	name_boot(p);
	return 0;
}

static void add(struct source_counters *a, const struct source_counters *b)
{
	a->records += b->records;
	a->live += b->live;
	a->backfill += b->backfill;
	a->late += b->late;
	a->partial += b->partial;
	if (__builtin_add_overflow(a->lost, b->lost, &a->lost))
		a->lost = UINT64_MAX;
	a->gaps += b->gaps;
	a->truncated += b->truncated;
}

void pump_unplant(struct pump *p)
{
	for (unsigned i = 0; i < p->n; i++)
		sites_unplant_all(&p->list[i].sites);
}

void pump_close(struct pump *p)
{
	pump_unplant(p);
	for (unsigned i = 0; i < p->n; i++)
		add(&p->before, p->list[i].s->ops->counters(p->list[i].s));
	close_all(p);
	p->told = 0;
}

bool pump_resumed(const struct pump *p)
{
	unsigned i = 0;

	while (i < p->n && !p->list[i].s->resumed)
		i++;
	return i < p->n;
}

/* What was done in the guest where there is more than one way. */
static void say_how(const struct pump *p, const struct pumped *x)
{
	char text[160];

	for (unsigned i = 0; p->t->ops->how && i < x->sites.n; i++) {
		const struct trap_site *s = &x->sites.planted[i];

		if (!s->name)
			continue;
		p->t->ops->how(p->t, s->owner, s->tag, text, sizeof(text));
		status_log(p->report->status, "%s, %s: %s", x->s->ops->name, s->name, text);
	}
}

static struct moment moment(const struct pump *p, const struct pumped *x)
{
	return (struct moment){.now_us = clock_wall_us(), .now_ms = clock_due_ms(), .held = p->boot->held,
		.emptied = x->emptied};
}

/* Is a CPU where one of the sources would not have its traps planted? */
static bool amid(const struct pump *p)
{
	const struct trap_ops *ops = p->t->ops;
	struct gcpu cpu;

	for (unsigned i = 0; i < p->n; i++) {
		const struct source *s = p->list[i].s;

		for (unsigned v = 0; s->ops->amid && ops->lent && v < p->t->vcpus; v++)
			if (!ops->cpu(p->t, v, &cpu, NULL) && (ops->lent(p->t, cpu.rip) || s->ops->amid(s, cpu.rip)))
				return true;
	}
	return false;
}

/*
 * Hold the VM to plant for all sources: where what takes long can be done before, or a source has it so, at a moment in which
 * its traps can be planted and what waits be taken. 0, with *@since_ns when it began; 1: there is no need; or -errno.
 */
static int hold_to_plant(struct pump *p, int64_t *since_ns, struct err *e)
{
	bool still = false;
	int r;

	for (unsigned i = 0; i < p->n; i++) {
		still |= p->list[i].s->ops->still;
		if (p->t->ops->prepare)
			sites_prepare(&p->list[i].sites, p->list[i].s);
	}
	if (!still && !p->t->ops->prepare)
		return 1;
	*since_ns = clock_mono_ns();
	r = boot_hold(p->boot, e);
	for (unsigned n = 1; !r && n < MOMENTS && still && amid(p); n++) {
		r = boot_let_go(p->boot, e);
		if (r)
			return r;
		clock_sleep_ms(MOMENT_MS);
		*since_ns = clock_mono_ns();
		r = boot_hold(p->boot, e);
	}
	return r;
}

static void planted(struct pump *p, struct pumped *x, bool all)
{
	const struct moment m = moment(p, x);

	x->s->ops->planted(x->s, all, &m);
}

int pump_plant(struct pump *p, struct err *e)
{
	struct err why[PUMP_MAX];
	int64_t since_ns;
	int r[PUMP_MAX] = {0}, held;

	if (!p->t->ops->caps) { /* polls are all that is promised */
		for (unsigned i = 0; i < p->n; i++)
			planted(p, &p->list[i], false);
		return 0;
	}
	held = hold_to_plant(p, &since_ns, e);
	if (held == -ESRCH)
		return held;
	for (unsigned i = 0; i < p->n; i++) {
		struct pumped *x = &p->list[i];

		r[i] = sites_plant(&x->sites, x->s, &why[i]);
		if (x->s->ops->still)
			planted(p, x, !r[i]);
	}
	if (!held) {
		boot_let_go(p->boot, NULL);
		p->t->stopped_ns += (uint64_t)(clock_mono_ns() - since_ns);
	}
	for (unsigned i = 0; i < p->n; i++) {
		struct pumped *x = &p->list[i];

		if (r[i] == -ESRCH) {
			*e = why[i];
			return r[i];
		}
		if (!x->s->ops->still)
			planted(p, x, !r[i]);
		if (r[i]) {
			report_alert(p->report, "no-doorbell", why[i].text);
			status_log(p->report->status, "records of %s are taken by polling only", x->s->ops->name);
		}
		say_how(p, x);
	}
	return 0;
}

/* ---- draining ---- */

static int drain_to_end(struct pumped *x, const struct moment *m, struct err *e)
{
	int r = SOURCE_MORE;

	for (unsigned n = 0; r == SOURCE_MORE && (m->held || n < DRAIN_CALLS); n++)
		r = x->s->ops->drain(x->s, m, e);
	return r;
}

/* 0 or -errno. What is in doubt is left for the next time unless memory is known to be whole. */
static int drain(struct pump *p, struct pumped *x, struct moment m, struct err *e)
{
	int r = drain_to_end(x, &m, e);

	if (r == SOURCE_DOUBT && boot_settled(p->boot)) {
		m.whole = true;
		r = drain_to_end(x, &m, e);
	}
	name_boot(p);
	return r > 0 ? 0 : r;
}

/* Say a trouble once, until it changes. -ESTALE is for who knows the guest, the rest ends here. */
static int judge(struct pump *p, struct pumped *x, int r, const struct err *e)
{
	if (!r)
		x->trouble.text[0] = 0;
	if (!r || r == -ESRCH || r == -ESTALE) /* that the VM is gone the backend will say itself */
		return r == -ESTALE ? r : 0;
	if (strcmp(x->trouble.text, e->text) != 0) {
		x->trouble = *e;
		status_log(p->report->status, "%s", e->text);
	}
	return 0;
}

/* Bring the sites to what the source wants by now; the VM is held. Without doorbells what is left is polling. */
static void replant(struct pump *p, struct pumped *x)
{
	struct err e;
	int r;

	if (!x->sites.armed || sites_in_place(&x->sites, x->s))
		return;
	r = sites_plant(&x->sites, x->s, &e);
	if (r)
		judge(p, x, r, &e);
}

/*
 * The VM is held at a doorbell and the store takes nothing: wait a little for room, then let it go
 * on, since the guest's memory will hold the records for a while longer.
 */
static int drain_held(struct pump *p, struct pumped *x, const struct moment *m, struct err *e)
{
	int64_t until = clock_due_ms() + p->max_hold_ms;
	int r = drain(p, x, *m, e);

	while (r && p->store->failing && !p->gave_up) {
		judge(p, x, r, e);
		if (clock_due_ms() >= until) {
			p->gave_up = true;
			status_log(p->report->status,
				"the VM was held for %u ms; it runs on, and what its ring "
				"cannot keep meanwhile will be a gap",
				p->max_hold_ms);
			break;
		}
		clock_sleep_ms(HOLD_STEP_MS);
		store_tick(p->store);
		if (!p->store->failing)
			r = drain(p, x, *m, e);
	}
	if (!r)
		p->gave_up = false;
	return r;
}

/* ---- events ---- */

/* Is @ev for @x? What has no owner is for all. */
static bool for_it(const struct pumped *x, const struct trap_event *ev)
{
	return !ev->owner || ev->owner == x->s->owner;
}

int pump_stopped(struct pump *p, const struct trap_event *ev, struct err *e)
{
	int ret = 0;

	for (unsigned i = 0; i < p->n && !ret; i++) {
		struct pumped *x = &p->list[i];
		struct moment m = moment(p, x);
		int r;

		if (!for_it(x, ev))
			continue;
		m.now_us = ev->time_us;
		m.rung = true;
		r = x->s->ops->event(x->s, ev, &m, e);
		ret = judge(p, x, r < 0 ? r : drain_held(p, x, &m, e), e);
		if (!ret)
			replant(p, x);
	}
	return ret;
}

int pump_copied(struct pump *p, const struct trap_event *ev, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct pumped *x = &p->list[i];
		struct moment m = moment(p, x);
		int r;

		x->emptied = false;
		if (!for_it(x, ev))
			continue;
		r = x->s->ops->event(x->s, ev, &m, e);
		if (r == SOURCE_DOUBT)
			r = boot_settled(p->boot) ? drain(p, x, m, e) : 0;
		name_boot(p);
		if (judge(p, x, r, e))
			return -ESTALE;
	}
	return 0;
}

int pump_dropped(struct pump *p, const struct trap_event *ev)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct moment m = moment(p, &p->list[i]);

		if (for_it(&p->list[i], ev))
			p->list[i].s->ops->event(p->list[i].s, ev, &m, NULL);
	}
	return 0;
}

int pump_replant(struct pump *p, const struct trap_event *ev, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (for_it(&p->list[i], ev))
			return sites_replant(&p->list[i].sites, ev->tag, e);
	return -ESRCH;
}

void pump_tampered(struct pump *p, const struct trap_event *ev)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct moment m = moment(p, &p->list[i]);

		if (for_it(&p->list[i], ev))
			p->list[i].s->ops->planted(p->list[i].s, !ev->lost, &m);
	}
}

void pump_emptied(struct pump *p)
{
	for (unsigned i = 0; i < p->n; i++)
		p->list[i].emptied = true;
}

/* ---- without being rung for ---- */

int64_t pump_due(const struct pump *p)
{
	int64_t due = INT64_MAX;

	for (unsigned i = 0; i < p->n; i++) {
		int64_t at = p->list[i].s->ops->due(p->list[i].s);

		due = at < due ? at : due;
	}
	return due;
}

static bool is_due(const struct pumped *x, int64_t now_ms)
{
	return x->s->ops->due(x->s) <= now_ms;
}

bool pump_quiet(struct pump *p)
{
	struct moment m = {.now_us = clock_wall_us(), .now_ms = clock_due_ms(), .held = p->boot->held};

	for (unsigned i = 0; i < p->n; i++) {
		struct pumped *x = &p->list[i];

		m.emptied = x->emptied;
		if (is_due(x, m.now_ms) && (!x->s->ops->quiet(x->s, &m) ||
			(x->sites.armed && !sites_in_place(&x->sites, x->s))))
			return false;
	}
	return true;
}

/* The source wants other sites by now: what is written while they are changed is taken after. */
static int replant_running(struct pump *p, struct pumped *x, struct err *e)
{
	struct moment m;
	int r = boot_hold(p->boot, e), stale;

	if (r)
		return r == -ESRCH ? 0 : r;
	replant(p, x);
	m = moment(p, x);
	stale = judge(p, x, drain(p, x, m, e), e);
	r = boot_let_go(p->boot, e);
	return stale ? stale : r == -ESRCH ? 0 : r;
}

/* A function that another tracer had may be free by now. */
static void plant_again(struct pump *p, struct pumped *x)
{
	const struct moment m = moment(p, x);
	struct err e;

	if (!sites_try_again(&x->sites, clock_due_ms()) || sites_plant(&x->sites, x->s, &e))
		return;
	report_alert(p->report, "doorbell", "the guest's code can be trapped now: planted");
	x->s->ops->planted(x->s, true, &m);
}

static int poll_one(struct pump *p, struct pumped *x, struct err *e)
{
	const struct moment m = moment(p, x);
	int r;

	if (!is_due(x, m.now_ms))
		return 0;
	r = judge(p, x, drain(p, x, m, e), e);
	x->emptied = false;
	if (r)
		return r;
	if (x->sites.armed && !sites_in_place(&x->sites, x->s))
		return replant_running(p, x, e);
	plant_again(p, x);
	return 0;
}

int pump_poll(struct pump *p, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < p->n && !r; i++)
		r = poll_one(p, &p->list[i], e);
	return r;
}

void pump_blind(struct pump *p, const char *why)
{
	const unsigned channels = pump_channels(p->table) & p->channels, numbered = pump_numbered(p->table);

	for (unsigned ch = 0; ch < RECORD_CHANNELS; ch++) {
		if (!(channels >> ch & 1))
			continue;
		meta_blind(store_meta(p->store, META_GAP), ch, numbered >> ch & 1 ? p->resume->at[ch].next : 0, why);
		store_put_meta(p->store, NULL);
	}
}

/* ---- the end ---- */

void pump_take_all(struct pump *p)
{
	struct err e;

	for (unsigned i = 0; i < p->n; i++) {
		struct moment m = moment(p, &p->list[i]);

		m.rung = true;
		drain(p, &p->list[i], m, &e);
	}
}

void pump_end(struct pump *p, bool readable, int64_t now_us)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct pumped *x = &p->list[i];
		struct moment m = moment(p, x);
		struct err e;

		m.now_us = now_us;
		m.whole = readable;
		judge(p, x, x->s->ops->end(x->s, &m, readable, &e), &e);
	}
}

/* ---- asking ---- */

void pump_counters(const struct pump *p, struct source_counters *c)
{
	*c = p->before;
	for (unsigned i = 0; i < p->n; i++)
		add(c, p->list[i].s->ops->counters(p->list[i].s));
}

void pump_report(const struct pump *p, struct meta *m)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->list[i].s->ops->report)
			p->list[i].s->ops->report(p->list[i].s, m);
}

void pump_describe(const struct pump *p, char *buf, size_t n)
{
	size_t used = 0;

	*buf = 0;
	for (unsigned i = 0; i < p->n && used < n; i++)
		used += (size_t)snprintf(buf + used, n - used, "%s%s", i ? ", " : "", p->list[i].s->desc);
}
