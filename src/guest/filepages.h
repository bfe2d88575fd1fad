/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * filepages.h - what is in a file of a guest, as far as its page cache has it: all of a file in memory (tmpfs, a
 * memfd) that was not swapped out.
 *
 *   struct file           f_inode, f_mapping; include/linux/fs.h, Linux 5.10 to 7.2
 *   struct address_space  i_pages, an xarray of pages by their index; struct inode i_size
 *   struct xa_node        shift, slots[64]; entries: low bits 10 a node or a special one, low bit 1 a value (what was
 *                         swapped out), else a struct page or folio (include/linux/xarray.h)
 *   struct scm_fp_list    count, fp[]: the files passed with a message; include/net/scm.h
 */
#ifndef LOGVISOR_GUEST_FILEPAGES_H
#define LOGVISOR_GUEST_FILEPAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/guest.h"

#define FILEPAGES_PAGE 4096u

struct filepages_layout {
	uint64_t page_offset, vmemmap; /* the direct map, its struct pages, */
	uint32_t page_size;            /* and how long one of those is */
	uint32_t page_index;           /* page.index: of the first page of a larger one */
	uint32_t f_inode, f_mapping, i_size, pages; /* pages: address_space.i_pages.xa_head */
	uint32_t node_shift, node_slots;
	uint32_t fp_count, fp_files;
};

/*
 * Ask @g, before guest_trim(); @page_offset and @vmemmap: where its direct map and its struct pages begin. 0, or
 * -ENOENT with @e naming what its types lack.
 */
int filepages_layout_find(struct filepages_layout *l, const struct guest *g, uint64_t page_offset, uint64_t vmemmap,
	struct err *e);

/* File @i of the struct scm_fp_list at @list: 0 and its struct file's address; -ENOENT: not so many; -EFAULT. */
int filepages_passed(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t list, unsigned i,
	uint64_t *file);

/* How many bytes the file at @file has. 0 or -EFAULT. */
int filepages_size(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t file, uint64_t *size);

/*
 * @len bytes of it from @off on into @buf, zeroes where it has a hole. How many, less than @len only where a page is
 * not there to be read (swapped out, or nonsense); -EFAULT: the file itself is not readable.
 */
long filepages_read(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t file, uint64_t off,
	void *buf, size_t len);

/*
 * The same within one page of the file whose struct address_space is at @mapping: all @len bytes or none. *@hole: the page
 * cache has no such page, and @buf is all zeroes. 0; -EINVAL: not within one page; -EFAULT, -EBADMSG.
 */
int filepages_page(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t mapping, uint64_t off,
	void *buf, size_t len, bool *hole);

#endif
