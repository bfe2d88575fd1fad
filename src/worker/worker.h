/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worker.h - the process that keeps one VM's log: attaches to the VM, follows its kernel's log from
 * boot to boot, and stores what it finds, until it is told to stop or the VM ends.
 */
#ifndef LOGVISOR_WORKER_WORKER_H
#define LOGVISOR_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "mirror/policy.h"
#include "mirror/push/upload.h"
#include "util/err.h"
#include "util/span.h"

struct worker_options {
	const char *name;    /* of the VM */
	const char *target;  /* "gdb:/run/web01.gdb" */
	const char *dir;     /* of the ledger */
	unsigned heartbeat_s;
	unsigned max_hold_ms; /* how long the VM may be held when the store takes nothing */
	uint64_t keep_bytes; /* retention, 0: all */
	int64_t keep_us;     /* retention by age, 0: all */
	bool strict;         /* hold the VM for each record, also in a flood */
	bool poll;           /* plant nothing, look at the logs now and then */
	unsigned channels;   /* 1 << enum record_channel: those that are kept */
	const struct span *files; /* patterns of paths: log files that are followed. Without any RECORD_FILES must not be in channels */
	unsigned n_files;
	const struct upload_target *peers; /* mirrors and witnesses that are kept up to date */
	unsigned n_peers;
	const struct policy *policy; /* whose cosignatures allow retention to remove; NULL: none is wanted */
};

#define WORKER_HEARTBEAT_S 60
#define WORKER_MAX_HOLD_MS 1000

/*
 * Run until SIGINT, SIGTERM, SIGHUP or the end of the VM. 0: ended well; 1: ended well, but records
 * were lost; negative errno with @e: could not begin, or the attachment broke.
 */
int worker_run(const struct worker_options *o, struct err *e);

#endif
