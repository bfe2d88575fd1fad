/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/printk/read.h"

#include <errno.h>
#include <string.h>

#include "util/load.h"

#define TORN_TRIES 4 /* a record overtaken while it is read: look again so often */

/* a - b for ids, which are 62 bits wide. */
static int64_t id_diff(uint64_t a, uint64_t b)
{
	return (int64_t)((a - b) << 2) >> 2;
}

uint32_t printk_info_text_len(const struct printk_layout *l, const uint8_t *info)
{
	return load_u16(info + l->off.text_len);
}

void printk_decode_info(const struct printk_layout *l, struct printk_entry *e)
{
	const struct printk_offsets *o = &l->off;

	e->seq = load_u64(e->info + o->seq);
	e->ts_nsec = load_u64(e->info + o->ts_nsec);
	e->caller_id = load_u32(e->info + o->caller_id);
	e->facility = e->info[o->facility];
	e->flags = e->info[o->flags] & 0x1f;
	e->level = e->info[o->flags] >> 5;
}

int printk_bounds(const struct printk_layout *l, const struct fetch_mem *m, uint64_t near,
	uint64_t *head, uint64_t *tail)
{
	uint64_t h, t, base = prb_seq_to_id(&l->g, near);

	/* Tail first: the guest pushes tail before head, so head - tail read this way never is too
	 * big by more than what was written in between; the tail may be stale, never too new. */
	if (m->read(m->ctx, l->tail_id, &t, sizeof(t)) ||
		m->read(m->ctx, l->head_id, &h, sizeof(h)))
		return -EFAULT;
	if ((h | t) & ~PRB_ID_MASK || id_diff(h, t) < 0)
		return -EBADMSG;
	*head = near + (uint64_t)id_diff(h, base);
	*tail = near + (uint64_t)id_diff(t, base);
	/* Before the first record both are the last descriptor of the wrap before (DESC0_ID). */
	if (*tail == UINT64_MAX)
		*tail = 0;
	if (*head + 1 - *tail > l->g.desc_mask + 1) {
		/* Overtaken between the two reads, if the guest runs. */
		if (m->read(m->ctx, l->tail_id, &t, sizeof(t)) || t & ~PRB_ID_MASK)
			return -EFAULT;
		*tail = near + (uint64_t)id_diff(t, base);
		if (*head + 1 - *tail > l->g.desc_mask + 1 && id_diff(t, h) <= 0)
			return -EBADMSG;
		if (id_diff(t, h) > 0)
			*head = *tail;
	}
	return 0;
}

/* What descriptor state word @sv says about record @seq. PRINTK_WHOLE: look at the state. */
static enum printk_found place(const struct prb_geometry *g, uint64_t sv, uint64_t seq,
	const char **why)
{
	int64_t d = id_diff(prb_id(sv), prb_seq_to_id(g, seq));

	if (d == 0)
		return PRINTK_WHOLE;
	/* Never used: zero, which may also be the id of a record, of index 0. */
	if (sv == 0 && seq <= g->desc_mask)
		return PRINTK_FUTURE;
	if ((uint64_t)d & g->desc_mask) {
		*why = "descriptor with an id of another index";
		return PRINTK_LIE;
	}
	return d < 0 ? PRINTK_FUTURE : PRINTK_PAST;
}

static enum printk_found copy_text(const struct printk_layout *l, const struct fetch_mem *m,
	const struct prb_desc_copy *d, struct printk_entry *e, const char **why)
{
	__u64 gva, room;
	int r = prb_block(&l->g, d->begin, d->next, &gva, &room);

	e->text_len = 0;
	if (r == PRB_ENOTEXT)
		return PRINTK_NOTEXT;
	if (r) {
		*why = "text block with impossible bounds";
		return PRINTK_LIE;
	}
	e->text_len = printk_info_text_len(l, e->info);
	if (e->text_len > room) {
		*why = "text longer than its block";
		return PRINTK_LIE;
	}
	if (e->text_len && m->read(m->ctx, gva, e->text, e->text_len))
		return PRINTK_UNREADABLE;
	return PRINTK_WHOLE;
}

