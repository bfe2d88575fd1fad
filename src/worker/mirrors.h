/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mirrors.h - that the ledger itself tells when it was alone: an alert when a mirror or witness has cosigned nothing
 * new for long, or refuses this history; and one when it cosigns again. What is known of them stands in the ledger's
 * directory (ledger/cosigned.h, mirror/push/state.h), where their uploaders write it.
 */
#ifndef LOGVISOR_WORKER_MIRRORS_H
#define LOGVISOR_WORKER_MIRRORS_H

#include <stdint.h>

#include "mirror/push/uploader.h"
#include "worker/report.h"

#define MIRRORS_LOOK_MS 5000
#define MIRRORS_LATE_MS 300000 /* without a cosignature while there is something to cosign */

struct mirrors {
	const struct upload_target *peers;
	unsigned n;
	int64_t next_ms;
	struct {
		uint64_t size;      /* cosigned */
		int64_t since_ms;   /* when that last grew, or nothing was missing */
		const char *told;   /* the alert that stands, NULL: none */
	} of[UPLOADERS_MAX];
};

/* From @now_ms (clock_due_ms()) on; @peers is borrowed, at most UPLOADERS_MAX of them. */
void mirrors_init(struct mirrors *m, const struct upload_target *peers, unsigned n, int64_t now_ms);

/* Look, if it is time to, and report. */
void mirrors_tick(struct mirrors *m, const struct report *r, int64_t now_ms);

#endif
