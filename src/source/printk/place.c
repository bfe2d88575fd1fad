/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * place.c - is the ring still where it was found? What was validated once is the guest's to change: the pointer
 * to the ring, the pointers in it to its arrays, and the kernel's page table, which may come to have other
 * pages where they are. All of it is compared at polls.
 *
 * A guest that is about to boot anew may look so for a moment; so it has to do so at two polls, between which
 * its owner would have seen that.
 */
#include <errno.h>
#include <string.h>

#include "source/printk/impl.h"
#include "util/load.h"

#define PAGES_US 1000000 /* between two looks at the page table: some twenty reads */
#define STUCK_US 3000000 /* records fail and none is stored for so long */
/* The kernel moves its log once, to a ring of the size asked for (setup_log_buf()), in its first moments. */
#define YOUNG_NS 5000000000u

/* Does the ring's description of itself, @raw, say what it said when it was opened? */
static bool arrays_stay(const struct printk *p, const uint8_t *raw)
{
	const struct printk_offsets *o = &p->l.off;
	const struct prb_geometry *g = &p->l.g;

	return load_u64(raw + o->desc_ring + o->descs) == g->descs &&
		load_u64(raw + o->desc_ring + o->infos) == g->infos &&
		load_u64(raw + o->text_ring + o->data) == g->data &&
		load_u32(raw + o->desc_ring + o->count_bits) == g->desc_bits &&
		load_u32(raw + o->text_ring + o->size_bits) == g->data_bits;
}

/*
 * The kernel counts what it could not store. A few may be a matter of bad luck; when it stores nothing else, its
 * log has come to an end, and what it would have said is nowhere.
 */
static int check_failed(struct printk *p, uint64_t failed, int64_t now_us, struct err *e)
{
	if (p->failed_want != p->want || !p->failed_us || now_us < p->failed_us) {
		p->failed_want = p->want;
		p->failed_at = failed;
		p->failed_us = now_us;
	}
	if (failed == p->failed_at || now_us - p->failed_us < STUCK_US)
		return 0;
	return printk_alert(p, now_us, e, "log-stuck",
		"the guest's kernel stores no record any more: %llu could not be since record %llu",
		(unsigned long long)(failed - p->failed_at), (unsigned long long)p->want - 1);
}

/* Does the page table lead where the ring is read? */
static bool pages_stay(const struct printk *p)
{
	const struct prb_geometry *g = &p->l.g;
	const struct {
		uint64_t gva, len;
	} range[] = {
		{p->l.prb, p->l.prb ? 8 : 0},
		{g->rb, p->l.off.rb_size},
		{g->descs, (g->desc_mask + 1) * PRB_DESC_SIZE},
		{g->infos, (g->desc_mask + 1) * g->info_size},
		{g->data, g->data_mask + 1},
	};

	for (unsigned i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		if (range[i].len && p->maps(p->m.ctx, range[i].gva, range[i].len) == -ESTALE)
			return false;
	return true;
}

/* From then on reads follow the page table: nothing has to be opened anew. */
static int check_pages(struct printk *p, int64_t now_us, struct err *e)
{
	if (!p->maps || (now_us >= p->pages_us && now_us - p->pages_us < PAGES_US))
		return 0;
	p->pages_us = now_us;
	if (pages_stay(p)) {
		p->remapped = false;
		return 0;
	}
	if (!p->remapped) {
		p->remapped = true;
		p->pages_us = 0;
		return 0;
	}
	p->walk_pages(p->m.ctx);
	return printk_alert(p, now_us, e, "ring-remapped",
		"the guest's kernel has other pages of memory where its log was, at 0x%llx; its page table is "
		"followed from now on", (unsigned long long)p->l.g.rb);
}

int printk_same_ring(struct printk *p, int64_t now_us, struct err *e)
{
	uint64_t rb = p->l.g.rb;
	uint8_t raw[4096]; /* rb_size was checked (layout.c) */
	int r;

	if (p->l.prb && p->m.read(p->m.ctx, p->l.prb, &rb, sizeof(rb)))
		return err_set(e, EFAULT, "the guest's symbol prb is not readable");
	if (rb == p->l.g.rb && p->m.read(p->m.ctx, rb, raw, p->l.off.rb_size))
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	if (rb == p->l.g.rb && arrays_stay(p, raw)) {
		p->moved = false;
		r = check_failed(p, load_u64(raw + p->l.off.fail), now_us, e);
		return r ? r : check_pages(p, now_us, e);
	}
	if (rb == p->l.g.rb || p->emitted_ns >= YOUNG_NS) {
		if (!p->moved) {
			p->moved = true;
			return 0;
		}
		r = printk_alert(p, now_us, e, "ring-moved",
			"the guest's kernel moved its log while it was running: %s",
			rb == p->l.g.rb ? "the ring's arrays are elsewhere" : "prb points to another ring");
		if (r)
			return r;
	}
	return err_set(e, ESTALE, "the guest's kernel moved its log to another %s",
		rb == p->l.g.rb ? "place" : "ring");
}
