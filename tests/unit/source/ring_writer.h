/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ring_writer.h - a printk ring in this process's memory, written as the kernel writes it (one CPU,
 * no races), with either wrap rule: the thing that source/ is tested against.
 *
 * Guest addresses are made up: RW_BASE + offset into one arena, so that a walker that leaves the
 * arena is caught at once.
 */
#ifndef TESTS_RING_WRITER_H
#define TESTS_RING_WRITER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/printk/layout.h"

#ifndef RW_BASE
#define RW_BASE 0xffffffff80000000ULL
#endif
#define RW_INFO 112 /* as in 7.2 with PRINTK_EXECUTION_CTX */
#define RW_COUNT_OFF 0
#define RW_FAILED 1
#define RW_EMPTY 3

struct ring_writer {
	bool new_wrap; /* 6.18 and later: a block may end exactly at the end */
	unsigned desc_bits, data_bits;
	uint8_t *arena;
	size_t size;
	/* offsets into the arena */
	size_t rb, descs, infos, data, prb;
	uint64_t reads;        /* how often it was read */
	uint64_t fail_at;      /* offset that is not readable, 0: all is */
	void (*on_read)(struct ring_writer *w, size_t off); /* a guest that runs meanwhile */
	bool inside;
	void (*on_reuse)(struct ring_writer *w, uint64_t gva); /* a watchpoint on that word */
	struct printk_layout layout;
	struct fetch_mem mem;
	uint64_t boot_ns, clockless; /* of rw_time() */
};

static inline uint64_t *rw_word(struct ring_writer *w, size_t off)
{
	return (uint64_t *)(void *)(w->arena + off);
}

/* Members of the ring, as laid out by rw_init(). */
#define RW_DESC_RING 0
#define RW_COUNT_BITS 0
#define RW_DESCS 8
#define RW_INFOS 16
#define RW_HEAD_ID 24
#define RW_TAIL_ID 32
#define RW_LAST 40
#define RW_TEXT_RING 48
#define RW_SIZE_BITS 0
#define RW_DATA 8
#define RW_HEAD_LPOS 16
#define RW_TAIL_LPOS 24
#define RW_FAIL 80
#define RW_RB_SIZE 88
#define RW_STACK 96 /* room for what a guest has on its stack: a struct prb_frame */

static inline int rw_read(void *ctx, uint64_t gva, void *buf, size_t len)
{
	struct ring_writer *w = ctx;
	size_t off = gva - RW_BASE;

	if (gva < RW_BASE || off > w->size || len > w->size - off)
		return -EFAULT;
	if (w->fail_at && off <= w->fail_at && w->fail_at < off + len)
		return -EFAULT;
	w->reads++;
	if (w->on_read && !w->inside) {
		w->inside = true;
		w->on_read(w, off);
		w->inside = false;
	}
	memcpy(buf, w->arena + off, len);
	return 0;
}

#define RW_ID(x) ((x) & PRB_ID_MASK)
#define RW_SV(id, state) ((uint64_t)(state) << 62 | (id))

static inline uint64_t *rw_desc(struct ring_writer *w, uint64_t id)
{
	return rw_word(w, w->descs + (id & ((1ULL << w->desc_bits) - 1)) * PRB_DESC_SIZE);
}

static inline uint8_t *rw_info(struct ring_writer *w, uint64_t id)
{
	return w->arena + w->infos + (id & ((1ULL << w->desc_bits) - 1)) * RW_INFO;
}

