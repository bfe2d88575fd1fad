/* SPDX-License-Identifier: BSD-3-Clause */
/* gadget.c - compose a gadget's bytes, and know one again. */
#include "trap/kvm/gadget.h"

#include <errno.h>
#include <string.h>

#include "util/load.h"

static const uint8_t magic[8] = {'l', 'g', 'v', 'g', 'd', 'g', 't', '1'};

/* Where things are in a head. */
enum { AT_MAGIC, AT_SITE = 8, AT_ON = 16, AT_ORIGINAL = 24, AT_LEN = 29 };

#define JUMPS_MAX (TRAP_HOPS_MAX + 2)
#define CLIMB_STEPS 64 /* directories below each other; who made more is not followed */

struct code {
	uint8_t *b;
	size_t n;
	uint64_t gva; /* of b[0] */
	bool far; /* a distance did not fit, or all of it */
};

static void put(struct code *c, const void *bytes, size_t n)
{
	if (c->n + n > GADGET_CODE) { /* what is composed then is of no use */
		c->far = true;
		c->n = 0;
	}
	memcpy(c->b + c->n, bytes, n);
	c->n += n;
}

static void put_u32(struct code *c, uint32_t v)
{
	const uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

	put(c, b, 4);
}

static void put_u64(uint8_t *at, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* `jmp` or `call` @to. */
static void put_far(struct code *c, uint8_t op, uint64_t to)
{
	int64_t d = (int64_t)(to - (c->gva + c->n + SITE_LEN));

	put(c, &op, 1);
	put_u32(c, (uint32_t)d);
	c->far |= d != (int32_t)d;
}

/* A short jump whose distance is not known yet: where its byte is. */
static size_t put_near(struct code *c, uint8_t op)
{
	const uint8_t jump[] = {op, 0};

	put(c, jump, sizeof(jump));
	return c->n - 1;
}

static void land(struct code *c, const size_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const size_t d = c->n - from[i] - 1;

		c->far |= d > INT8_MAX;
		c->b[from[i]] = (uint8_t)d;
	}
}

#define JZ  0x74
#define JNZ 0x75
#define JS  0x78

/* The register in which a filter works: RAX, or after a call, which has its result there, R8. */
struct scratch {
	uint8_t load[2], next[2]; /* REX and opcode of a load from an argument's register, and from itself */
	uint8_t field;            /* the register in a MODRM byte */
	uint8_t test[3];
	uint8_t next32[2], n_next32; /* the same of 32 bits from itself */
	uint8_t cmp[3], n_cmp;
};

static const struct scratch in_rax = {.load = {0x48, 0x8b}, .next = {0x48, 0x8b}, .field = 0, .test = {0x48, 0x85, 0xc0},
	.next32 = {0x8b}, .n_next32 = 1, .cmp = {0x3d}, .n_cmp = 1};
static const struct scratch in_r8 = {.load = {0x4c, 0x8b}, .next = {0x4d, 0x8b}, .field = 0, .test = {0x4d, 0x85, 0xc0},
	.next32 = {0x45, 0x8b}, .n_next32 = 2, .cmp = {0x41, 0x81, 0xf8}, .n_cmp = 3};

/* @op off(%base),%scratch: MODRM with a displacement of 32 bits. */
static void put_load(struct code *c, const uint8_t *op, size_t n, uint8_t field, uint8_t base, int32_t off)
{
	const uint8_t modrm = (uint8_t)(0x80 | field << 3 | base);

	put(c, op, n);
	put(c, &modrm, 1);
	put_u32(c, (uint32_t)off);
}

static const uint8_t arg_reg[] = {[TRAP_RDI] = 7, [TRAP_RSI] = 6, [TRAP_RDX] = 2};

