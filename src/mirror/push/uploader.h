/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uploader.h - the process that keeps one mirror or witness up to date: confined to the ledger's directory, without
 * network (that is its courier's) and without the guest. When the peer is away it waits, longer each time, and
 * begins again where the peer is; the ledger does not wait for it.
 */
#ifndef LOGVISOR_MIRROR_PUSH_UPLOADER_H
#define LOGVISOR_MIRROR_PUSH_UPLOADER_H

#include <stdbool.h>

#include "mirror/push/upload.h"

#define UPLOADER_AGAIN 3
#define UPLOADER_LAST_MS 10000 /* for what is left when the ledger's writer has ended */

struct uploader {
	const char *name, *dir; /* the VM and its ledger */
	struct upload_target target;
	bool once;              /* until the present checkpoint is cosigned, or that does not succeed */
	int go, stop;           /* begin when the other end of `go` is closed, end after that of `stop` is; -1: neither */
};

/*
 * Become it. Returns what the process is to exit with: 0: ended as it should; 1: the peer refuses this history, has
 * another or lies; 2: trouble, told to stderr; UPLOADER_AGAIN: its courier died, another uploader goes on.
 */
int uploader_run(const struct uploader *o);

/* ---- the family of a worker's uploaders, one for each target, in a process that starts them again ---- */

#define UPLOADERS_MAX 64

struct uploaders {
	pid_t pid;
	int go, stop;
};

/*
 * Start them for the ledger in @dir, which need not be there before uploaders_go(). To be called before this process
 * has read anything that is not theirs. 0 or -errno with @e.
 */
int uploaders_start(struct uploaders *u, const char *name, const char *dir, const struct upload_target *target,
	unsigned n, struct err *e);
void uploaders_go(struct uploaders *u);

/* The ledger's last word is signed: wait until it is away, at most UPLOADER_LAST_MS and a little. */
void uploaders_end(struct uploaders *u);

#endif
