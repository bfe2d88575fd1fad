/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files_rec.h - what a program did to a file, as it leaves a trap: where Linux keeps the file in one guest, and the
 * copy of what was written and of who did it.
 *
 *   struct file           f_inode, f_path; include/linux/fs.h, Linux 5.10 to 7.2
 *   struct inode          i_mapping, i_size, i_ino (8 bytes), i_generation
 *   struct address_space  i_pages.xa_head; struct xa_node: shift and slots, as guest/filepages.h has them
 *   struct dentry         d_parent, and what follows (unix_rec.h)
 *
 * All of these come from the slab allocator, and pages of files are RAM: they lie in the kernel's direct map.
 */
#ifndef LOGVISOR_FETCH_FILES_REC_H
#define LOGVISOR_FETCH_FILES_REC_H

#include "fetch/unix_rec.h"

/* What a site's registers are. */
enum files_at {
	FILES_AT_WRITE,  /* written: the file is RDI, or RSI; RDX is where it began, RAX how many bytes */
	FILES_AT_CHANGE, /* something befell the file RDI, which may be longer now */
	FILES_AT_DENTRY, /* ... the dentry RDI, and RSI if there are two */
	FILES_AT_SECOND, /* ... the dentry RSI; RDX is what was to be changed (struct iattr) */
};

/* Where things are in one guest. */
struct files_geometry {
	struct app_geometry app;
	__u32 at;   /* enum files_at */
	__u32 file; /* FILES_AT_WRITE: 0: RDI, 1: RSI */
	__u32 f_inode, f_path;
	__u32 i_mapping, i_size, i_ino, i_generation;
	__u32 pages; /* address_space.i_pages.xa_head */
	__u32 node_shift, node_slots;
	__u32 page_size; /* sizeof(struct page) */
	__u32 epoch; /* another for each who follows: what is known belongs to it */
};

/* The most that a write may have brought for all of it to be copied at the trap. */
#define FILES_DATA_MAX APP_DATA_MAX

enum files_copy_flags {
	FILES_COPY_KNOWN = 1 << 0, /* one of this file, under this name, was delivered before */
	FILES_COPY_FAULT = 1 << 1, /* the file, or what was written, was not readable */
	FILES_COPY_LONG = 1 << 2,  /* more was written than is copied */
};

/* Which file it is, and by which name it was opened: not the same for two files, one after the other neither. */
struct files_key {
	__u64 inode, ino, generation;
	__u64 dentry, parent, hash_len;
	__u64 epoch; /* the geometry's */
};

/* Of files that were delivered: each at its place by its inode's address, where the last one stays. */
#define FILES_KNOWN 1024 /* a power of 2 */

FETCH_INLINE __u32 files_place(const struct files_key *k)
{
	return (k->inode >> 6 ^ k->inode >> 16) & (FILES_KNOWN - 1);
}

FETCH_INLINE int files_same(const struct files_key *a, const struct files_key *b)
{
	return a->inode == b->inode && a->ino == b->ino && a->generation == b->generation && a->dentry == b->dentry &&
		a->parent == b->parent && a->hash_len == b->hash_len && a->epoch == b->epoch;
}

/* What the fetcher delivers: only the first files_copy_size() bytes are sent. */
struct files_copy {
	__u64 rdi, rsi, rdx, rax; /* as they were */
	__u64 flags;              /* enum files_copy_flags */
	/* Of FILES_AT_WRITE and FILES_AT_CHANGE. */
	struct files_key key;
	__u64 mapping, size; /* how long the file is now */
	struct app_copy app; /* who it was; path: the file's; data, of n bytes: what was written */
};

FETCH_INLINE __u32 files_copy_size(const struct files_copy *c)
{
	return (__u32)__builtin_offsetof(struct files_copy, app) + app_copy_size(&c->app);
}

#endif
