/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * path.h - the names of files in a guest, from its memory alone: dentries and mounts, and kernfs nodes (cgroups).
 *
 * A path is what the root of its mount namespace sees, whatever a process made its root. Everything is bounded
 * by the length of a path: loops and lies end in an error.
 *
 *   struct dentry       d_parent (itself: the root of its file system), d_name {hash, len, name},
 *                       d_hash.pprev (NULL: unlinked), include/linux/dcache.h, Linux 5.10 to 7.2
 *   struct mount        mnt (what struct path points to), mnt_parent, mnt_mountpoint; fs/mount.h
 *   struct kernfs_node  name, parent (7.2: __parent), include/linux/kernfs.h
 */
#ifndef LOGVISOR_GUEST_PATH_H
#define LOGVISOR_GUEST_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/guest.h"

#define PATH_LEN_MAX 4096 /* PATH_MAX, with its NUL (include/uapi/linux/limits.h) */
#define PATH_NAME_MAX 255 /* NAME_MAX */

/* Offsets in one guest's types. */
struct path_layout {
	uint32_t d_parent, d_name, d_pprev; /* dentry; d_name is the struct qstr */
	uint32_t q_len, q_name;             /* qstr */
	uint32_t mount_mnt, mount_parent, mount_point;
	uint32_t kn_name, kn_parent;        /* MEMBER_ABSENT: no kernfs */
};

/* Ask @g, before guest_trim(). 0, or -ENOENT with @e naming what its types lack. */
int path_layout_find(struct path_layout *l, const struct guest *g, struct err *e);

/*
 * The path of the struct path {@mnt, @dentry} into @buf, with a NUL; " (deleted)" follows if it has been unlinked, as
 * in /proc. Its length; -EFAULT: not readable; -EBADMSG: no such names, or a loop; -ENAMETOOLONG: does not fit.
 */
int path_of(const struct fetch_mem *mem, const struct path_layout *l, uint64_t mnt, uint64_t dentry,
	char *buf, size_t cap);

/* The same of the kernfs node @kn: "/system.slice/cron.service". -ENOENT: the guest has no kernfs. */
int path_of_kernfs(const struct fetch_mem *mem, const struct path_layout *l, uint64_t kn, char *buf, size_t cap);

/* Its last name alone: the length, or as path_of(). @cap: PATH_NAME_MAX + 1 suffices. */
int path_last(const struct fetch_mem *mem, const struct path_layout *l, uint64_t dentry, char *buf, size_t cap);

#endif