static inline void rw_init(struct ring_writer *w, unsigned desc_bits, unsigned data_bits,
	bool new_wrap, bool has_last)
{
	uint64_t count = 1ULL << desc_bits, id0 = RW_ID(-(count + 1));
	/* _DESCS_COUNT was 1U << bits up to 6.17 */
	struct printk_offsets *o = &w->layout.off;

	memset(w, 0, sizeof(*w));
	if (!new_wrap)
		id0 = (uint32_t)id0;
	w->new_wrap = new_wrap;
	w->desc_bits = desc_bits;
	w->data_bits = data_bits;
	w->prb = 8;
	w->rb = 64;
	w->descs = w->rb + 192; /* between them RW_STACK */
	w->infos = w->descs + count * PRB_DESC_SIZE;
	w->data = w->infos + count * RW_INFO;
	w->size = w->data + (1ULL << data_bits);
	w->arena = calloc(1, w->size);
	*rw_word(w, w->prb) = RW_BASE + w->rb;
	*rw_word(w, w->rb + RW_COUNT_BITS) = desc_bits;
	*rw_word(w, w->rb + RW_DESCS) = RW_BASE + w->descs;
	*rw_word(w, w->rb + RW_INFOS) = RW_BASE + w->infos;
	*rw_word(w, w->rb + RW_HEAD_ID) = id0;
	*rw_word(w, w->rb + RW_TAIL_ID) = id0;
	*rw_word(w, w->rb + RW_TEXT_RING + RW_SIZE_BITS) = data_bits;
	*rw_word(w, w->rb + RW_TEXT_RING + RW_DATA) = RW_BASE + w->data;
	*rw_word(w, w->rb + RW_TEXT_RING + RW_HEAD_LPOS) = -(1ULL << data_bits);
	*rw_word(w, w->rb + RW_TEXT_RING + RW_TAIL_LPOS) = -(1ULL << data_bits);
	rw_desc(w, count - 1)[0] = RW_SV(id0, PRB_REUSABLE);
	rw_desc(w, count - 1)[1] = RW_FAILED;
	rw_desc(w, count - 1)[2] = RW_FAILED;
	*(uint64_t *)(void *)rw_info(w, 0) = -count;

	*o = (struct printk_offsets){
		.rb_size = RW_RB_SIZE, .desc_ring = RW_DESC_RING, .text_ring = RW_TEXT_RING,
		.fail = RW_FAIL, .count_bits = RW_COUNT_BITS, .descs = RW_DESCS,
		.infos = RW_INFOS, .head_id = RW_HEAD_ID, .tail_id = RW_TAIL_ID,
		.last_final = has_last ? RW_LAST : 0, .size_bits = RW_SIZE_BITS, .data = RW_DATA,
		.head_lpos = RW_HEAD_LPOS, .info_size = RW_INFO, .seq = 0, .ts_nsec = 8,
		.text_len = 16, .facility = 18, .flags = 19, .caller_id = 20, .comm = 28,
		.comm_len = 16, .subsystem = 44, .subsystem_len = 16, .device = 60,
		.device_len = 48,
	};
	w->layout.prb = RW_BASE + w->prb;
	w->mem = (struct fetch_mem){rw_read, w};
}

static inline void rw_free(struct ring_writer *w)
{
	free(w->arena);
}

static inline bool rw_wrapped(const struct ring_writer *w, uint64_t begin, uint64_t next)
{
	return begin >> w->data_bits != (w->new_wrap ? next - 1 : next) >> w->data_bits;
}

static inline uint64_t rw_next_lpos(const struct ring_writer *w, uint64_t lpos, uint64_t size)
{
	uint64_t next = lpos + size;

	if (!rw_wrapped(w, lpos, next))
		return next;
	return (next & ~((1ULL << w->data_bits) - 1)) + size;
}

/* desc_make_reusable() */
static inline void rw_make_reusable(struct ring_writer *w, uint64_t id)
{
	uint64_t *d = rw_desc(w, id);
	bool was = d[0] == RW_SV(id, PRB_REUSABLE);

	d[0] = RW_SV(id, PRB_REUSABLE);
	if (!was && w->on_reuse)
		w->on_reuse(w, RW_BASE + (uint64_t)((uint8_t *)d - w->arena));
}

/* data_push_tail(): make room so that the ring begins at @lpos or later. */
static inline bool rw_push_tail(struct ring_writer *w, uint64_t lpos)
{
	uint64_t mask = (1ULL << w->data_bits) - 1, *tail, *d, id;

	if (lpos & 1)
		return true;
	tail = rw_word(w, w->rb + RW_TEXT_RING + RW_TAIL_LPOS);
	while (lpos - *tail - 1 <= mask) {
		id = *rw_word(w, w->data + (*tail & mask));
		d = rw_desc(w, id);
		if (RW_ID(d[0]) != RW_ID(id) || d[1] != *tail)
			return false;
		if (d[0] >> 62 != PRB_FINALIZED && d[0] >> 62 != PRB_REUSABLE)
			return false;
		rw_make_reusable(w, RW_ID(id));
		*tail = d[2];
	}
	return true;
}

/* data_alloc(): where the text goes, or NULL. */
static inline char *rw_alloc(struct ring_writer *w, uint64_t id, size_t len)
{
	uint64_t *head = rw_word(w, w->rb + RW_TEXT_RING + RW_HEAD_LPOS), *d = rw_desc(w, id);
	uint64_t mask = (1ULL << w->data_bits) - 1, begin = *head, next;
	size_t size = (len + 8 + 7) & ~(size_t)7, at;

	if (!len) {
		d[1] = d[2] = RW_EMPTY;
		return NULL;
	}
	next = rw_next_lpos(w, begin, size);
	if (size > mask + 1 - 8 || !rw_push_tail(w, next - mask - 1)) {
		d[1] = d[2] = RW_FAILED;
		return NULL;
	}
	*head = next;
	d[1] = begin;
	d[2] = next;
	at = begin & mask;
	*rw_word(w, w->data + at) = id;
	if (rw_wrapped(w, begin, next)) {
		at = 0;
		*rw_word(w, w->data) = id;
	}
	return (char *)w->arena + w->data + at + 8;
}

static inline void rw_make_final(struct ring_writer *w, uint64_t id)
{
	uint64_t *d = rw_desc(w, id);

	if (d[0] == RW_SV(id, PRB_COMMITTED))
		d[0] = RW_SV(id, PRB_FINALIZED);
	if (w->layout.off.last_final)
		*rw_word(w, w->rb + RW_LAST) = id;
}