/* What does not count jumps from @out, *@n_out of them, and what does from @hit, one for each word. */
static void put_filter(struct code *c, const struct trap_filter *f, const struct scratch *in, size_t *out, size_t *n_out,
	size_t *hit)
{
	for (uint32_t i = 0; i < f->hops; i++) {
		put_load(c, i ? in->next : in->load, 2, in->field, i ? in->field : arg_reg[f->reg], f->off[i]);
		put(c, in->test, sizeof(in->test));
		out[(*n_out)++] = put_near(c, JZ);
	}
	put_load(c, in->next32, in->n_next32, in->field, in->field, f->at);
	for (uint32_t i = 0; i < f->words; i++) {
		put(c, in->cmp, in->n_cmp);
		put(c, f->word[i], 4);
		hit[i] = put_near(c, JZ);
	}
}

static const uint8_t invd[] = {0x0f, 0x08}, popf = 0x9d, ret = 0xc3;

/* What is above it, from where @reg leads: what counts jumps from @hit, the rest goes on behind. */
static void put_climb(struct code *c, const struct trap_filter *f, enum trap_reg reg, size_t *hit, size_t *n_hit)
{
	static const uint8_t steps[] = {0x41, 0xba, CLIMB_STEPS, 0, 0, 0}, /* mov $64,%r10d */
		above[] = {0x4d, 0x8b}, root[] = {0x4d, 0x39, 0xc1},       /* mov at(%r8),%r9; cmp %r8,%r9 */
		up[] = {0x4d, 0x89, 0xc8}, count[] = {0x41, 0xff, 0xca};   /* mov %r9,%r8; dec %r10d */
	size_t out[JUMPS_MAX], n = 0, loop, back;

	for (uint32_t i = 0; i < f->hops; i++) {
		put_load(c, i ? in_r8.next : in_r8.load, 2, 0, i ? 0 : arg_reg[reg], f->off[i]);
		put(c, in_r8.test, sizeof(in_r8.test));
		out[n++] = put_near(c, JZ);
	}
	put(c, steps, sizeof(steps));
	loop = c->n;
	for (uint32_t i = 0; i < f->words; i++) {
		put(c, in_r8.cmp, in_r8.n_cmp);
		put(c, f->word[i], 4);
		hit[(*n_hit)++] = put_near(c, JZ);
	}
	put_load(c, above, sizeof(above), 1, 0, f->at);
	put(c, root, sizeof(root));
	out[n++] = put_near(c, JZ);
	put(c, up, sizeof(up));
	put(c, count, sizeof(count));
	back = put_near(c, JNZ);
	c->b[back] = (uint8_t)(loop - c->n);
	land(c, out, n);
}

/*
 * Both ways of a filter that climbs; at the end what does not count goes on, interrupts being as they were. What counts
 * jumps from @hit, where they are off: put_climbed().
 */
static size_t put_climbs(struct code *c, const struct trap_filter *f, size_t *hit)
{
	static const uint8_t off[] = {0x9c, 0xfa}; /* pushf; cli */
	size_t n = 0;

	put(c, off, sizeof(off));
	put_climb(c, f, f->both ? TRAP_RDI : f->reg, hit, &n);
	if (f->both)
		put_climb(c, f, TRAP_RSI, hit, &n);
	put(c, &popf, 1);
	return n;
}

static void put_climbed(struct code *c, const struct trap_filter *f)
{
	put(c, &popf, 1);
	if (f->takes)
		put_load(c, in_rax.load, 2, arg_reg[TRAP_RSI], arg_reg[TRAP_RDI], f->rsi_at);
}

/* How far from the code's begin the byte behind INVD is. */
static size_t put_forward(struct code *c, const struct gadget_want *w)
{
	size_t out[JUMPS_MAX], hit[2 * TRAP_WORDS_MAX], n = 0, behind;

	if (w->filter && w->filter->climb) {
		n = put_climbs(c, w->filter, hit);
		put_far(c, 0xe9, w->on);
		land(c, hit, n);
		put_climbed(c, w->filter);
	} else if (w->filter) {
		put_filter(c, w->filter, &in_rax, out, &n, hit);
		land(c, out, n);
		put_far(c, 0xe9, w->on);
		land(c, hit, w->filter->words);
	}
	put(c, invd, sizeof(invd));
	behind = c->n;
	put_far(c, 0xe9, w->on);
	return behind;
}

