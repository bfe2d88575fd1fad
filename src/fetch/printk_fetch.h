/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_fetch.h - following the pointers of Linux's printk ring, at a trap and from outside: no loops, no
 * function pointers. Its layout is described in printk_rec.h.
 */
#ifndef LOGVISOR_FETCH_PRINTK_FETCH_H
#define LOGVISOR_FETCH_PRINTK_FETCH_H

#include "fetch/printk_rec.h"

FETCH_INLINE __u64 prb_desc_gva(const struct prb_geometry *g, __u64 n)
{
	return g->descs + (n & g->desc_mask) * PRB_DESC_SIZE;
}

FETCH_INLINE __u64 prb_info_gva(const struct prb_geometry *g, __u64 n)
{
	return g->infos + (n & g->desc_mask) * g->info_size;
}

/*
 * Where the text of a block [begin, next) is and how many bytes the block has room for. 0 with
 * *@gva and *@room (an empty line: *room == 0, *gva == 0), PRB_ENOTEXT or PRB_EBAD. Never points
 * outside data.
 */
FETCH_INLINE int prb_block(const struct prb_geometry *g, __u64 begin,
	__u64 next, __u64 *gva, __u64 *room)
{
	__u64 last = next - 1, off, size;

	*gva = 0;
	*room = 0;
	if (begin & next & 1)
		return begin == 3 && next == 3 ? 0 : PRB_ENOTEXT; /* NO_LPOS, FAILED_LPOS */
	if ((begin | next) & 7)
		return PRB_EBAD;
	if (begin >> g->data_bits == last >> g->data_bits) {
		off = begin & g->data_mask;
		size = next - begin;
	} else if ((begin + g->data_mask + 1) >> g->data_bits == last >> g->data_bits) {
		off = 0;
		size = next & g->data_mask;
	} else {
		return PRB_EBAD;
	}
	if (size <= 8 || size - 1 > g->data_mask)
		return PRB_EBAD;
	*gva = g->data + off + 8;
	*room = size - 8;
	return 0;
}

/*
 * The part of printk_info up to dev_info.subsystem, whose first byte says whether there is a dev_info. In
 * both kinds seq is at 0 and text_len at 16.
 */
#define PRB_INFO_HEAD 32     /* dev_off 24 */
#define PRB_INFO_HEAD_CTX 48 /* dev_off 44: CONFIG_PRINTK_EXECUTION_CTX */

/*
 * Copy the printk_info of @id, @n bytes of it. Its last 64 bytes are dev_info, which few records have:
 * if the subsystem's name is empty they are not read, and are 0.
 */
FETCH_INLINE int prb_fetch_info(void *ctx, const struct prb_geometry *g, __u64 id, __u32 n, __u8 *info)
{
	__u64 head[PRB_INFO_HEAD / 8];

	(void)ctx;
	if (g->dev_off != 24 || n != 88)
		return n > PRB_INFO_MAX || FETCH_READ(ctx, info, n, prb_info_gva(g, id));
	if (FETCH_READ(ctx, head, PRB_INFO_HEAD, prb_info_gva(g, id)))
		return -1;
	if ((__u8)head[3])
		return FETCH_READ(ctx, info, 88, prb_info_gva(g, id));
	for (int i = 0; i < 11; i++)
		((__u64 *)info)[i] = i < 4 ? head[i] : 0;
	return 0;
}

/*
 * What vprintk_store() has on its stack when it commits: its struct printk_record, which prb_reserve()
 * or prb_reserve_in_last() filled, and directly above it the struct prb_reserved_entry that is the
 * argument. The order of the two is the compiler's (GCC's in all of Debian's kernels, 5.10 to 7.2), so
 * it is only ever a guess, checked by prb_fetch_fast().
 */
struct prb_frame {
	__u64 info; /* struct printk_record */
	__u64 text;
	__u64 size; /* 32 bits */
	__u64 rb;   /* struct prb_reserved_entry */
	__u64 irqflags;
	__u64 id;
};

#define PRB_FRAME_BELOW 24 /* of the frame before the prb_reserved_entry */

/*
 * The guest says in a register where to read. It has to be a kernel address, of the upper 2^56 bytes (2^47
 * with 4 levels of tables): what reads for the kvm backend takes the lower half for addresses of the VMM.
 */
FETCH_INLINE int prb_kernel_address(__u64 gva)
{
	return gva >> 56 == 0xff;
}

/*
 * At the entry of prb_commit() or prb_final_commit(): @entry is their argument (RDI on x86-64), a
 * struct prb_reserved_entry {rb, irqflags, id, text_space}. The descriptor is still `reserved` and
 * this vCPU's own, info and text are complete, so nothing needs to be read twice.
 *
 * The short way, in three reads: the frame, the info's head, the block with the id before its text.
 * 0 with a whole copy in @c; anything else only means that prb_fetch_commit() must be asked. That the copy is of the record being committed rests on
 *
 *   - the frame's rb being the ring, and its id newer than *@newest, the newest copied yet. So this is
 *     no stack page that belongs to another task by now, with what an earlier record left there. (If
 *     the id there was never copied it is a record that is missing, and as good as any.)
 *   - info pointing to just the info that this id has, the info having the sequence number of this id,
 *     text pointing into data, and the word before the text being the id. Ids are never used twice,
 *     and the word is written when the block is allocated: by data_alloc(), and by data_realloc() when
 *     it moves the block, which leaves an id behind too, but no pointer to it.
 *   - text_len being set, which vprintk_store() does once the text stands there; up to then it is 0.
 *
 * text_len never exceeds text_buf_size, the room in the block (5.10 to 7.2).
 */
