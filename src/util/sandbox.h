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

/*
 * Give up the file system, for the calling thread and what it starts: from now on it opens, makes, renames
 * and removes regular files beneath directory @dir, and reaches nothing else by name, whoever owns it and
 * through whatever directory it holds open. Descriptors stay as they are. Neither can it connect to abstract
 * sockets or TCP ports, nor signal a process outside, where the kernel's Landlock knows these (ABI 6 and 4).
 * To be called before sandbox_enter(). Returns the version of Landlock's ABI (1 and up), 0 if this kernel has
 * none (Linux before 5.13, or not among its lsm=) and nothing was done, or -errno with @e.
 */
int sandbox_only_dir(const char *dir, struct err *e);

/* The same with two: beneath @dir directories may be made too, and beneath @read files be read. */
int sandbox_only_dirs(const char *dir, const char *read, struct err *e);

/*
 * The same for a process that speaks to the network: what it can read is what lies beneath @dirs (ended by NULL;
 * those that are not there are left out), and it changes no file. TCP stays.
 */
int sandbox_only_read(const char *const *dirs, struct err *e);

/* The ABI version this kernel has, 0: none. */
int sandbox_landlock(void);

/* The user that workers become, made by the package; where it does not exist, SANDBOX_UID. */
#define SANDBOX_USER "logvisor"
#define SANDBOX_UID 65534 /* nobody */

/* The user and group to become. */
void sandbox_user(uid_t *uid, gid_t *gid);

enum sandbox_kind {
	SANDBOX_WORKER,   /* files below directories it owns, its open descriptors, time; nothing else */
	SANDBOX_SERVER,   /* the worker's, threads, and taking connections at sockets that listen already */
	SANDBOX_GUARDIAN, /* reading /proc, signals through its pidfd, its channel */
	SANDBOX_COURIER,  /* reading files, sockets of its own, threads */
};

/*
 * Become @uid and @gid, keep only the capabilities of the mask @caps (bits as in linux/capability.h),
 * never gain privileges again, and refuse (EPERM) system calls that are not on the list of @kind.
 * As another user than root the identity stays as it is. 0, or -errno with @e: then some of it may
 * have happened, and the process should end.
 */
int sandbox_enter(enum sandbox_kind kind, uid_t uid, gid_t gid, uint64_t caps, struct err *e);

#endif
