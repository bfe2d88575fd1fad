/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.h - what the capture says of itself: to people on stderr (status.h), and in Logvisor's own records in
 * the ledger. What cannot be stored was at least said.
 */
#ifndef LOGVISOR_WORKER_REPORT_H
#define LOGVISOR_WORKER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/guest.h"
#include "trap/trap.h"
#include "worker/status.h"
#include "worker/store.h"

/*
 * Root in the guest can have alerts written as often as he likes, a trap overwritten and planted again ten times a
 * second: so of each kind REPORT_BURST at once, then one in REPORT_AGAIN_MS, which says how many were left out.
 */
#define REPORT_BURST 20
#define REPORT_AGAIN_MS 5000
#define REPORT_KINDS 12

struct report_pace {
	struct {
		const char *what; /* NULL: free */
		unsigned told;    /* of the burst */
		int64_t since_ms; /* clock_due_ms(): when `told` was last counted down */
		uint64_t left_out;
	} kind[REPORT_KINDS];
};

struct report {
	struct store *store;
	struct status *status;
	const char *target;
	struct report_pace *pace; /* of alerts; NULL: write them all */
	unsigned heartbeat_s; /* seconds from one heartbeat to the next, which the attach record says; 0: not said */
	bool host; /* a log of this host's own: there is no VM to speak of */
};

/* The first records of a session: what a crash cost, and the attachment. */
void report_attached(const struct report *r, const struct trap *t, const struct ledger_recovery *rec);
/* A boot of the guest that the ledger does not have yet. */
void report_boot(const struct report *r, const struct guest_info *info);
/* @what: a word to search for, a constant string; @text: the sentence. */
void report_alert(const struct report *r, const char *what, const char *text);
/* Begin a heartbeat, to be completed by store_put_meta(). */
struct meta *report_heartbeat(const struct report *r, const struct trap *t, const struct meta_counters *c);
/*
 * The last record of a session: the VM ended (@r 1), the attachment broke (@r < 0, @why), or @why is why it
 * was given up. And what is told people once the store is closed; @left: traps that could not be taken out;
 * @unsaved: records that could not be written (store_close()).
 */
void report_ended(const struct report *rep, int r, const char *why, const struct meta_counters *c);
void report_left(const struct report *rep, int r, const struct meta_counters *c, unsigned left,
	uint64_t unsaved);

#endif
