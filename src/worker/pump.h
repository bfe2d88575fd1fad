/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pump.h - from the traps through the sources to the store: events go to the source that wanted the site,
 * sources are drained when they are rung for or due, and what they emit is stored. Knows no kind of log.
 */
#ifndef LOGVISOR_WORKER_PUMP_H
#define LOGVISOR_WORKER_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "source/source.h"
#include "worker/boot.h"
#include "worker/report.h"
#include "worker/resume.h"
#include "worker/sites.h"
#include "worker/store.h"

#define PUMP_MAX 8 /* sources open; a table has at most 32 */

struct pump {
	struct trap *t;
	struct boot *boot;
	const struct report *report;
	struct store *store;
	struct resume *resume;
	const struct source_ops *const *table; /* source_table; tests have their own */
	struct source_sink sink;
	unsigned max_hold_ms;
	bool strict; /* hold the VM for each record */
	unsigned channels; /* 1 << enum record_channel: those that are wanted */
	const struct span *files; /* of log files those, as struct source_start has them */
	unsigned n_files;

	struct pumped {
		struct source *s;
		struct sites sites;
		bool emptied;       /* see struct moment */
		struct err trouble; /* said already */
	} list[PUMP_MAX];
	unsigned n;
	unsigned told; /* 1 << place in the table: it was told that this one cannot be opened */
	struct source_counters before; /* of sources that were closed */
	bool gave_up; /* the store takes nothing and the VM was held long enough */
};

void pump_init(struct pump *p, struct trap *t, struct boot *b, const struct report *rep,
	struct resume *at, unsigned max_hold_ms);

/* The channels that sources of @table emit, 1 << enum record_channel. */
unsigned pump_channels(const struct source_ops *const *table);
/* Can backend @trap do all of @channels that are asked for, and is it any of them? 0, or -ENOTSUP with @e. */
int pump_supported(const struct source_ops *const *table, unsigned channels, const struct trap_ops *trap, struct err *e);
/* Those of them whose records have the guest's numbers. */
unsigned pump_numbered(const struct source_ops *const *table);

/*
 * Open every source in the guest found. -errno of one that is needed, and none is open then; another that
 * cannot be opened is told by an alert and left out.
 */
int pump_open(struct pump *p, struct err *e);
/* Does one of them go on in a boot that the ledger has? */
bool pump_resumed(const struct pump *p);
/* Plant what they want. A source without traps is polled, and an alert says so. 0, or -ESRCH with @e. */
int pump_plant(struct pump *p, struct err *e);

/*
 * An event of the backend. 0; -ESTALE: a source says that the guest must be found again; -ESRCH is left for
 * the backend to report. The VM is let go on.
 */
int pump_stopped(struct pump *p, const struct trap_event *ev, struct err *e);
int pump_copied(struct pump *p, const struct trap_event *ev, struct err *e);
int pump_dropped(struct pump *p, const struct trap_event *ev);
/* Plant the site that @ev is about again: plant()'s result; -ESRCH: no source wants it any more. */
int pump_replant(struct pump *p, const struct trap_event *ev, struct err *e);
/* A site was found changed: ev->lost of its owner's have no trap now. */
void pump_tampered(struct pump *p, const struct trap_event *ev);
/* Nothing that happened before is still to be reported. */
void pump_emptied(struct pump *p);

/* When a source wants to be drained, clock_due_ms(). */
int64_t pump_due(const struct pump *p);
/* Are all that are due so with nothing to do? */
bool pump_quiet(struct pump *p);
/* Drain those that are due. As pump_stopped(). */
int pump_poll(struct pump *p, struct err *e);

/* The logs of all sources cannot be seen from now on, for @why: a gap of unknown size in each channel. */
void pump_blind(struct pump *p, const char *why);

/* The VM is held, to be left: take what is there. */
void pump_take_all(struct pump *p);
/* The guest is gone: what is left of it, from its memory if @readable. */
void pump_end(struct pump *p, bool readable, int64_t now_us);
void pump_unplant(struct pump *p);
/* Take the sites out and close the sources. */
void pump_close(struct pump *p);

void pump_counters(const struct pump *p, struct source_counters *c);
/* What sources add to a heartbeat. */
void pump_report(const struct pump *p, struct meta *m);
/* For people: what the sources found, ", " between them. */
void pump_describe(const struct pump *p, char *buf, size_t n);

#endif
