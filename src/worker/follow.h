/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * follow.h - following one guest's logs through its boots: find the kernel, go on where the ledger stopped,
 * plant, drain, notice that the guest rebooted, begin again. Which kernel runs is boot.h's business, what it
 * logs pump.h's; here the two are brought together.
 */
#ifndef LOGVISOR_WORKER_FOLLOW_H
#define LOGVISOR_WORKER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "record/meta.h"
#include "trap/trap.h"
#include "worker/boot.h"
#include "worker/pump.h"
#include "worker/report.h"
#include "worker/resume.h"

struct follow {
	struct trap *t;
	const struct report *report;
	struct boot boot;
	struct pump pump;
	int64_t wait_ms; /* clock_due_ms(): nothing is to be believed before */
};

/*
 * @rep and @at, which is where capture goes on, must outlive @f. max_hold_ms: how long the VM may be held when
 * the store takes nothing. f->pump.strict and .table may be set then.
 */
void follow_init(struct follow *f, struct trap *t, const struct report *rep, struct resume *at,
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

/* Sums over all boots and sources. */
void follow_counters(const struct follow *f, struct meta_counters *c);

#endif
