/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worker.c - the life of the process: ledger and VM opened while it is privileged, then nothing but the two in
 * reach (confine.h); one event at a time to follow.h until a signal or the VM's end, with store, heartbeat and
 * retention in between; last words written, and all of it signed.
 */
#include "worker/worker.h"

#include "util/clock.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mirror/push/uploader.h"
#include "worker/confine.h"
#include "worker/follow.h"
#include "worker/mirrors.h"
#include "worker/report.h"
#include "worker/resume.h"
#include "worker/status.h"
#include "worker/store.h"

#define WAIT_MAX_MS 100 /* a signal that comes just before the wait is seen this late */
#define PRUNE_EVERY_MS 60000

struct worker {
	const struct worker_options *o;
	struct trap *t;
	struct store store;
	struct status status;
	struct report report;
	struct resume resume;
	struct follow follow;
	int64_t next_heartbeat_ms, next_prune_ms;
	uint64_t blind; /* gaps of unknown size that the ledger had before */
	struct report_pace pace;
	struct uploaders uploaders; /* pid -1: none */
	struct mirrors mirrors;
	bool store_said;
	bool alone; /* no file but the ledger's can be reached */
};

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	caught = 0;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

/* Ledger first if it exists: then a second worker is refused before it disturbs the VM. */
static int open_both(struct worker *w, struct ledger_recovery *rec, struct err *e)
{
	const struct worker_options *o = w->o;
	const struct source_ops *const *table = NULL;
	bool old = access(o->dir, F_OK) == 0;
	int r = old ? store_open(&w->store, o->dir, o->name, rec, e) : 0;

	if (!r)
		r = trap_attach(&w->t, o->target, e);
	if (!r && o->poll)
		r = w->t->ops->poll_only ? w->t->ops->poll_only(w->t) :
			err_set(e, ENOTSUP, "--poll is for targets xen:DOMAIN");
	if (!r) {
		table = source_table_of(w->t->ops);
		r = pump_supported(table, o->channels, w->t->ops, e);
	}
	if (!r && !old)
		r = store_open(&w->store, o->dir, o->name, rec, e);
	if (!r && !rec->created)
		r = resume_find(&w->resume, pump_numbered(table), o->dir, e);
	if (!r)
		r = worker_confine(o->dir, &w->alone, e);
	return r;
}

static void heartbeat(struct worker *w, int64_t now)
{
	struct meta_counters c;

	if (now < w->next_heartbeat_ms)
		return;
	w->next_heartbeat_ms = now + (int64_t)w->o->heartbeat_s * 1000;
	follow_counters(&w->follow, &c);
	pump_report(&w->follow.pump, report_heartbeat(&w->report, w->t, &c));
	store_put_meta(&w->store, NULL);
}

static void prune(struct worker *w, int64_t now)
{
	const struct worker_options *o = w->o;
	uint64_t pruned = 0;
	struct quorum q;
	struct err e = {""};

	if ((!o->keep_bytes && !o->keep_us) || now < w->next_prune_ms)
		return;
	w->next_prune_ms = now + PRUNE_EVERY_MS;
	if (store_prune(&w->store, o->keep_bytes, o->keep_us ? clock_wall_us() - o->keep_us : 0, o->policy, &pruned, &q,
		    &e))
		status_log(&w->status, "%s", e.text);
	else if (pruned)
		status_log(
			&w->status, "removed the oldest %" PRIu64 " records (retention)", pruned);
	if (q.forks || q.wrong)
		status_log(&w->status, "nothing more is removed: %s", q.why.text);
}

static void tick_store(struct worker *w)
{
	int r = store_tick(&w->store);

	if (r && r != -EAGAIN && !w->store_said) {
		w->store_said = true;
		status_log(&w->status, "%s; trying again", w->store.why.text);
	} else if (!r && w->store_said) {
		w->store_said = false;
		status_log(&w->status, "the store takes records again");
	}
}

