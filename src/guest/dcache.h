/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dcache.h - the files that a guest's kernel knows by name at the moment, from its memory alone: the tree of dentries
 * below the root of its first mount namespace, through what is mounted there; and what an inode says of its file.
 *
 *   struct dentry   d_parent, d_name, d_inode; its children: up to 6.7 a list, d_subdirs through d_child, since 6.8 an
 *                   hlist, d_children through d_sib; d_seq, odd while it is renamed; include/linux/dcache.h
 *   struct inode    i_mode, i_nlink, i_size, i_mapping; i_mtime, since 6.7 __i_mtime, since 6.11 i_mtime_sec and
 *                   i_mtime_nsec; i_rwsem.owner, the task that writes (include/linux/fs.h, rwsem.h)
 *   struct mount    mnt_mounts through mnt_child, mnt_mountpoint; mnt.mnt_root; fs/mount.h
 *
 * A file that is open has its dentry there, and each of those above. All of it is the guest's word: walks are bounded.
 */
#ifndef LOGVISOR_GUEST_DCACHE_H
#define LOGVISOR_GUEST_DCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/guest.h"
#include "guest/path.h"

#define DCACHE_KNOT 32 /* bytes from d_parent on: parent, hash and length of the name, where it is, inode */
#define DCACHE_STATE_MAX 128

struct dcache_layout {
	uint32_t parent, seq; /* dentry.d_parent, d_seq */
	uint32_t kids, sib;   /* a dentry's children */
	bool hlist;
	uint32_t i_mode, i_nlink, i_size, i_mapping, mtime, mtime_nsec, i_ino, i_generation;
	uint32_t i_owner;     /* MEMBER_ABSENT: not known (PREEMPT_RT) */
	uint32_t state, state_len; /* of an inode: aligned to 8, with all of nlink, size and mtime */
	uint32_t writable;    /* address_space.i_mmap_writable */
	uint32_t mount_mnt, mount_root, mount_point, mount_kids, mount_sib;
	uint64_t root; /* struct mount of the first namespace's root */
};

/* Ask @g, before guest_trim(). 0, or -ENOENT with @e naming what it lacks; or as guest_read(). */
int dcache_layout_find(struct dcache_layout *l, const struct guest *g, struct err *e);

/* What ties a dentry to its place: DCACHE_KNOT bytes as they are in it. */
struct dcache_knot {
	uint64_t parent, hash_len, name, inode;
};

struct dcache_state {
	uint64_t nlink;
	uint64_t size;
	int64_t mtime, mtime_nsec;
};

/* One of the walk's. */
struct dcache_found {
	uint64_t mnt; /* struct vfsmount */
	uint64_t dentry;
	struct dcache_knot knot;
	const char *path; /* with a NUL, of path_len bytes */
	size_t path_len;
	unsigned depth;
};

/* Takes what was found, all children of a dentry after it; true: go on with its own children. */
typedef bool (*dcache_visit)(void *ctx, const struct dcache_found *f);

#define DCACHE_VISITS_MAX 16384

/*
 * From the root on, by path, whatever @visit wants to see of it. 0; -E2BIG: there are more than DCACHE_VISITS_MAX, or
 * some lie too deep; what could not be read is left out.
 */
int dcache_walk(const struct fetch_mem *mem, const struct dcache_layout *l, const struct path_layout *paths,
	dcache_visit visit, void *ctx);

/* 0 or -EFAULT. */
int dcache_knot_read(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t dentry, struct dcache_knot *k);
int dcache_state_read(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t inode, struct dcache_state *s);
/* Its first child, by which a new one is noticed: they are added in front. */
int dcache_first(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t dentry, uint64_t *first);

/* The task that holds @inode for writing, 0: none, or it is not known. */
uint64_t dcache_owner(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t inode);

#endif
