/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * follow.h - following one guest's kernel log through its boots: find the kernel, go on where the
 * ledger stopped, plant the doorbell, drain, notice that the guest rebooted, begin again.
 */
#ifndef LOGVISOR_WORKER_FOLLOW_H
#define LOGVISOR_WORKER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/guest.h"
#include "source/printk/printk.h"
#include "trap/trap.h"
#include "worker/status.h"
#include "worker/store.h"

#define FOLLOW_POLL_MS 100
#define FOLLOW_LOOK_MS 5000 /* whether it is still the same guest, while it is quiet */

struct follow {
	struct trap *t;
	struct store *store;
	struct status *status;
	struct source_sink sink;
	unsigned max_hold_ms;
	bool strict;        /* set by the owner after follow_init(): hold the VM for each record */
	bool flood_said;

	struct guest *g;    /* NULL while no kernel is found */
	struct printk *p;
	struct source_counters before; /* of boots that are over */
	struct trap_site planted[TRAP_SITES_MAX];
	unsigned n_planted;
	bool armed;         /* all sites wanted are planted */
	bool emptied;       /* all copies made up to the last look were taken */
	int64_t next_plant_ms;

	int64_t next_find_ms, find_pause_ms;
	bool followed;      /* some kernel of this guest was */
	int64_t strange_ms; /* since then what runs is no kernel that can be followed; 0: it is none yet */
	bool strange_said;
	char waiting[sizeof(((struct err *)0)->text)]; /* said already */
	int64_t event_ms;   /* of the last doorbell */
	int64_t next_poll_ms, next_look_ms, next_alive_ms;
	bool gave_up;       /* the store takes nothing and the VM was held long enough */
	struct err trouble; /* said already */

	/* Memory that only CPUs of the VM have written: see settled(). */
	bool held;          /* by us */
	bool doubt, asked;  /* waiting for them to run; this time too */
	uint64_t runs;

	/* Is the kernel found still the one that runs? Its clock says so while it ticks. */
	uint64_t jiffies_gva, jiffies;
	int64_t ticked_ms, next_check_ms, check_pause_ms;
};

void follow_init(struct follow *f, struct trap *t, struct store *s, struct status *st,
	unsigned max_hold_ms);

/*
 * One event of the backend, and whatever is due besides. 0; 1 when the VM ended; or -errno with @e
 * when the attachment broke or the guest is none that can be followed.
 */
int follow_event(struct follow *f, const struct trap_event *ev, struct err *e);
int follow_tick(struct follow *f, struct err *e);

/* Milliseconds until follow_tick() has something to do, at most @max. */
int follow_due(const struct follow *f, int max);

/* Take what is there before detaching; the VM runs on. */
void follow_stop(struct follow *f);

/* Sums over all boots. */
void follow_counters(const struct follow *f, struct meta_counters *c);

#endif
