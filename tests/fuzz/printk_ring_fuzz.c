/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * printk_ring_fuzz.c - a guest that lies: a ring written properly, then any bytes of it replaced,
 * before it is opened and between any two looks at it, and trap copies and commits of any content.
 * Nothing may be read outside the ring's arena, the work per look is bounded, and every record emitted
 * is encodable.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/source/ring_writer.h"
#include "record/meta.h"
#include "source/printk/printk.h"

#define READS_MAX 2000000

static unsigned emitted;
static char leaf[RECORD_LEAF_MAX];

static int emit(void *ctx, struct record *r, struct err *e)
{
	(void)ctx;
	(void)e;
	r->host = span_of("fuzz");
	if (record_encode(r, leaf, sizeof(leaf)) < 0)
		abort();
	emitted++;
	return emitted % 97 ? 0 : -ENOSPC;
}

struct input {
	const uint8_t *p, *end;
};

static uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	while (n-- && in->p < in->end)
		v = v << 8 | *in->p++;
	return v;
}

static void deliver(struct printk *p, struct input *in, struct ring_writer *w)
{
	struct prb_copy c = {0};
	size_t len = take(in, 2) % (sizeof(c) + 8), n;
	struct err e;

	c.id = take(in, 1) & 1 ? take(in, 8) : prb_seq_to_id(&w->layout.g, take(in, 2));
	c.info_len = (uint32_t)take(in, 1);
	c.text_len = (uint32_t)take(in, 2);
	c.flags = (uint32_t)take(in, 1);
	for (n = 0; n < sizeof(c.info) && in->p < in->end; n++)
		c.info[n] = *in->p++;
	printk_copy(p, take(in, 1) & 1, &c, len > sizeof(c) ? sizeof(c) : len, (int64_t)take(in, 6), &e);
}

/* A commit: what is on the stack there is the guest's as well, now and then almost right. */
static void commit(struct printk *p, struct input *in, struct ring_writer *w)
{
	const struct prb_geometry *g = &w->layout.g;
	struct prb_frame *f = (void *)rw_word(w, w->rb + RW_STACK);
	uint64_t entry = RW_BASE + w->rb + RW_STACK + PRB_FRAME_BELOW, how = take(in, 1);
	struct prb_copy c = {0};
	struct err e;
	__u64 newest;

	f->id = prb_seq_to_id(g, take(in, 2));
	f->rb = how & 1 ? take(in, 8) : g->rb;
	f->info = how & 2 ? take(in, 8) : prb_info_gva(g, f->id);
	f->text = how & 4 ? take(in, 8) : g->data + take(in, 2);
	f->size = take(in, 2);
	newest = f->id - (how >> 3 & 3);
	if (prb_fetch_fast(&w->mem, g, entry, &newest, &c) &&
		prb_fetch_commit(&w->mem, g, entry, &c))
		return;
	if (c.text_len > PRB_TEXT_MAX || c.info_len > PRB_INFO_MAX)
		abort();
	printk_copy(p, how & 32, &c, prb_copy_size(&c), 1, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	static const struct source_sink sink = {.emit = emit};
	struct source_resume resume = {0};
	struct printk *p = NULL;
	struct ring_writer w;
	struct err e;
	uint64_t how = take(&in, 1), prints = take(&in, 1);
	char text[64] = "some text of a record, long enough to wrap now and then.......";

	rw_init(&w, 2 + (how & 3), 7 + (how >> 2 & 3), how & 16, how & 32);
	for (uint64_t i = 0; i < prints; i++)
		rw_print(&w, text, i * 7 % sizeof(text), true);
	for (uint64_t n = how & 64 ? take(&in, 1) : 0; n && in.p < in.end; n--)
		w.arena[take(&in, 2) % w.size] = (uint8_t)take(&in, 1);
	if (how & 128) {
		resume.known = true;
		resume.seq = take(&in, 2);
		resume.next = take(&in, 2);
		snprintf(resume.boot, sizeof(resume.boot), "0123456789abcdef");
	}
	emitted = 0;
	if (printk_open_ring(&p, &w.layout, RW_BASE + w.rb, &w.mem, "0123456789abcdef", data[0] & 1, &sink,
		    &resume, &e) == 0) {
		/* What the walker uses to place its own looks is not the fuzzer's to change. */
		printk_layout_ring(&w.layout, &w.mem, RW_BASE + w.rb, &e);
		for (int64_t now = 1000000; in.p < in.end && emitted < 100000; now += 900000) {
			switch (take(&in, 1) % 7) {
			case 0:
				printk_drain(p, PRINTK_AT_TRAP, now, &e);
				break;
			case 1:
				printk_drain(p, PRINTK_AT_POLL, now, &e);
				break;
			case 2:
				deliver(p, &in, &w);
				break;
			case 3:
				*rw_word(&w, take(&in, 2) % (w.size / 8) * 8) = take(&in, 8);
				break;
			case 4:
				w.arena[take(&in, 2) % w.size] = (uint8_t)take(&in, 1);
				break;
			case 5:
				printk_armed(p);
				break;
			case 6:
				commit(p, &in, &w);
				break;
			}
			if (w.reads > READS_MAX)
				abort();
		}
		printk_end(p, 1, &e);
		printk_close(p);
	}
	rw_free(&w);
	return 0;
}
