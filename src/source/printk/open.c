/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * open.c - a ring found, and the place in it to go on from: after the last record that is stored if it is of
 * the same boot, else at the oldest there is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/printk/impl.h"
#include "util/hash.h"

#define HISTORY_MAX (1U << 16) /* records remembered: 512 KiB */

/* Does the ring still hold record resume->seq, and is it the same? 1 yes, 0 no, -1 cannot tell. */
static int same_record(struct printk *p, const struct source_resume *resume)
{
	const char *why;

	switch (printk_read(&p->l, &p->m, resume->seq, false, &p->entry, &why)) {
	case PRINTK_WHOLE:
	case PRINTK_COMMITTED:
		return p->entry.ts_nsec == resume->guest_ns &&
			hash64(p->entry.text, p->entry.text_len) == resume->text_hash;
	default:
		return -1;
	}
}

static int start(struct printk *p, const struct source_resume *resume, struct err *e)
{
	uint64_t head, tail;
	int same, r = printk_bounds(&p->l, &p->m, 0, &head, &tail);

	if (r == -EFAULT)
		return err_set(e, EFAULT, "the guest's printk ring is not readable");
	if (r)
		return err_set(
			e, EBADMSG, "the ends of the guest's printk ring contradict each other");
	p->want = 0;
	p->backfill_end = head + 1;
	if (!resume || !resume->known)
		return 0;
	same = same_record(p, resume);
	p->resumed = same == 1 || printk_same_boot(resume->boot, p->boot);
	if (!p->resumed)
		return 0;
	memcpy(p->boot, resume->boot, sizeof(p->boot));
	if ((same != 1 || !printk_time_tells(resume->guest_ns)) && printk_booted_anew(p, tail, head))
		return 0;
	p->rewound = same == 0; /* of this boot, but another one */
	p->want = resume->next > resume->seq ? resume->next : resume->seq + 1;
	for (unsigned i = 0; i < resume->n_open; i++)
		if (resume->open[i] >= tail && resume->open[i] < p->want)
			p->skipped[p->n_skipped++] = resume->open[i];
	return 0;
}

int printk_open_ring(struct printk **out, const struct printk_layout *l, uint64_t rb,
	const struct fetch_mem *m, const char *boot, bool marked, const struct source_sink *sink,
	const struct source_resume *resume, struct err *e)
{
	struct printk *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (!p || !(p->entry.text = malloc(PRINTK_TEXT_CAP))) {
		err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	p->l = *l;
	p->m = *m;
	p->sink = sink;
	p->marked = marked;
	memcpy(p->boot, boot, strnlen(boot, sizeof(p->boot) - 1));
	r = printk_layout_ring(&p->l, &p->m, rb, e);
	if (r)
		goto fail;
	p->history_mask = (p->l.g.desc_mask < HISTORY_MAX ? p->l.g.desc_mask : HISTORY_MAX - 1);
	p->history = calloc(p->history_mask + 1, sizeof(*p->history));
	r = p->history ? start(p, resume, e) : err_set(e, ENOMEM, "out of memory");
	if (r)
		goto fail;
	p->first_drain = true;
	p->whole = true;
	*out = p;
	return 0;
fail:
	printk_close(p);
	return r;
}

static int maps(void *ctx, uint64_t gva, uint64_t len)
{
	return guest_maps(ctx, gva, len);
}

static void walk(void *ctx)
{
	guest_walk(ctx);
}

int printk_open(struct printk **out, const struct guest *g, const struct source_sink *sink,
	const struct source_resume *resume, struct err *e)
{
	struct fetch_mem m = guest_mem(g);
	struct printk_layout l;
	uint64_t sym;
	int r = printk_layout_open(&l, g, e);

	if (r)
		return r;
	r = printk_open_ring(out, &l, l.g.rb, &m, guest_info(g)->boot, guest_info(g)->boot_marked, sink, resume, e);
	if (r)
		return r;
	(*out)->maps = maps;
	(*out)->walk_pages = walk;
	if (!guest_symbol(g, "prb_commit", &sym))
		(*out)->code_commit = sym;
	if (!guest_symbol(g, "prb_final_commit", &sym))
		(*out)->code_final = sym;
	if (!guest_symbol(g, "console_seq", &sym) && !(sym & 7))
		(*out)->console_seq = sym;
	return 0;
}

void printk_close(struct printk *p)
{
	if (!p)
		return;
	printk_window_free(p);
	free(p->history);
	free(p->entry.text);
	free(p->part.text);
	free(p);
}

bool printk_resumed(const struct printk *p)
{
	return p->resumed;
}

const char *printk_boot(const struct printk *p)
{
	return p->boot;
}

const struct source_counters *printk_counters(const struct printk *p)
{
	return &p->counters;
}

uint64_t printk_next(const struct printk *p)
{
	return p->want;
}

uint64_t printk_failed(const struct printk *p)
{
	uint64_t n;

	return p->m.read(p->m.ctx, p->l.fail, &n, sizeof(n)) ? 0 : n;
}

void printk_size(const struct printk *p, uint64_t *records, uint64_t *bytes)
{
	*records = p->l.g.desc_mask + 1;
	*bytes = p->l.g.data_mask + 1;
}
