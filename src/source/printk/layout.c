/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/printk/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/load.h"

struct finder {
	const struct guest *g;
	struct err *e;
	int result; /* the first failure */
};

/* Neither of the two knows it: say what of them is there. Returns -ENOENT. */
static int __attribute__((format(printf, 2, 3))) describes_no(struct finder *f, const char *fmt, ...)
{
	const struct guest_info *info = guest_info(f->g);
	char what[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(f->e, ENOENT,
		"the guest's kernel describes no %s: its VMCOREINFO does not, and it has %s%s. One of the "
		"two is needed: Linux 5.10 or later, built with CONFIG_DEBUG_INFO_BTF, or with CONFIG_KEXEC for VMCOREINFO",
		what, info->btf_bytes ? "BTF without it" : *info->btf_why ? "no usable BTF: " : "no BTF",
		info->btf_why);
}

/*
 * An offset from BTF, from VMCOREINFO, or from both if they agree. @size may be NULL, else the
 * member's size from BTF is stored there, unchanged if BTF does not know it.
 */
static uint32_t offset(struct finder *f, const char *type, const char *member, uint32_t *size)
{
	uint32_t btf = 0, bytes = 0;
	uint64_t note = 0;
	char key[96];
	int in_btf, in_note;

	snprintf(key, sizeof(key), "OFFSET(%s.%s)", type, member);
	in_btf = guest_member(f->g, type, member, &btf, &bytes);
	in_note = guest_vmcoreinfo(f->g, key, &note);
	if (f->result)
		return 0;
	if (in_btf && in_note)
		f->result = describes_no(f, "%s.%s", type, member);
	else if ((!in_btf && btf > 4096) || (!in_note && note > 4096) ||
		(!in_btf && !in_note && btf != note))
		f->result = err_set(f->e, EBADMSG,
			"guest BTF says %s.%s is at %" PRIu32 ", VMCOREINFO says %" PRIu64, type,
			member, btf, note);
	if (!in_btf && size)
		*size = bytes;
	return in_btf ? (uint32_t)note : btf;
}

static uint32_t size_of(struct finder *f, const char *type)
{
	uint32_t btf = 0;
	uint64_t note = 0;
	char key[64];
	int in_btf, in_note;

	snprintf(key, sizeof(key), "SIZE(%s)", type);
	in_btf = guest_sizeof(f->g, type, &btf);
	in_note = guest_vmcoreinfo(f->g, key, &note);
	if (f->result)
		return 0;
	if (in_btf && in_note)
		f->result = describes_no(f, "struct %s", type);
	else if (!in_btf && !in_note && btf != note)
		f->result = err_set(f->e, EBADMSG,
			"guest BTF says struct %s has %" PRIu32 " bytes, VMCOREINFO says %" PRIu64,
			type, btf, note);
	return in_btf ? (uint32_t)note : btf;
}

/* last_finalized_id came in 5.19, last_finalized_seq replaced it in 6.8; 5.10 has neither. */
static uint32_t last_final(struct finder *f)
{
	uint32_t off, size, tail;

	if (!guest_member(f->g, "prb_desc_ring", "last_finalized_seq", &off, &size))
		return off;
	if (!guest_member(f->g, "prb_desc_ring", "last_finalized_id", &off, &size))
		return off;
	/* VMCOREINFO does not list it: it is the word after tail_id if the struct has one. */
	tail = offset(f, "prb_desc_ring", "tail_id", NULL);
	size = size_of(f, "prb_desc_ring");
	return size == tail + 16 ? tail + 8 : 0;
}

static void find_info(struct finder *f, struct printk_offsets *o)
{
	uint32_t dev, size = 0;
	uint64_t len;

	o->info_size = size_of(f, "printk_info");
	o->seq = offset(f, "printk_info", "seq", NULL);
	o->ts_nsec = offset(f, "printk_info", "ts_nsec", NULL);
	o->text_len = offset(f, "printk_info", "text_len", NULL);
	o->caller_id = offset(f, "printk_info", "caller_id", NULL);
	/* u8 facility, then u8 flags:5, level:3 follow text_len in every version. */
	o->facility = o->text_len + 2;
	o->flags = o->text_len + 3;
	dev = offset(f, "printk_info", "dev_info", NULL);
	o->subsystem_len = 16;
	o->device_len = 48;
	o->subsystem = dev + offset(f, "dev_printk_info", "subsystem", &o->subsystem_len);
	o->device = dev + offset(f, "dev_printk_info", "device", &o->device_len);
	if (!guest_vmcoreinfo(f->g, "LENGTH(printk_info_subsystem)", &len) && len <= PRB_INFO_MAX)
		o->subsystem_len = (uint32_t)len;
	if (!guest_vmcoreinfo(f->g, "LENGTH(printk_info_device)", &len) && len <= PRB_INFO_MAX)
		o->device_len = (uint32_t)len;
	if (!guest_member(f->g, "printk_info", "comm", &o->comm, &size))
		o->comm_len = size;
}

static int check_offsets(const struct printk_offsets *o, struct err *e)
{
	const struct { const char *name; uint64_t end; } in_info[] = {
		{"seq", (uint64_t)o->seq + 8}, {"ts_nsec", (uint64_t)o->ts_nsec + 8},
		{"text_len", (uint64_t)o->text_len + 4}, {"caller_id", (uint64_t)o->caller_id + 4},
		{"dev_info.subsystem", (uint64_t)o->subsystem + o->subsystem_len},
		{"dev_info.device", (uint64_t)o->device + o->device_len},
		{"comm", (uint64_t)o->comm + o->comm_len},
	};

	if (o->info_size > PRB_INFO_MAX)
		return err_set(e, EBADMSG, "the guest's struct printk_info has %" PRIu32
			" bytes, more than the %d known of any kernel", o->info_size, PRB_INFO_MAX);
	for (size_t i = 0; i < sizeof(in_info) / sizeof(in_info[0]); i++)
		if (in_info[i].end > o->info_size)
			return err_set(e, EBADMSG, "the guest's printk_info.%s reaches beyond its %"
				PRIu32 " bytes", in_info[i].name, o->info_size);
	if (o->rb_size > 4096)
		return err_set(e, EBADMSG, "the guest's struct printk_ringbuffer has %" PRIu32
			" bytes", o->rb_size);
	return 0;
}

int printk_layout_find(struct printk_layout *l, const struct guest *g, struct err *e)
{
	struct finder f = {.g = g, .e = e};
	struct printk_offsets *o = &l->off;

	memset(l, 0, sizeof(*l));
	if (guest_symbol(g, "prb", &l->prb) && guest_vmcoreinfo(g, "SYMBOL(prb)", &l->prb))
		return err_set(e, ENOENT,
			"the guest's kernel has no symbol prb; Linux 5.10 or later is needed");
	o->rb_size = size_of(&f, "printk_ringbuffer");
	o->desc_ring = offset(&f, "printk_ringbuffer", "desc_ring", NULL);
	o->text_ring = offset(&f, "printk_ringbuffer", "text_data_ring", NULL);
	o->fail = offset(&f, "printk_ringbuffer", "fail", NULL);
	o->count_bits = offset(&f, "prb_desc_ring", "count_bits", NULL);
	o->descs = offset(&f, "prb_desc_ring", "descs", NULL);
	o->infos = offset(&f, "prb_desc_ring", "infos", NULL);
	o->head_id = offset(&f, "prb_desc_ring", "head_id", NULL);
	o->tail_id = offset(&f, "prb_desc_ring", "tail_id", NULL);
	o->last_final = last_final(&f);
	o->size_bits = offset(&f, "prb_data_ring", "size_bits", NULL);
	o->data = offset(&f, "prb_data_ring", "data", NULL);
	o->head_lpos = offset(&f, "prb_data_ring", "head_lpos", NULL);
	find_info(&f, o);
	if (!f.result && (size_of(&f, "prb_desc") != PRB_DESC_SIZE ||
		offset(&f, "prb_desc", "state_var", NULL) != 0 ||
		offset(&f, "prb_desc", "text_blk_lpos", NULL) != 8) && !f.result)
		f.result = err_set(e, EBADMSG,
			"the guest's struct prb_desc is not {state_var, begin, next} of 64 bits "
			"each");
	return f.result ? f.result : check_offsets(o, e);
}

/* Kernel addresses are the upper half of the address space; @bytes must not run over its end. */
static bool kernel_range(uint64_t gva, uint64_t bytes)
{
	return gva >> 63 && !(gva & 7) && bytes <= UINT64_MAX - gva;
}

static int check_array(const struct fetch_mem *m, const char *name, uint64_t gva, uint64_t bytes,
	struct err *e)
{
	uint64_t w;

	if (!kernel_range(gva, bytes))
		return err_set(e, EBADMSG, "the guest's printk ring has its %s at 0x%" PRIx64
			" (%" PRIu64 " bytes), which is no kernel address", name, gva, bytes);
	if (m->read(m->ctx, gva, &w, 8) || m->read(m->ctx, gva + bytes - 8, &w, 8))
		return err_set(e, EFAULT,
			"the %s of the guest's printk ring (0x%" PRIx64 ", %" PRIu64
			" bytes) are not readable",
			name, gva, bytes);
	return 0;
}

/*
 * The id of record 0. Two are possible; the one by which the oldest descriptor's id and sequence
 * number correspond is it. On a ring without any record yet it is by the range in which the newest
 * id is.
 */
static uint64_t first_id(const struct printk_layout *l, const struct fetch_mem *m, uint64_t head,
	uint64_t tail)
{
	const struct prb_geometry *g = &l->g;
	const uint64_t narrow = (uint32_t) - (g->desc_mask + 1),
		       wide = -(g->desc_mask + 1) & PRB_ID_MASK;
	uint64_t sv, seq;

	if (!m->read(m->ctx, prb_desc_gva(g, tail), &sv, sizeof(sv)) &&
		!m->read(m->ctx, prb_info_gva(g, tail) + l->off.seq, &seq, sizeof(seq)) &&
		prb_id(sv) == tail) {
		if (((seq + narrow) & PRB_ID_MASK) == tail)
			return narrow;
		if (((seq + wide) & PRB_ID_MASK) == tail)
			return wide;
	}
	return head + 1 >= narrow && head + 1 < wide ? narrow : wide;
}

int printk_layout_ring(struct printk_layout *l, const struct fetch_mem *m, uint64_t rb,
	struct err *e)
{
	const struct printk_offsets *o = &l->off;
	struct prb_geometry *g = &l->g;
	uint8_t raw[4096];
	uint32_t cb, sb;
	const uint32_t last = 8 + (o->last_final > o->tail_id ? o->last_final : o->tail_id);
	int r;

	if ((uint64_t)o->desc_ring + last > o->rb_size || o->rb_size > sizeof(raw) ||
		(uint64_t)o->desc_ring + o->head_id + 8 > o->rb_size ||
		(uint64_t)o->desc_ring + o->descs + 8 > o->rb_size ||
		(uint64_t)o->desc_ring + o->infos + 8 > o->rb_size ||
		(uint64_t)o->desc_ring + o->count_bits + 4 > o->rb_size ||
		(uint64_t)o->text_ring + o->head_lpos + 8 > o->rb_size ||
		(uint64_t)o->text_ring + o->data + 8 > o->rb_size ||
		(uint64_t)o->text_ring + o->size_bits + 4 > o->rb_size ||
		(uint64_t)o->fail + 8 > o->rb_size)
		return err_set(e, EBADMSG,
			"the guest's struct printk_ringbuffer is smaller than its "
			"members");
	if (!kernel_range(rb, o->rb_size))
		return err_set(e, EBADMSG, "the guest's printk ring is at 0x%" PRIx64
			", which is no kernel address", rb);
	if (m->read(m->ctx, rb, raw, o->rb_size))
		return err_set(
			e, EFAULT, "the guest's printk ring at 0x%" PRIx64 " is not readable", rb);
	cb = load_u32(raw + o->desc_ring + o->count_bits);
	sb = load_u32(raw + o->text_ring + o->size_bits);
	if (cb < 1 || cb > PRINTK_DESC_BITS_MAX)
		return err_set(e, EBADMSG, "the guest's printk ring claims 2^%" PRIu32
			" descriptors (at most 2^%d are believed)", cb, PRINTK_DESC_BITS_MAX);
	if (sb < 5 || sb > PRINTK_DATA_BITS_MAX)
		return err_set(e, EBADMSG, "the guest's printk ring claims 2^%" PRIu32
			" bytes of text (at most 2^%d are believed)", sb, PRINTK_DATA_BITS_MAX);
	*g = (struct prb_geometry){
		.rb = rb,
		.descs = load_u64(raw + o->desc_ring + o->descs),
		.infos = load_u64(raw + o->desc_ring + o->infos),
		.data = load_u64(raw + o->text_ring + o->data),
		.desc_mask = (1ULL << cb) - 1,
		.data_mask = (1ULL << sb) - 1,
		.data_bits = sb,
		.desc_bits = cb,
		.info_size = o->info_size,
		.len_off = o->text_len,
		.dev_off = o->subsystem,
	};
	if (o->seq == 0 && o->text_len == 16)
		g->head_len = o->subsystem == 24 ? PRB_INFO_HEAD :
			o->subsystem == 44 ? PRB_INFO_HEAD_CTX : 0;
	g->infos_gva = g->infos;
	g->data_gva = g->data;
	r = check_array(m, "descriptors", g->descs, (g->desc_mask + 1) * PRB_DESC_SIZE, e);
	if (!r)
		r = check_array(m, "infos", g->infos, (g->desc_mask + 1) * g->info_size, e);
	if (!r)
		r = check_array(m, "texts", g->data, g->data_mask + 1, e);
	if (r)
		return r;
	g->first_id = first_id(l, m, prb_id(load_u64(raw + o->desc_ring + o->head_id)),
		prb_id(load_u64(raw + o->desc_ring + o->tail_id)));
	l->head_id = rb + o->desc_ring + o->head_id;
	l->tail_id = rb + o->desc_ring + o->tail_id;
	l->last_final = o->last_final ? rb + o->desc_ring + o->last_final : 0;
	l->head_lpos = rb + o->text_ring + o->head_lpos;
	l->fail = rb + o->fail;
	return 0;
}

int printk_layout_open(struct printk_layout *l, const struct guest *g, struct err *e)
{
	struct fetch_mem m = guest_mem(g);
	uint64_t rb;
	int r = printk_layout_find(l, g, e);

	if (r)
		return r;
	if (guest_read(g, l->prb, &rb, sizeof(rb)))
		return err_set(e, EFAULT, "the guest's symbol prb (0x%" PRIx64 ") is not readable",
			l->prb);
	return printk_layout_ring(l, &m, rb, e);
}
