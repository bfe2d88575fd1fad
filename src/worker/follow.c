/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * follow.c - one guest through its boots. There is a kernel (boot.g) or there is none; with one, sources are
 * open and their sites planted (pump). Whatever is concluded from the guest's memory is concluded here, after
 * boot.h was asked whether that memory is still the guest's.
 */
#include "worker/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/pages.h"

void follow_init(struct follow *f, struct trap *t, const struct report *rep, struct resume *at,
	unsigned max_hold_ms)
{
	memset(f, 0, sizeof(*f));
	f->t = t;
	f->report = rep;
	boot_init(&f->boot, t);
	pump_init(&f->pump, t, &f->boot, rep, at, max_hold_ms);
}

void follow_counters(const struct follow *f, struct meta_counters *c)
{
	struct source_counters s;

	pump_counters(&f->pump, &s);
	*c = (struct meta_counters){s.records, s.live, s.backfill, s.late, s.partial, s.lost,
		s.gaps, s.truncated, (uint64_t)store_lag(f->report->store) * 1000};
}

static void forget(struct follow *f)
{
	pump_close(&f->pump);
	boot_forget(&f->boot);
}

/* ---- no kernel ---- */

/* The kernel is found and its logs are open: write it down, arm, take what is there. */
static int begin(struct follow *f, struct err *e)
{
	const struct guest_info *info = boot_info(&f->boot);
	bool resumed = pump_resumed(&f->pump);
	char found[512];
	int r;

	if (!resumed)
		report_boot(f->report, info);
	boot_begin(&f->boot);
	pages_release();
	r = pump_plant(&f->pump, e);
	if (r)
		return r;
	pump_describe(&f->pump, found, sizeof(found));
	status_log(f->report->status, "following %s, boot %s, %s%s", info->release, f->report->store->boot,
		found, resumed ? ", where the ledger stopped" : "");
	if (f->t->stopped_ns)
		status_log(f->report->status, "planted; for that the VM stood still for %" PRIu64 " us",
			f->t->stopped_ns / 1000);
	f->wait_ms = 0;
	return 0;
}

static int seek(struct follow *f, struct err *e)
{
	int r = boot_find(&f->boot, e);

	if (!r)
		r = pump_open(&f->pump, e);
	if (!r)
		return begin(f, e);
	switch (boot_not_found(&f->boot, r, e)) {
	case BOOT_NEVER:
		return r;
	case BOOT_WAITS:
		status_log(f->report->status, "waiting for the guest's kernel: %s", e->text);
		break;
	case BOOT_BLIND:
		report_alert(f->report, "blind", e->text);
		pump_blind(&f->pump, e->text);
		break;
	case BOOT_NONE:
		report_alert(f->report, "no-kernel", e->text);
		pump_blind(&f->pump, e->text);
		break;
	case BOOT_LATER:
		break;
	}
	return 0;
}

/* ---- a kernel ---- */

/* What to make of what boot.h says: true if the guest is there, and its memory can be read. */
static bool is_there(struct follow *f, enum boot_is is, const struct err *why)
{
	switch (is) {
	case BOOT_ALTERED:
		report_alert(f->report, "kernel-altered", why->text);
		return true;
	case BOOT_SAME:
		return true;
	case BOOT_UNSURE:
		f->wait_ms = f->boot.look_ms;
		return false;
	case BOOT_STOPPED: /* its last words can be taken */
	case BOOT_GONE:
		break;
	}
	status_log(f->report->status, "the guest rebooted: %s", why->text);
	pump_end(&f->pump, is == BOOT_STOPPED, clock_wall_us());
	forget(f);
	return false;
}

static bool is_alive(struct follow *f)
{
	struct err why = {""};

	return boot_found(&f->boot) && is_there(f, boot_alive(&f->boot, &why), &why);
}

/* A source found its log elsewhere: so it is another guest, or another stage of it. */
static void moved(struct follow *f, int r, const struct err *e)
{
	if (r != -ESTALE)
		return;
	status_log(f->report->status, "%s", e->text);
	forget(f);
}

static int stopped(struct follow *f, const struct trap_event *ev, struct err *e)
{
	int r;

	f->boot.held = true;
	if (is_alive(f))
		moved(f, pump_stopped(&f->pump, ev, e), e);
	r = boot_let_go(&f->boot, e);
	return r == -ESRCH ? 0 : r;
}

/*
 * A site holds other bytes than were planted. In the guest it was planted in it is planted again, if that can be;
 * as long as it is not known whether this is that guest, the backend will ask again.
 */
