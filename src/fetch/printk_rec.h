/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_rec.h - the layout of Linux's lockless printk ring (5.10 and later), where it is in one guest, and
 * the copy of a record as it leaves a trap.
 *
 * The ring, as of kernel/printk/printk_ringbuffer.[ch] in 5.10, 6.1, 6.12 and 7.2:
 *
 *   descs[i]  state_var: id in the low 62 bits, state in the top 2; text_blk_lpos: begin, next
 *   infos[i]  seq, ts_nsec, text_len, facility, flags:5 level:3, caller_id, [7.x: caller_id2,
 *             comm], dev_info; same index as the descriptor
 *   data      blocks of 8 bytes of id, then text, padded to 8
 *
 * i = id & mask = seq & mask. The first id given out, that of record 0, is -count: of 32 bits up to
 * 6.17 (_DESCS_COUNT was an unsigned int), of 62 bits later. From there on both count up by one.
 *
 * A block that does not fit before the end of data wraps: only its id stands at begin, id and text
 * at offset 0. Up to 6.17 a block ending exactly at the end wraps too, later it does not ("don't
 * needlessly wrap data blocks around", in 6.18). The block itself tells which: only the new rule
 * yields a next that is 0 modulo the size. So comparing the wrap counts of begin and next - 1 is
 * right for both.
 */
#ifndef LOGVISOR_FETCH_PRINTK_REC_H
#define LOGVISOR_FETCH_PRINTK_REC_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "fetch/fetch.h"

#define PRB_INFO_MAX 128  /* sizeof(struct printk_info): 88, with PRINTK_EXECUTION_CTX 112 */
#define PRB_TEXT_MAX 1024 /* PRINTKRB_RECORD_MAX (6.12: internal.h; before: LOG_LINE_MAX, 992) */
#define PRB_ID_MASK (~0ULL >> 2)

enum prb_state { PRB_RESERVED = 0, PRB_COMMITTED = 1, PRB_FINALIZED = 2, PRB_REUSABLE = 3 };

/* Where things are in one guest. Filled and validated in user space (source/printk/layout.c). */
struct prb_geometry {
	__u64 rb;    /* the struct printk_ringbuffer that `prb` points to */
	__u64 descs; /* GVAs of the three arrays */
	__u64 infos;
	__u64 data;
	__u64 first_id;  /* the id of record 0 */
	__u64 desc_mask; /* number of descriptors - 1 */
	__u64 data_mask; /* bytes of data - 1 */
	__u32 data_bits;
	__u32 desc_bits;
	__u32 info_size; /* <= PRB_INFO_MAX */
	__u32 len_off;   /* of text_len in printk_info; <= PRB_INFO_MAX - 2 */
	__u32 dev_off;   /* of dev_info.subsystem, the info's last member; 0 if unknown */
	__u32 head_len;  /* PRB_INFO_HEAD or _CTX if the info is one of these two; else 0 */
	/*
	 * What the guest's own pointers into infos and data count from. The same as infos and data, but
	 * those a backend may replace by addresses that its read primitive reaches sooner.
	 */
	__u64 infos_gva;
	__u64 data_gva;
	/* struct prb_desc is {state_var, begin, next}, 24 bytes, in every kernel so far: validated. */
};

#define PRB_DESC_SIZE 24

/* The three things that the short way reads; each mostly lies in the page it lay in the last time. */
enum prb_near { PRB_NEAR_FRAME, PRB_NEAR_INFO, PRB_NEAR_BLOCK, PRB_NEAR_END };

struct prb_desc_copy {
	__u64 state_var;
	__u64 begin;
	__u64 next;
};

enum prb_copy_flags {
	PRB_COPY_NOTEXT = 1 << 0, /* data-less: the guest's ring had no room for the text */
	PRB_COPY_LONG = 1 << 1,   /* text_len exceeds PRB_TEXT_MAX: take it from the ring */
	PRB_COPY_FAULT = 1 << 2,  /* something was not readable: take it from the ring */
};

/* What the fetcher delivers: only the first prb_copy_size() bytes are sent. */
struct prb_copy {
	__u64 id; /* as in prb_reserved_entry */
	__u32 text_len;
	__u32 flags;
	__u32 info_len; /* bytes of info; what follows is dev_info and 0 */
	__u32 pad;
	__u8 info[PRB_INFO_MAX]; /* raw struct printk_info, decoded in user space */
	__u64 block;             /* the word before the text in its block, if it was read */
	__u8 text[PRB_TEXT_MAX + 8]; /* copied in whole words */
};

/* Results besides 0. */
enum prb_result {
	PRB_EFAULT = -1,  /* memory not readable */
	PRB_EOTHER = -2,  /* another ring than the geometry's (`prb` has moved on) */
	PRB_ENOTEXT = -3, /* data-less block: there never was text, for want of room */
	PRB_EBAD = -4,    /* contradicts itself */
};

FETCH_INLINE __u64 prb_id(__u64 state_var)
{
	return state_var & PRB_ID_MASK;
}

FETCH_INLINE enum prb_state prb_state(__u64 state_var)
{
	return (enum prb_state)(state_var >> 62);
}

/* The id that the record with sequence number @seq has. */
FETCH_INLINE __u64 prb_seq_to_id(const struct prb_geometry *g, __u64 seq)
{
	return (seq + g->first_id) & PRB_ID_MASK;
}

/* Bytes of @c that carry something. */
FETCH_INLINE __u32 prb_copy_size(const struct prb_copy *c)
{
	return (__u32)__builtin_offsetof(struct prb_copy, text) + c->text_len;
}

#endif
