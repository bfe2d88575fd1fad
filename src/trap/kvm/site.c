/* SPDX-License-Identifier: BSD-3-Clause */
/* site.c - recognise and compose the bytes of a site. */
#include "trap/kvm/site.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "trap/vmm/entry.h"

static const uint8_t trap_p6[SITE_LEN] = {0x0f, 0x1f, 0x00, 0x0f, 0x08};
static const uint8_t trap_k8[SITE_LEN] = {0x66, 0x66, 0x90, 0x0f, 0x08};

/*
 * The byte that closes a site: with it all five are one instruction without effect, whatever the other four
 * are. MODRM 0x44 makes SIB and displacement of the last two; 0xa9 is `test $imm32,%eax`, whose flags nobody
 * reads at a function's entry.
 */
static const struct gate {
	unsigned at;
	uint8_t closed;
} gate_p6 = {2, 0x44}, gate_k8 = {0, SITE_CLOSED};

#define PAGE 4096
#define CALL 0xe8 /* both with a distance of 32 bits from their own end */
#define JMP  0xe9

static bool is_k8(const uint8_t *c)
{
	return c[0] == entry_nop_k8[0] || c[0] == gate_k8.closed;
}

/* Is each byte one of the NOP's or of the trap's, but for the one that closes the site? */
static bool retired(const uint8_t *c, const uint8_t *nop, const uint8_t *trap, struct gate g)
{
	for (unsigned i = 0; i < SITE_LEN; i++)
		if (i == g.at ? c[i] != g.closed : c[i] != nop[i] && c[i] != trap[i])
			return false;
	return true;
}

static enum site_state look(const uint8_t *c)
{
	const uint8_t *nop = is_k8(c) ? entry_nop_k8 : entry_nop_p6, *trap = is_k8(c) ? trap_k8 : trap_p6;

	if (!memcmp(c, nop, SITE_LEN))
		return SITE_FREE;
	if (!memcmp(c, trap, SITE_LEN))
		return SITE_PLANTED;
	return retired(c, nop, trap, is_k8(c) ? gate_k8 : gate_p6) ? SITE_RETIRED : SITE_TAKEN;
}

enum site_state site_look(const uint8_t *code, size_t *off)
{
	const size_t endbr = entry_endbr(code);
	enum site_state s = look(code + endbr);

	*off = s == SITE_TAKEN ? 0 : endbr;
	return s;
}

static struct gate gate_of(const struct site *s)
{
	/* A jump is closed like the NOP that has four free bytes behind its first. */
	return s->kind == SITE_JUMP || is_k8(s->planted) ? gate_k8 : gate_p6;
}

int site_trap(struct site *s, const uint8_t *now)
{
	bool k8 = is_k8(now);

	if (look(now) == SITE_TAKEN)
		return -EBUSY;
	s->kind = SITE_TRAP;
	memcpy(s->original, k8 ? entry_nop_k8 : entry_nop_p6, SITE_LEN);
	memcpy(s->planted, k8 ? trap_k8 : trap_p6, SITE_LEN);
	memcpy(s->retired, s->planted, SITE_LEN);
	s->retired[gate_of(s).at] = gate_of(s).closed;
	return 0;
}

/* The distance of a jump or call at @gva to @to; false if there is no such. */
static bool distance(uint64_t gva, uint64_t to, uint8_t *rel)
{
	int64_t far = (int64_t)(to - gva - SITE_LEN);
	uint32_t low = (uint32_t)far;

	for (unsigned i = 0; i < 4; i++)
		rel[i] = (uint8_t)(low >> 8 * i);
	return far == (int32_t)low;
}

int site_jump(struct site *s, const uint8_t *now, uint64_t gva, uint64_t to)
{
	if (look(now) != SITE_FREE)
		return -EBUSY;
	s->kind = SITE_JUMP;
	memcpy(s->original, now, SITE_LEN);
	memcpy(s->retired, now, SITE_LEN);
	s->planted[0] = JMP;
	return distance(gva, to, s->planted + 1) ? 0 : -ERANGE;
}

int site_called(uint8_t *call, uint64_t gva, uint64_t to)
{
	call[0] = CALL;
	return distance(gva, to, call + 1) ? 0 : -ERANGE;
}

int site_call(struct site *s, const uint8_t *now, uint64_t gva, uint64_t from, uint64_t to)
{
	s->kind = SITE_CALL;
	s->original[0] = s->planted[0] = CALL;
	if (!distance(gva, from, s->original + 1) || memcmp(now, s->original, SITE_LEN))
		return -EBUSY;
	memcpy(s->retired, s->original, SITE_LEN);
	if (!distance(gva, to, s->planted + 1))
		return -ERANGE;
	return (gva + 1) / PAGE == (gva + SITE_LEN - 1) / PAGE ? 0 : -EINVAL;
}

/* Is each byte of @c one of the two that stand there before and after, but for the closed gate? */
static bool between(const struct site *s, const uint8_t *c)
{
	return s->kind != SITE_CALL && retired(c, s->original, s->planted, gate_of(s));
}

enum site_state site_state(const struct site *s, const uint8_t *now)
{
	if (!memcmp(now, s->original, SITE_LEN))
		return SITE_FREE;
	if (!memcmp(now, s->planted, SITE_LEN))
		return SITE_PLANTED;
	return between(s, now) ? SITE_RETIRED : SITE_TAKEN;
}

static struct site_step one_byte(unsigned at, uint8_t byte)
{
	return (struct site_step){at, 1, {byte}};
}

unsigned site_steps(const struct site *s, const uint8_t *from, const uint8_t *to, struct site_step *step)
{
	const struct gate g = gate_of(s);
	unsigned n = 0;

	if (!memcmp(from, to, SITE_LEN))
		return 0;
	if (s->kind == SITE_CALL) {
		step[0] = (struct site_step){1, SITE_LEN - 1, {0}};
		memcpy(step[0].byte, to + 1, SITE_LEN - 1);
		return 1;
	}
	if (from[g.at] != g.closed)
		step[n++] = one_byte(g.at, g.closed);
	for (unsigned i = SITE_LEN; i-- > 0;)
		if (i != g.at && from[i] != to[i])
			step[n++] = one_byte(i, to[i]);
	if (to[g.at] != g.closed)
		step[n++] = one_byte(g.at, to[g.at]);
	return n;
}