static void show(struct worker *w, int64_t now)
{
	struct meta_counters c;
	struct status_figures f;

	follow_counters(&w->follow, &c);
	f = (struct status_figures){c.records, c.lost, store_lag(&w->store),
		w->store.failing ? "the store takes nothing" :
			boot_found(&w->follow.boot) ? NULL : "waiting for the guest's kernel"};
	status_show(&w->status, now, &f);
}

/* Until a signal (0), the VM's end (1), or trouble. */
static int loop(struct worker *w, struct err *e)
{
	struct trap_event ev;
	int r = 0;

	while (!caught) {
		int64_t now;

		r = follow_tick(&w->follow, e);
		if (r)
			return r;
		r = w->t->ops->wait(w->t, follow_due(&w->follow, store_due(&w->store, WAIT_MAX_MS)),
			&ev, e);
		if (!r)
			r = follow_event(&w->follow, &ev, e);
		if (r)
			return r;
		now = clock_due_ms();
		tick_store(w);
		heartbeat(w, now);
		prune(w, now);
		mirrors_tick(&w->mirrors, &w->report, now);
		show(w, now);
	}
	return 0;
}

static void end_uploads(struct worker *w)
{
	if (w->uploaders.pid > 0)
		uploaders_end(&w->uploaders);
}

/* The last record of a session; then everything is signed, and what of that can be is brought to the mirrors. */
static int finish(struct worker *w, int r, const struct err *why, struct err *e)
{
	struct meta_counters c;
	struct err close_why;
	unsigned left;
	int closed;

	follow_stop(&w->follow);
	follow_counters(&w->follow, &c);
	left = w->t->ops->detach(w->t);
	report_ended(&w->report, r, r < 0 ? why->text : strsignal(caught), &c);
	show(w, w->status.next_ms);
	status_end(&w->status);
	closed = store_close(&w->store, &close_why);
	end_uploads(w);
	report_left(&w->report, r, &c, left, w->store.unsaved);
	if (closed && r >= 0)
		return err_set(e, EIO, "%s", close_why.text);
	return r < 0 ? r : c.lost || w->store.blind > w->blind ? 1 : 0;
}

int worker_run(const struct worker_options *o, struct err *e)
{
	struct worker w = {.o = o, .uploaders = {-1, -1, -1}};
	struct ledger_recovery rec = {0};
	struct err why = {""};
	int r;

	status_init(&w.status, o->name);
	catch_signals();
	/* Before there is a guest's memory or a key that they could have with them. */
	r = o->n_peers ? uploaders_start(&w.uploaders, o->name, o->dir, o->peers, o->n_peers, e) : 0;
	if (!r)
		r = open_both(&w, &rec, e);
	if (r) {
		if (w.t)
			w.t->ops->detach(w.t);
		if (w.store.ledger)
			store_close(&w.store, NULL);
		end_uploads(&w);
		return r;
	}
	if (w.uploaders.pid > 0)
		uploaders_go(&w.uploaders);
	if (o->n_peers)
		w.store.sign_ms = STORE_MIRRORED_MS;
	w.blind = w.store.blind;
	w.report = (struct report){&w.store, &w.status, o->target, &w.pace, o->heartbeat_s,
		w.t->host != NULL};
	mirrors_init(&w.mirrors, o->peers, o->n_peers, clock_due_ms());
	follow_init(&w.follow, w.t, &w.report, &w.resume, o->max_hold_ms);
	w.follow.pump.strict = o->strict;
	w.follow.pump.channels = o->channels;
	w.follow.pump.files = o->files;
	w.follow.pump.n_files = o->n_files;
	if (w.t->ops->limit_hold)
		w.t->ops->limit_hold(w.t, o->max_hold_ms);
	report_attached(&w.report, w.t, &rec);
	if (!w.alone)
		status_log(&w.status, "this kernel has no Landlock: other VMs' ledgers are kept from this "
			"worker by the store directory's mode only");
	w.next_heartbeat_ms = clock_due_ms() + (int64_t)o->heartbeat_s * 1000;
	r = loop(&w, &why);
	if (r < 0)
		*e = why;
	return finish(&w, r, &why, e);
}
