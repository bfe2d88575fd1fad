/* SPDX-License-Identifier: BSD-3-Clause */
/* sites.c - what a backend shall trap to be told of a record. */
#include "fetch/printk.h"
#include "source/printk/impl.h"

/*
 * The words that are written when a record has become final: last_finalized_id or _seq where there
 * is one. Before 5.19 the console's position is the next best: console_unlock() moves it past each
 * record before it is printed, still within printk(). Only if the console is found not to follow
 * (locked, suspended) the ring's head is watched too, at the price of a second stop for each
 * record.
 */
static unsigned watch_sites(struct printk *p, struct trap_site *sites, unsigned max)
{
	const struct { uint64_t gva; uint32_t tag; } words[] = {
		{p->l.last_final, PRINTK_TAG_LAST},
		{p->l.last_final ? 0 : p->console_seq, PRINTK_TAG_CONSOLE},
		{!p->l.last_final && (!p->console_seq || p->missed) ? p->l.head_id : 0,
			PRINTK_TAG_HEAD},
	};
	unsigned n = printk_flood_sites(p, sites, max);

	p->flood.watched = true;
	for (unsigned i = 0; !p->flood.on && i < 3 && n < max; i++)
		if (words[i].gva)
			sites[n++] = (struct trap_site){.kind = SITE_WATCH, .gva = words[i].gva,
				.len = 8, .tag = words[i].tag};
	return n;
}

unsigned printk_sites(struct printk *p, unsigned caps, struct trap_site *sites, unsigned max)
{
	unsigned n = 0;

	if (caps & (TRAP_CODE | TRAP_RARE) && max >= 2 && p->code_commit && p->code_final) {
		/* Most records come by the first. */
		const struct { uint64_t gva; uint32_t tag; } f[] = {
			{p->code_final, PRINTK_TAG_FINAL},
			{p->code_commit, PRINTK_TAG_COMMIT}};

		p->code = true;
		for (; n < 2; n++)
			sites[n] = (struct trap_site){
				.kind = SITE_CODE,
				.gva = f[n].gva,
				.tag = f[n].tag,
				.fetch = &fetch_printk,
				.arg = &p->l.g,
				.arg_len = sizeof(p->l.g),
			};
		return n;
	}
	return caps & TRAP_WATCH ? watch_sites(p, sites, max) : 0;
}

void printk_armed(struct printk *p)
{
	uint64_t head, tail;

	if (!printk_bounds(&p->l, &p->m, p->want, &head, &tail) && head + 1 > p->backfill_end)
		p->backfill_end = head + 1;
	p->armed = true;
}
