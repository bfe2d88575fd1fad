/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.h - give up every right that is not needed any more. What a process opened before stays open;
 * what it can do afterwards is work with that, and nothing else.
 */
#ifndef LOGVISOR_UTIL_SANDBOX_H
#define LOGVISOR_UTIL_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/* The user that workers become, made by the package; where it does not exist, SANDBOX_UID. */
#define SANDBOX_USER "logvisor"
#define SANDBOX_UID 65534 /* nobody */

/* The user and group to become. */
void sandbox_user(uid_t *uid, gid_t *gid);

enum sandbox_kind {
	SANDBOX_WORKER,   /* files below directories it owns, its open descriptors, time; nothing else */
	SANDBOX_GUARDIAN, /* reading /proc, signals through its pidfd, its channel */
};

/*
 * Become @uid and @gid, keep only the capabilities of the mask @caps (bits as in linux/capability.h),
 * never gain privileges again, and refuse (EPERM) system calls that are not on the list of @kind.
 * As another user than root the identity stays as it is. 0, or -errno with @e: then some of it may
 * have happened, and the process should end.
 */
int sandbox_enter(enum sandbox_kind kind, uid_t uid, gid_t gid, uint64_t caps, struct err *e);

#endif
