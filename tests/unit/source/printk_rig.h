/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_rig.h - what tests of the ring walk share: a ring written as the kernel writes it, a source that
 * follows it, and what that source emits. Included once by each test program.
 */
#ifndef LOGVISOR_TESTS_PRINTK_RIG_H
#define LOGVISOR_TESTS_PRINTK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "record/meta.h"
#include "source/printk/impl.h"
#include "source/printk/read.h"
#include "unit/source/ring_writer.h"
#include "util/hash.h"

#define SEEN_MAX 8192

static struct ring_writer w;

static struct seen {
	enum meta_kind kind; /* META_KINDS: a record of the guest */
	uint64_t seq, count, ns;
	enum record_fidelity fid;
	uint64_t hash;
	uint32_t len;
	bool cont;
	char reason[64], boot[17];
} seen[SEEN_MAX];
static unsigned n_seen;
static int refuse; /* the sink's answer */
static void (*on_alert)(void); /* what the guest does while one is being stored */
static int64_t now_us;

static inline int emit(void *ctx, struct record *r, struct err *e)
{
	struct seen *s = &seen[n_seen];
	struct span reason;

	(void)ctx;
	(void)e;
	if (refuse)
		return refuse;
	assert_true(n_seen < SEEN_MAX);
	memset(s, 0, sizeof(*s));
	s->kind = META_KINDS;
	if (meta_is(r, &s->kind)) {
		meta_get_u64(r, "first", &s->seq);
		meta_get_u64(r, "count", &s->count);
		reason = meta_get(r, s->kind == META_ALERT ? "what" : "reason");
		snprintf(s->reason, sizeof(s->reason), "%.*s", (int)reason.n, reason.p);
	} else {
		s->seq = r->seq;
		s->fid = r->fidelity;
		s->hash = hash64(r->msg.p, r->msg.n);
		s->len = (uint32_t)r->msg.n;
		s->cont = r->cont;
		snprintf(s->boot, sizeof(s->boot), "%.*s", (int)r->boot.n, r->boot.p);
		s->ns = r->guest_ns;
		assert_true(r->guest_ns == rw_time(&w, r->seq));
	}
	n_seen++;
	if (s->kind == META_ALERT && on_alert)
		on_alert();
	return 0;
}

static inline int recall(void *ctx, enum record_channel channel, source_known known, void *known_ctx, struct err *e)
{
	unsigned i = n_seen;

	(void)ctx;
	(void)e;
	assert_int_equal(channel, RECORD_KMSG);
	while (i--) {
		const struct source_stored stored = {seen[i].boot, seen[i].seq, seen[i].ns, seen[i].hash, NULL};

		if (seen[i].kind == META_KINDS && known(known_ctx, &stored))
			break;
	}
	return 0;
}

static const struct source_sink sink = {.emit = emit, .recall = recall};
static struct printk *p;
static const char BOOT[] = "0123456789abcdef";
static bool marked; /* another boot has another name */

static inline void begin(unsigned desc_bits, unsigned data_bits, bool new_wrap, bool has_last)
{
	n_seen = 0;
	refuse = 0;
	now_us = 1000000;
	marked = true;
	rw_init(&w, desc_bits, data_bits, new_wrap, has_last);
}

static inline void open_ring(const struct source_resume *resume)
{
	struct err e = {""};

	if (printk_open_ring(&p, &w.layout, RW_BASE + w.rb, &w.mem, BOOT, marked, &sink, resume, &e))
		fail_msg("%s", e.text);
}

static inline void end(void)
{
	printk_close(p);
	p = NULL;
	rw_free(&w);
}

static inline void drain(enum printk_why why)
{
	struct err e = {""};
	int r;

	do
		r = printk_drain(p, why, now_us, &e);
	while (r == SOURCE_MORE);
	if (r)
		fail_msg("drain: %d %s", r, e.text);
}

static inline size_t text_of(uint64_t seq, char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (char)(seq * 31 + i * 7);
	return len;
}

static inline void print(uint64_t seq, size_t len)
{
	char buf[2048];

	rw_print(&w, buf, text_of(seq, buf, len), true);
}

static inline void expect(const struct seen *s, uint64_t seq, size_t len, enum record_fidelity fid)
{
	char buf[2048];

	assert_int_equal(s->kind, META_KINDS);
	assert_int_equal(s->seq, seq);
	assert_int_equal(s->len, len);
	assert_int_equal(s->fid, fid);
	assert_true(s->hash == hash64(buf, text_of(seq, buf, len)));
}

/* ---- copies made in the trap ---- */

/* vprintk_store()'s stack when it commits @id; its place in the arena. */
static inline struct prb_frame *on_stack(uint64_t id)
{
	struct prb_frame *f = (void *)rw_word(&w, w.rb + RW_STACK);
	const uint64_t *d = rw_desc(&w, id);
	__u64 gva, room;

	*f = (struct prb_frame){.info = w.layout.g.infos + (id & w.layout.g.desc_mask) * RW_INFO,
		.rb = RW_BASE + w.rb, .id = id};
	if (!prb_block(&w.layout.g, d[1], d[2], &gva, &room)) {
		f->text = gva;
		f->size = room | 0xdeadbeefull << 32; /* padding after 32 bits */
	}
	return f;
}

static inline int fetch_fast(__u64 newest, struct prb_copy *c)
{
	memset(c, 0xee, sizeof(*c));
	return prb_fetch_fast(&w.mem, &w.layout.g, RW_BASE + w.rb + RW_STACK + PRB_FRAME_BELOW, &newest, c);
}

/* What the kvm backend's program would deliver for @id at the commit's entry. */
static inline void deliver(uint64_t id, bool final)
{
	struct prb_copy c;
	struct err e = {""};
	uint64_t sv = *rw_desc(&w, id), entry;

	*rw_desc(&w, id) = RW_SV(id, PRB_RESERVED);
	on_stack(id);
	entry = RW_BASE + w.rb + RW_STACK + PRB_FRAME_BELOW;
	if (fetch_fast(id - (id & 1), &c)) /* a newer one every other time */
		assert_int_equal(prb_fetch_commit(&w.mem, &w.layout.g, entry, &c), 0);
	*rw_desc(&w, id) = sv;
	if (printk_copy(p, final, &c, prb_copy_size(&c), 500000, &e))
		fail_msg("%s", e.text);
}

static inline void open_copies(void)
{
	open_ring(NULL);
	if (printk_layout_ring(&w.layout, &w.mem, RW_BASE + w.rb, NULL))
		fail_msg("geometry");
}

#endif