/* Has the writers' head come round over the block at @begin? */
static bool overrun(const struct printk_layout *l, const struct fetch_mem *m, uint64_t begin)
{
	uint64_t head;

	return m->read(m->ctx, l->head_lpos, &head, sizeof(head)) ||
		head - begin > l->g.data_mask + 1;
}

static enum printk_found read_once(const struct printk_layout *l, const struct fetch_mem *m,
	uint64_t seq, bool held, struct printk_entry *e, const char **why, bool *torn)
{
	struct prb_desc_copy d;
	enum printk_found f, text;
	enum prb_state state;
	uint64_t sv;

	*torn = false;
	if (m->read(m->ctx, prb_desc_gva(&l->g, seq), &d, sizeof(d)))
		return PRINTK_UNREADABLE;
	f = place(&l->g, d.state_var, seq, why);
	if (f != PRINTK_WHOLE)
		return f;
	state = prb_state(d.state_var);
	if (state == PRB_RESERVED)
		return PRINTK_RESERVED;
	if (m->read(m->ctx, prb_info_gva(&l->g, seq), e->info, l->g.info_size))
		return PRINTK_UNREADABLE;
	text = copy_text(l, m, &d, e, why);
	if (!held) {
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (m->read(m->ctx, prb_desc_gva(&l->g, seq), &sv, sizeof(sv)))
			return PRINTK_UNREADABLE;
		*torn = prb_id(sv) != prb_id(d.state_var) ||
			(sv != d.state_var && prb_state(sv) != PRB_REUSABLE);
		state = prb_state(sv);
	}
	if (text == PRINTK_NOTEXT && state == PRB_COMMITTED)
		return PRINTK_RESERVED; /* says nothing before it is final */
	if (state == PRB_REUSABLE && text != PRINTK_NOTEXT && e->text_len &&
		overrun(l, m, d.begin))
		return PRINTK_TEXTGONE;
	if (text != PRINTK_WHOLE)
		return text;
	printk_decode_info(l, e);
	if (e->seq != seq) {
		*why = "sequence number that does not belong to its descriptor";
		return PRINTK_LIE;
	}
	return state == PRB_COMMITTED ? PRINTK_COMMITTED : PRINTK_WHOLE;
}

enum printk_found printk_read(const struct printk_layout *l, const struct fetch_mem *m,
	uint64_t seq, bool held, struct printk_entry *e, const char **why)
{
	enum printk_found f = PRINTK_UNREADABLE;
	bool torn;

	for (int i = 0; i < TORN_TRIES; i++) {
		f = read_once(l, m, seq, held, e, why, &torn);
		if (!torn)
			break;
	}
	return f;
}

/* A NUL-terminated name in a fixed field. */
static struct span name(const uint8_t *p, uint32_t max)
{
	return (struct span){(const char *)p, strnlen((const char *)p, max)};
}

void printk_to_record(const struct printk_layout *l, const struct printk_entry *e, struct record *r)
{
	const struct printk_offsets *o = &l->off;

	memset(r, 0, sizeof(*r));
	r->facility = e->facility;
	r->severity = e->level;
	r->app = span_of("kernel");
	r->msgid = span_of("kmsg");
	r->channel = RECORD_KMSG;
	r->has_seq = true;
	r->seq = e->seq;
	r->has_guest_ns = true;
	r->guest_ns = e->ts_nsec;
	r->has_caller = true;
	r->caller = e->caller_id;
	r->cont = e->flags & PRINTK_LOG_CONT;
	r->subsystem = name(e->info + o->subsystem, o->subsystem_len);
	r->device = name(e->info + o->device, o->device_len);
	if (o->comm_len) {
		r->observed[0].name = span_of("comm");
		r->observed[0].value = name(e->info + o->comm, o->comm_len);
		r->n_observed = r->observed[0].value.n != 0;
	}
	r->msg = (struct span){e->text, e->text_len};
}
