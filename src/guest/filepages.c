/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/filepages.h"

#include <errno.h>
#include <string.h>

#include "guest/members.h"

#define SLOT_BITS 6 /* XA_CHUNK_SHIFT */
#define SLOTS (1u << SLOT_BITS)
#define LEVELS_MAX 11 /* of 6 bits each in a 64-bit index */
#define FP_MAX 253 /* SCM_MAX_FD (include/net/scm.h) */
#define PFN_BITS 40 /* of a guest-physical address of 52 */

int filepages_layout_find(struct filepages_layout *l, const struct guest *g, uint64_t page_offset, uint64_t vmemmap,
	struct err *e)
{
	const struct member_want want[] = {
		{"file", "f_inode", &l->f_inode, MEMBER_MUST},
		{"file", "f_mapping", &l->f_mapping, MEMBER_MUST},
		{"inode", "i_size", &l->i_size, MEMBER_MUST},
		{"address_space", "i_pages.xa_head", &l->pages, MEMBER_MUST},
		{"xa_node", "shift", &l->node_shift, MEMBER_MUST},
		{"xa_node", "slots", &l->node_slots, MEMBER_MUST},
		{"page", "index", &l->page_index, MEMBER_MAY},
		{"scm_fp_list", "count", &l->fp_count, MEMBER_MUST},
		{"scm_fp_list", "fp", &l->fp_files, MEMBER_MUST},
	};
	int r = members_find(g, want, sizeof(want) / sizeof(want[0]), e);
	uint32_t size;

	if (r)
		return r;
	l->page_offset = page_offset;
	l->vmemmap = vmemmap;
	if (l->page_index == MEMBER_ABSENT && guest_member(g, "folio", "index", &l->page_index, &size))
		return err_set(e, ENOENT, "the guest's types (BTF) have neither page.index nor folio.index");
	if (guest_sizeof(g, "page", &l->page_size) || l->page_size < 32)
		return err_set(e, ENOENT, "the guest's types (BTF) have no struct page");
	return 0;
}

int filepages_passed(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t list, unsigned i,
	uint64_t *file)
{
	int16_t count;

	if (mem->read(mem->ctx, list + l->fp_count, &count, sizeof(count)))
		return -EFAULT;
	if (count < 0 || count > FP_MAX || i >= (unsigned)count)
		return -ENOENT;
	return mem->read(mem->ctx, list + l->fp_files + 8ULL * i, file, 8) ? -EFAULT : 0;
}

int filepages_size(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t file, uint64_t *size)
{
	uint64_t inode;

	return mem->read(mem->ctx, file + l->f_inode, &inode, 8) ||
		mem->read(mem->ctx, inode + l->i_size, size, 8) ? -EFAULT : 0;
}

static bool is_node(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

/* The entry for page @index: 0 is a hole. 0 or -EFAULT, -EBADMSG. */
static int lookup(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t head, uint64_t index,
	uint64_t *entry)
{
	uint64_t at = head;
	unsigned above = 64;

	for (unsigned level = 0; is_node(at); level++) {
		const uint64_t node = at & ~3ULL;
		uint8_t shift;
		uint64_t slot;

		if (mem->read(mem->ctx, node + l->node_shift, &shift, 1))
			return -EFAULT;
		if (level == LEVELS_MAX || shift % SLOT_BITS || shift >= above)
			return -EBADMSG;
		if (!level && shift + SLOT_BITS < 64 && index >> (shift + SLOT_BITS)) {
			*entry = 0; /* behind all that the tree is high enough for */
			return 0;
		}
		above = shift;
		slot = index >> shift & (SLOTS - 1);
		if (mem->read(mem->ctx, node + l->node_slots + 8 * slot, &at, 8))
			return -EFAULT;
		/* A sibling: the place of the first of the slots that a larger page fills. */
		if ((at & 3) == 2 && at >> 2 < SLOTS &&
			mem->read(mem->ctx, node + l->node_slots + 8 * (at >> 2), &at, 8))
			return -EFAULT;
	}
	if (above == 64 && index) /* a tree of one entry, for page 0 */
		at = 0;
	*entry = at;
	return 0;
}

/* One page's bytes [off, off + n) into @buf. */
static int read_page(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t head, uint64_t index,
	unsigned off, void *buf, size_t n, bool *hole)
{
	uint64_t entry, first, pfn;
	int r = lookup(mem, l, head, index, &entry);

	if (r)
		return r;
	*hole = !entry;
	if (!entry) {
		memset(buf, 0, n);
		return 0;
	}
	if (entry & 3 || entry < l->vmemmap || (entry - l->vmemmap) % l->page_size)
		return -EBADMSG;
	if (mem->read(mem->ctx, entry + l->page_index, &first, 8))
		return -EFAULT;
	pfn = (entry - l->vmemmap) / l->page_size;
	/* Of a larger page the tree may name the first of its pages. */
	if (index - first < 1u << 18)
		pfn += index - first;
	if (pfn >> PFN_BITS)
		return -EBADMSG;
	return mem->read(mem->ctx, l->page_offset + pfn * FILEPAGES_PAGE + off, buf, n) ? -EFAULT : 0;
}

long filepages_read(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t file, uint64_t off,
	void *buf, size_t len)
{
	uint64_t mapping, head;
	size_t done = 0;
	bool hole;

	if (mem->read(mem->ctx, file + l->f_mapping, &mapping, 8) ||
		mem->read(mem->ctx, mapping + l->pages, &head, 8))
		return -EFAULT;
	while (done < len) {
		const unsigned in = (unsigned)((off + done) % FILEPAGES_PAGE);
		const size_t n = FILEPAGES_PAGE - in < len - done ? FILEPAGES_PAGE - in : len - done;

		if (read_page(mem, l, head, (off + done) / FILEPAGES_PAGE, in, (char *)buf + done, n, &hole))
			break;
		done += n;
	}
	return (long)done;
}

int filepages_page(const struct fetch_mem *mem, const struct filepages_layout *l, uint64_t mapping, uint64_t off,
	void *buf, size_t len, bool *hole)
{
	const unsigned in = (unsigned)(off % FILEPAGES_PAGE);
	uint64_t head;

	if (len > FILEPAGES_PAGE - in)
		return -EINVAL;
	if (mem->read(mem->ctx, mapping + l->pages, &head, 8))
		return -EFAULT;
	return read_page(mem, l, head, off / FILEPAGES_PAGE, in, buf, len, hole);
}
