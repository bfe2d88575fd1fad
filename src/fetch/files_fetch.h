/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * files_fetch.h - following the pointers of a file that was just written, up to the pages of the page cache that
 * have it, and of the task that did it. The layout is described in files_rec.h.
 */
#ifndef LOGVISOR_FETCH_FILES_FETCH_H
#define LOGVISOR_FETCH_FILES_FETCH_H

#include "fetch/files_rec.h"
#include "fetch/unix_fetch.h"

/* What is read one after the other: places of messages' things, of which there are none in these. */
enum files_near {
	FILES_NEAR_FILE = APP_NEAR_SKB,
	FILES_NEAR_PATH = APP_NEAR_PATH, /* and its dentry behind it */
	FILES_NEAR_INODE = APP_NEAR_SKB_END,
	FILES_NEAR_MAPPING = APP_NEAR_SOCK,
	FILES_NEAR_NODE = APP_NEAR_PID,
	FILES_NEAR_DATA = APP_NEAR_DATA,
};

#define FILES_LEVELS 4 /* of the page cache's tree: files of up to 64 GiB */
#define FILES_SLOTS 64 /* XA_CHUNK_SIZE */
#define FILES_PAGE 4096
#define FILES_PAGE_SHIFT 12

/* In the page cache's tree: a node's address, 2 added (include/linux/xarray.h). */
FETCH_INLINE int files_is_node(__u64 entry)
{
	return (entry & 3) == 2 && entry > FILES_PAGE;
}

/* Where the direct map has page @index of the file whose tree begins with @entry; 0: not to be found here. */
FETCH_INLINE __u64 files_page(void *ctx, const struct app_geometry *g, const struct files_geometry *o, __u64 entry,
	__u64 index)
{
	__u64 first = index, node, slot, pfn;
	__u32 shift = 0;

	(void)ctx;
	if (!files_is_node(entry) && index)
		return 0;
	for (int level = 0; level < FILES_LEVELS && files_is_node(entry); level++) {
		node = entry & ~3ULL;
		if (!app_kernel_address(node) || APP_READ(FILES_NEAR_NODE, &shift, 4, node + o->node_shift))
			return 0;
		shift &= 0xff; /* of its first bytes it is one */
		if (shift > 58 || (!level && shift < 58 && index >> (shift + 6)))
			return 0;
		slot = index >> shift & (FILES_SLOTS - 1);
		if (APP_READ(FILES_NEAR_NODE, &entry, 8, node + o->node_slots + 8 * slot))
			return 0;
		/* A sibling: the place of the first of the slots that a larger page fills. */
		if ((entry & 3) == 2 && entry >> 2 < FILES_SLOTS) {
			slot = entry >> 2;
			if (APP_READ(FILES_NEAR_NODE, &entry, 8, node + o->node_slots + 8 * slot))
				return 0;
		}
		first = (index >> shift & ~(__u64)(FILES_SLOTS - 1)) + slot;
		first <<= shift;
	}
	if (!entry || entry & 3 || entry < o->app.vmemmap || !o->page_size || first > index)
		return 0;
	pfn = (entry - o->app.vmemmap) / o->page_size + (index - first);
	return g->page_offset + (pfn << FILES_PAGE_SHIFT);
}

/* @n bytes at @pos, all in one page, into @to. 0, or negative. */
FETCH_INLINE int files_bytes(void *ctx, const struct app_geometry *g, const struct files_geometry *o, __u64 tree,
	__u64 pos, __u64 n, __u8 *to)
{
	__u64 at = files_page(ctx, g, o, tree, pos >> FILES_PAGE_SHIFT);

	(void)ctx;
	if (!app_kernel_address(at))
		return APP_EFAULT;
	FETCH_LEN(n);
	if (n > FILES_DATA_MAX || APP_READ(FILES_NEAR_DATA, to, n, at + (pos & (FILES_PAGE - 1))))
		return APP_EFAULT;
	return 0;
}