/*
 * prb_reserve() with @len bytes of text: the id; *text is where they go, NULL if there is no room. Its
 * first half alone: a vCPU that is made to wait in between.
 */
static inline uint64_t rw_reserve_desc(struct ring_writer *w)
{
	uint64_t *head = rw_word(w, w->rb + RW_HEAD_ID), *tail = rw_word(w, w->rb + RW_TAIL_ID);
	uint64_t count = 1ULL << w->desc_bits, id = RW_ID(*head + 1), seq, *d, *t;

	if (RW_ID(id - count) == *tail) {
		t = rw_desc(w, *tail);
		if (t[0] >> 62 != PRB_FINALIZED && t[0] >> 62 != PRB_REUSABLE)
			abort();
		rw_make_reusable(w, *tail);
		if (!rw_push_tail(w, t[2]))
			abort();
		*tail = RW_ID(*tail + 1);
	}
	*head = id;
	d = rw_desc(w, id);
	d[0] = RW_SV(id, PRB_RESERVED);
	memcpy(&seq, rw_info(w, id), 8);
	memset(rw_info(w, id), 0, RW_INFO);
	seq = seq == 0 && (id & (count - 1)) ? (id & (count - 1)) : seq + count;
	memcpy(rw_info(w, id), &seq, 8);
	if (seq)
		rw_make_final(w, RW_ID(id - 1));
	return id;
}

static inline uint64_t rw_reserve(struct ring_writer *w, size_t len, char **text)
{
	uint64_t id = rw_reserve_desc(w);

	*text = rw_alloc(w, id, len);
	return id;
}

static inline void rw_commit(struct ring_writer *w, uint64_t id, bool final)
{
	rw_desc(w, id)[0] = RW_SV(id, final ? PRB_FINALIZED : PRB_COMMITTED);
	if (final && w->layout.off.last_final)
		*rw_word(w, w->rb + RW_LAST) = id;
}

/* The guest's time at which record @seq is made; before its clock runs 0, then that of its first tick. */
static inline uint64_t rw_time(const struct ring_writer *w, uint64_t seq)
{
	return seq < w->clockless ? seq / 2 * 4000000 : w->boot_ns + seq * 1000 + 7;
}

/* The rest of it, for a descriptor that is reserved. */
static inline uint64_t rw_finish(struct ring_writer *w, uint64_t id, const void *text, size_t len,
	bool final)
{
	uint64_t ts;
	uint16_t n = (uint16_t)len;
	uint8_t *info;
	/* printk reserves one byte more, for vsnprintf's NUL. */
	char *to = rw_alloc(w, id, len ? len + 1 : 0);

	if (!to && len) {
		rw_commit(w, id, false);
		return id;
	}
	if (len)
		memcpy(to, text, len);
	info = rw_info(w, id);
	memcpy(&ts, info, 8);
	ts = rw_time(w, ts);
	memcpy(info + 8, &ts, 8);
	memcpy(info + 16, &n, 2);
	info[18] = 0;
	info[19] = (uint8_t)(6 << 5 | (final ? 2 : 0));
	rw_commit(w, id, final);
	return id;
}

/* One record as printk() stores it, unfinished if !@final. */
static inline uint64_t rw_print(struct ring_writer *w, const void *text, size_t len, bool final)
{
	return rw_finish(w, rw_reserve_desc(w), text, len, final);
}

/* prb_reserve_in_last() and commit: append to the newest record, which must be unfinished. */
static inline void rw_continue(struct ring_writer *w, const void *text, size_t len, bool final)
{
	uint64_t id = *rw_word(w, w->rb + RW_HEAD_ID), *d = rw_desc(w, id), next;
	uint64_t *head = rw_word(w, w->rb + RW_TEXT_RING + RW_HEAD_LPOS);
	uint64_t mask = (1ULL << w->data_bits) - 1;
	uint8_t *info = rw_info(w, id);
	bool was_wrapped = rw_wrapped(w, d[1], d[2]), wraps;
	uint16_t old, n;
	size_t size;
	char *from, *to;

	if (d[0] != RW_SV(id, PRB_COMMITTED))
		abort();
	d[0] = RW_SV(id, PRB_RESERVED);
	memcpy(&old, info + 16, 2);
	n = (uint16_t)(old + len);
	size = ((size_t)n + 1 + 8 + 7) & ~(size_t)7;
	next = rw_next_lpos(w, d[1], size);
	if (!rw_push_tail(w, next - mask - 1))
		abort();
	wraps = rw_wrapped(w, d[1], next);
	from = (char *)w->arena + w->data + (was_wrapped ? 0 : d[1] & mask) + 8;
	to = (char *)w->arena + w->data + (wraps ? 0 : d[1] & mask) + 8;
	if (wraps)
		*rw_word(w, w->data) = id;
	memmove(to, from, old);
	memcpy(to + old, text, len);
	*head = d[2] = next;
	memcpy(info + 16, &n, 2);
	if (final)
		info[19] |= 2;
	rw_commit(w, id, final);
}

#endif
