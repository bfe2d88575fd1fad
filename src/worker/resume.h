/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * resume.h - where capture goes on: the last records that the ledger holds of each channel, kept up to date
 * while records are stored, and read back from the ledger by the next worker.
 */
#ifndef LOGVISOR_WORKER_RESUME_H
#define LOGVISOR_WORKER_RESUME_H

#include "source/source.h"

/* By channel; each entry names the boot it is of. */
struct resume {
	struct source_resume at[RECORD_CHANNELS];
};

/* Remember @r, which was stored: a guest's record, or a gap. */
void resume_note(struct resume *at, const struct record *r);

/* Is @r, about to be stored, one that a gap accounted for as lost, finished after all? */
bool resume_fills(const struct resume *at, const struct record *r);

/*
 * Read it from the ledger in @dir, for the channels of @channels (1 << enum record_channel), in one pass from
 * the newest record back. 0 or -errno with @e.
 */
int resume_find(struct resume *at, unsigned channels, const char *dir, struct err *e);

/*
 * source_sink.recall: every record of @channel in the ledger in @dir, newest first. What was put and not
 * committed is not among them.
 */
int resume_recall(const char *dir, enum record_channel channel, source_known known, void *ctx,
	struct err *e);

#endif