static void changed(struct follow *f, const struct trap_event *ev)
{
	struct trap_event said = *ev;
	char text[sizeof(ev->text) + 64];
	struct err e;
	int r;

	if (!boot_same_guest(&f->boot))
		return;
	r = pump_replant(&f->pump, ev, &e);
	if (r == -ESRCH)
		return;
	said.lost += r != 0;
	snprintf(text, sizeof(text), "%s; %s", ev->text, r ? "the log is polled until it is free" : "planted again");
	report_alert(f->report, "trap", text);
	pump_tampered(&f->pump, &said);
	f->boot.look_ms = 0;
}

/* What the backend found of its traps; polls take over where one is missing. */
static void tampered(struct follow *f, const struct trap_event *ev)
{
	bool was = boot_found(&f->boot);

	f->boot.alive_ms = 0;
	if (!is_alive(f) && was)
		return; /* no wonder */
	report_alert(f->report, "trap", ev->text);
	pump_tampered(&f->pump, ev);
	f->boot.look_ms = 0;
}

/* Traps rest, or do so no more: polls take over meanwhile. */
static void rested(struct follow *f, const struct trap_event *ev)
{
	struct trap_event all = *ev;

	all.lost = ev->type == TRAP_RESTS;
	if (ev->text[0])
		report_alert(f->report, "trap", ev->text);
	pump_tampered(&f->pump, &all);
}

int follow_event(struct follow *f, const struct trap_event *ev, struct err *e)
{
	if (ev->emptied)
		pump_emptied(&f->pump);
	switch (ev->type) {
	case TRAP_IDLE:
		if (ev->text[0])
			status_log(f->report->status, "%s", ev->text);
		return 0;
	case TRAP_STOPPED:
		return stopped(f, ev, e);
	case TRAP_COPY:
		moved(f, pump_copied(&f->pump, ev, e), e);
		return ev->held ? f->t->ops->resume(f->t, e) : 0;
	case TRAP_LOST:
		status_log(f->report->status, "the backend dropped %" PRIu64 " events, and %" PRIu64
			" led nowhere; the ring is walked", ev->lost, ev->failed);
		pump_dropped(&f->pump, ev);
		f->boot.look_ms = 0;
		return 0;
	case TRAP_CHANGED:
		changed(f, ev);
		return 0;
	case TRAP_RESTS:
	case TRAP_AWAKE:
		rested(f, ev);
		return 0;
	case TRAP_ALERT:
		tampered(f, ev);
		return 0;
	case TRAP_RESET:
		status_log(f->report->status, "%s", ev->text);
		pump_end(&f->pump, true, clock_wall_us());
		if (boot_found(&f->boot))
			forget(f);
		return 0;
	case TRAP_GONE:
		if (ev->text[0])
			status_log(f->report->status, "%s", ev->text);
		pump_end(&f->pump, true, ev->time_us ? ev->time_us : clock_wall_us());
		return 1;
	}
	return 0;
}

/* When there is something to do, clock_due_ms(). */
static int64_t due(const struct follow *f)
{
	int64_t at = pump_due(&f->pump);

	if (!boot_found(&f->boot))
		return f->boot.seek_ms;
	at = at < f->boot.look_ms ? at : f->boot.look_ms;
	return at > f->wait_ms ? at : f->wait_ms;
}

int follow_tick(struct follow *f, struct err *e)
{
	int64_t now = clock_due_ms();
	struct err why = {""};
	int r;

	if (now < due(f))
		return 0;
	if (!boot_found(&f->boot)) {
		r = seek(f, e);
		return r == -ESRCH ? 0 : r;
	}
	boot_round(&f->boot);
	/* One word of each log tells that nothing was logged: all that an idle guest costs most of the time. */
	if (now < f->boot.look_ms && pump_quiet(&f->pump))
		return 0;
	if (!is_there(f, boot_look(&f->boot, &why), &why))
		return 0;
	r = pump_poll(&f->pump, e);
	boot_round_over(&f->boot);
	moved(f, r, e);
	return r == -ESTALE ? 0 : r;
}

int follow_due(const struct follow *f, int max)
{
	int64_t left = due(f) - clock_due_ms();

	return left < 0 ? 0 : left < max ? (int)left : max;
}

void follow_stop(struct follow *f)
{
	struct err e;

	if (!boot_found(&f->boot))
		return;
	if (!boot_hold(&f->boot, &e)) {
		if (boot_readable(&f->boot))
			pump_take_all(&f->pump);
		pump_unplant(&f->pump);
		boot_let_go(&f->boot, &e);
	}
	forget(f);
}
