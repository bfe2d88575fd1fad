/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout.h - where a guest's kernel log is and how its structures are laid out: found
 * through guest/ (BTF and VMCOREINFO), then the ring's own figures read from guest memory, all of
 * it checked before anything is computed with it.
 */
#ifndef LOGVISOR_SOURCE_PRINTK_LAYOUT_H
#define LOGVISOR_SOURCE_PRINTK_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "fetch/printk_fetch.h"
#include "guest/guest.h"
#include "util/err.h"

/*
 * Bounds on what is believed. CONFIG_LOG_BUF_SHIFT is 12..25 and log_buf_len= at most 2 GiB
 * (LOG_BUF_LEN_MAX, kernel/printk/printk.c), with one descriptor per 32 bytes (PRB_AVGBITS 5).
 */
#define PRINTK_DESC_BITS_MAX 26
#define PRINTK_DATA_BITS_MAX 31

/* Offsets of members, in bytes. */
struct printk_offsets {
	/* struct printk_ringbuffer and the two rings in it */
	uint32_t rb_size, desc_ring, text_ring, fail;
	uint32_t count_bits, descs, infos, head_id, tail_id;
	uint32_t last_final; /* 0 if there is none: before 5.19 */
	uint32_t size_bits, data, head_lpos;
	/* struct printk_info */
	uint32_t info_size, seq, ts_nsec, text_len, facility, flags, caller_id;
	uint32_t subsystem, subsystem_len, device, device_len;
	uint32_t comm, comm_len; /* comm_len 0 if there is none: before 6.18, or not configured */
};

struct printk_layout {
	struct printk_offsets off;
	struct prb_geometry g;
	uint64_t prb; /* GVA of the pointer to the ring in use, 0 if the ring is given */
	/* GVAs of words in the ring */
	uint64_t head_id, tail_id, head_lpos, fail;
	uint64_t last_final; /* last_finalized_id or _seq, 0 if there is none */
};

/*
 * The offsets and `prb`, from the guest's own description of itself. -ENOENT naming what is missing
 * (a kernel before 5.10, or without BTF and VMCOREINFO), -EBADMSG naming what contradicts.
 */
int printk_layout_find(struct printk_layout *l, const struct guest *g, struct err *e);

/*
 * The same, and the geometry of the ring that `prb` points to: all that must be there for a guest to be
 * followed. -EFAULT if `prb` is not readable, else as printk_layout_ring().
 */
int printk_layout_open(struct printk_layout *l, const struct guest *g, struct err *e);

/*
 * Read the geometry of the ring at @rb through @m into @l, whose offsets are filled in. -EBADMSG
 * naming the figure that cannot be, -EFAULT if an array's ends are not readable.
 */
int printk_layout_ring(struct printk_layout *l, const struct fetch_mem *m, uint64_t rb,
	struct err *e);

#endif