/* What was written, which may lie on two pages. */
FETCH_INLINE void files_fetch_data(void *ctx, const struct app_geometry *g, const struct files_geometry *o,
	struct files_copy *c)
{
	__u64 tree, n = c->rax, left = FILES_PAGE - (c->rdx & (FILES_PAGE - 1));

	(void)ctx;
	if (n > FILES_DATA_MAX) {
		c->flags |= FILES_COPY_LONG;
		return;
	}
	if (APP_READ(FILES_NEAR_MAPPING, &tree, 8, c->mapping + o->pages)) {
		c->flags |= FILES_COPY_FAULT;
		return;
	}
	if (left > n)
		left = n;
	if (left && files_bytes(ctx, g, o, tree, c->rdx, left, c->app.data)) {
		c->flags |= FILES_COPY_FAULT;
		return;
	}
	if (n > left && files_bytes(ctx, g, o, tree, c->rdx + left, n - left, c->app.data + (left & (FILES_DATA_MAX - 1)))) {
		c->flags |= FILES_COPY_FAULT;
		return;
	}
	c->app.n = (__u32)n;
}

/* The file: 0, or an enum app_result. */
FETCH_INLINE int files_fetch_file(void *ctx, const struct app_geometry *g, const struct files_geometry *o, __u64 file,
	struct files_copy *c)
{
	__u32 generation;

	(void)ctx;
	if (!app_kernel_address(file))
		return APP_EBAD;
	if (app_pointer(ctx, g, FILES_NEAR_FILE, file + o->f_inode, &c->key.inode) ||
		app_pointer(ctx, g, FILES_NEAR_INODE, c->key.inode + o->i_mapping, &c->mapping) ||
		APP_READ(FILES_NEAR_INODE, &c->size, 8, c->key.inode + o->i_size) ||
		APP_READ(FILES_NEAR_INODE, &c->key.ino, 8, c->key.inode + o->i_ino) ||
		APP_READ(FILES_NEAR_INODE, &generation, 4, c->key.inode + o->i_generation) ||
		app_fetch_path(ctx, g, FILES_NEAR_PATH, file + o->f_path, &c->app.path))
		return APP_EFAULT;
	c->key.generation = generation;
	c->key.epoch = o->epoch;
	c->key.dentry = c->app.path.dentry;
	c->key.parent = c->app.path.parent;
	c->key.hash_len = c->app.path.hash_len;
	c->app.sock = c->key.inode;
	return 0;
}

/* All of it. 0, or an enum app_result: it could not be followed. */
FETCH_INLINE int files_fetch(void *ctx, const struct files_geometry *o, const struct fetch_regs *regs,
	struct files_copy *c)
{
	const struct app_geometry *g = &o->app;
	int r = 0;

	c->rdi = regs->rdi;
	c->rsi = regs->rsi;
	c->rdx = regs->rdx;
	c->rax = regs->rax;
	c->flags = 0;
	c->mapping = c->size = 0;
	c->key.inode = c->key.ino = c->key.generation = c->key.dentry = c->key.parent = c->key.hash_len = c->key.epoch = 0;
	c->app.flags = APP_COPY_NOPATH;
	c->app.n = c->app.pad = c->app.scm_pid = c->app.len = c->app.data_len = 0;
	c->app.sock = c->app.skb = c->app.fp = c->app.head = c->app.at = 0;
	c->app.words[0] = c->app.words[1] = 0;
	c->app.path.dentry = 0;
	app_fetch_sender(ctx, g, regs, &c->app);
	if (o->at == FILES_AT_WRITE)
		r = files_fetch_file(ctx, g, o, o->file ? regs->rsi : regs->rdi, c);
	else if (o->at == FILES_AT_CHANGE)
		r = files_fetch_file(ctx, g, o, regs->rdi, c);
	if (!r && o->at == FILES_AT_WRITE)
		files_fetch_data(ctx, g, o, c);
	return r;
}

#endif