static size_t put_around(struct code *c, const struct gadget_want *w)
{
	/* An odd number of them: the stack is aligned to 16 bytes at the call then. */
	static const uint8_t push[] = {0x57, 0x56, 0x52, 0x51, 0x51}, pop[] = {0x59, 0x59, 0x5a, 0x5e, 0x5f},
		test_eax[] = {0x85, 0xc0};
	static const uint8_t push_at = 0xff; /* at(%rdi) */
	const size_t kept = w->place == TRAP_RETURN_ARGS ? sizeof(push) : w->place == TRAP_LEAVE ? 3 : 1;
	const bool takes = w->filter && w->filter->takes;
	size_t out[JUMPS_MAX], hit[2 * TRAP_WORDS_MAX], n = 0, n_hit, behind;

	put(c, push, kept - takes);
	if (takes)
		put_load(c, &push_at, 1, 6, arg_reg[TRAP_RDI], w->filter->rdx_at);
	put_far(c, 0xe8, w->on);
	put(c, pop + sizeof(pop) - kept, kept);
	put(c, test_eax, sizeof(test_eax));
	out[n++] = put_near(c, JS);
	if (w->filter && w->filter->climb) {
		n_hit = put_climbs(c, w->filter, hit);
		land(c, out, n);
		put(c, &ret, 1);
		land(c, hit, n_hit);
		put_climbed(c, w->filter);
	} else if (w->filter) {
		put_filter(c, w->filter, &in_r8, out, &n, hit);
		land(c, out, n);
		put(c, &ret, 1);
		land(c, hit, w->filter->words);
	}
	put(c, invd, sizeof(invd));
	behind = c->n;
	if (!w->filter)
		land(c, out, n);
	put(c, &ret, 1);
	return behind;
}

static bool returns(const struct gadget_want *w)
{
	return w->place == TRAP_RETURN || w->place == TRAP_RETURN_ARGS || w->place == TRAP_LEAVE;
}

static bool may_filter(const struct gadget_want *w, const struct trap_filter *f)
{
	if (f->wild || f->hops < 1 || f->hops > TRAP_HOPS_MAX || f->words < 1 || f->words > TRAP_WORDS_MAX ||
		f->reg > TRAP_RDX)
		return false;
	if (f->climb)
		return f->words <= TRAP_CLIMB_WORDS && (w->place == TRAP_LEAVE || (w->place == TRAP_ENTRY && !f->takes));
	return !f->both && !f->takes && (!returns(w) || f->reg == TRAP_RDI);
}

int gadget_make(struct gadget *g, const struct gadget_want *w, uint64_t gva)
{
	const struct trap_filter *f = w->filter;
	struct code c = {.b = g->bytes + GADGET_HEAD, .gva = gadget_code(gva)};

	if (f && !may_filter(w, f))
		return -EINVAL;
	memset(g, 0, sizeof(*g));
	g->gva = gva;
	g->invd = (uint32_t)(GADGET_HEAD + (returns(w) ? put_around(&c, w) : put_forward(&c, w)));
	g->len = (uint32_t)(GADGET_HEAD + c.n);
	memcpy(g->bytes + AT_MAGIC, magic, sizeof(magic));
	put_u64(g->bytes + AT_SITE, w->site);
	put_u64(g->bytes + AT_ON, w->on);
	memcpy(g->bytes + AT_ORIGINAL, w->original, SITE_LEN);
	g->bytes[AT_LEN] = (uint8_t)g->len;
	return c.far ? -ERANGE : 0;
}

bool gadget_read(const uint8_t *b, struct gadget_head *out)
{
	*out = (struct gadget_head){.site = load_u64(b + AT_SITE), .on = load_u64(b + AT_ON), .len = b[AT_LEN]};
	memcpy(out->original, b + AT_ORIGINAL, SITE_LEN);
	return !memcmp(b + AT_MAGIC, magic, sizeof(magic)) && out->len > GADGET_HEAD && out->len <= GADGET_MAX;
}
