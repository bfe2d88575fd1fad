/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pane.h - one ledger as it is shown: the walk over it, from one selected record to the next, and what was
 * found damaged on the way. Several panes are merged by the time of their records.
 */
#ifndef LOGVISOR_CLI_PANE_H
#define LOGVISOR_CLI_PANE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/parts.h"
#include "cli/scan.h"
#include "cli/select.h"
#include "record/form.h"
#include "record/record.h"

struct pane {
	char name[RECORD_NAME_MAX + 1];
	struct ledger_reader *reader;
	struct parts *parts;
	const struct selection *select; /* set these three before the first walk */
	struct form form;               /* what it does not show is not selected */
	const char *boot;               /* the boot wanted of this ledger, or NULL */
	char boot_id[17];               /* room for it */
	struct scan scan;
	uint64_t from, to; /* the range being shown */
	bool narrow; /* not every record is wanted: look before decoding */
	bool quiet; /* tell nothing of damage: the same range will be walked again */

	/* The record in hand, if has. */
	bool has;
	struct record r;
	struct span leaf;
	uint64_t index;

	bool has_shown; /* the index of the record shown last */
	uint64_t shown;

	uint64_t sealed;  /* so many records the checkpoint claims */
	uint64_t damages; /* places damaged */
	uint64_t removed; /* records wanted that --keep had removed */
	uint64_t undecided, undecided_first; /* records on which the pattern gave up; the first one's index */
	uint64_t bad_from, bad_to; /* damaged entries not told of yet */
	struct err bad_why;
	char scratch[RECORD_LEAF_MAX];
};

/* Open ledger @name of the store. *out is freed by pane_close(). -errno with @e. */
int pane_open(struct pane **out, const char *store, const char *name, struct err *e);
void pane_close(struct pane *v);

/* Begin a walk, as scan_begin() does. */
void pane_begin(struct pane *v, uint64_t from, uint64_t to, bool backward);

/* Tell of the damage met last. */
void pane_flush(struct pane *v);

/* The end of all walks: what was signed and is not there, and how often it was damaged, is told. */
void pane_finish(struct pane *v);

struct panes {
	struct pane **pane;
	size_t n;
	bool backward;
};

/* The pane whose next record is the earliest (the latest, if backward) of all, with it in hand; or NULL. */
struct pane *panes_next(struct panes *all);

#endif