FETCH_INLINE int prb_fetch_fast(void *ctx, const struct prb_geometry *g, __u64 entry,
	const __u64 *newest, struct prb_copy *c)
{
	__u64 at, block, len, *head = (__u64 *)c->info;
	struct prb_frame f;
	__u32 n;

	(void)ctx;
	if (!prb_kernel_address(entry))
		return PRB_EBAD;
	if (FETCH_NEAR(ctx, PRB_NEAR_FRAME, &f, sizeof(f), entry - PRB_FRAME_BELOW))
		return PRB_EFAULT;
	at = (f.id & g->desc_mask) * g->info_size;
	block = f.text - g->data_gva - 8;
	if (f.rb != g->rb || f.info != g->infos_gva + at || (__s64)((f.id - *newest) << 2) <= 0 ||
		block & 7 || block > g->data_mask)
		return PRB_EBAD;
	at += g->infos;
	/* Two constant lengths; the last byte read is the first of dev_info.subsystem. */
	if (g->head_len == PRB_INFO_HEAD) {
		c->info_len = PRB_INFO_HEAD;
		if (FETCH_NEAR(ctx, PRB_NEAR_INFO, head, PRB_INFO_HEAD, at) || (__u8)head[3])
			return PRB_EBAD;
	} else {
		c->info_len = PRB_INFO_HEAD_CTX;
		if (g->head_len != PRB_INFO_HEAD_CTX ||
			FETCH_NEAR(ctx, PRB_NEAR_INFO, head, PRB_INFO_HEAD_CTX, at) ||
			head[5] << 24 >> 56)
			return PRB_EBAD;
	}
	n = head[2] & 0xffff; /* text_len */
	len = (n + 15ULL) & ~7ULL; /* id and text in whole words, to which the block is padded */
	if (!n || n > (__u32)f.size || (head[0] + g->first_id - f.id) << 2 ||
		block + len > g->data_mask + 1)
		return PRB_EBAD;
	FETCH_LEN(len);
	if (len > PRB_TEXT_MAX + 8 ||
		FETCH_NEAR(ctx, PRB_NEAR_BLOCK, &c->block, len, g->data + block) || c->block != f.id)
		return PRB_EBAD;
	c->id = f.id & PRB_ID_MASK;
	c->text_len = n;
	c->flags = 0;
	return 0;
}

/*
 * The long way, which needs no guess: the descriptor says where the text is. Fills @c, whose `flags` say
 * what could not be had; PRB_EOTHER or PRB_EFAULT if not even the entry was readable, PRB_EBAD if this
 * is no record being committed (@entry was read from what is not that stack any more).
 */
FETCH_INLINE int prb_fetch_commit(void *ctx,
	const struct prb_geometry *g, __u64 entry, struct prb_copy *c)
{
	struct {
		__u64 rb, irqflags, id;
	} e;
	struct prb_desc_copy d;
	__u64 gva, room;
	__u32 n, off;
	int r;

	(void)ctx;
	if (!prb_kernel_address(entry))
		return PRB_EBAD;
	if (FETCH_READ(ctx, &e, sizeof(e), entry))
		return PRB_EFAULT;
	if (e.rb != g->rb)
		return PRB_EOTHER;
	c->id = e.id & PRB_ID_MASK;
	c->flags = 0;
	c->text_len = 0;
	n = g->info_size;
	off = g->len_off;
	if (n > PRB_INFO_MAX || off > PRB_INFO_MAX - 2)
		return PRB_EBAD;
	c->info_len = n;
	if (FETCH_READ(ctx, &d, PRB_DESC_SIZE, prb_desc_gva(g, e.id))) {
		c->flags |= PRB_COPY_FAULT;
		return 0;
	}
	if (prb_state(d.state_var) != PRB_RESERVED || prb_id(d.state_var) != c->id)
		return PRB_EBAD;
	if (FETCH_READ(ctx, c->info, n, prb_info_gva(g, e.id))) {
		c->flags |= PRB_COPY_FAULT;
		return 0;
	}
	r = prb_block(g, d.begin, d.next, &gva, &room);
	if (r) {
		c->flags |= r == PRB_ENOTEXT ? PRB_COPY_NOTEXT : PRB_COPY_FAULT;
		return 0;
	}
	n = c->info[off] | (__u32)c->info[off + 1] << 8;
	if (n > PRB_TEXT_MAX) {
		c->flags |= PRB_COPY_LONG;
	} else if (n > room) {
		c->flags |= PRB_COPY_FAULT;
	} else if (n) {
		if (FETCH_READ(ctx, c->text, n, gva))
			c->flags |= PRB_COPY_FAULT;
		else
			c->text_len = n;
	}
	return 0;
}

#endif
