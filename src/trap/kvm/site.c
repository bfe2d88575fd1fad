/* SPDX-License-Identifier: BSD-3-Clause */
/* site.c - recognise and compose the bytes of a site. */
#include "trap/kvm/site.h"

#include <stdbool.h>
#include <string.h>

static const uint8_t nop_p6[SITE_LEN] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
static const uint8_t nop_k8[SITE_LEN] = {0x66, 0x66, 0x66, 0x66, 0x90};

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
} gate_p6 = {2, 0x44}, gate_k8 = {0, 0xa9};

/* ENDBR64, and what Linux seals it with when nothing calls the function indirectly (6.2, 6.19). */
static const uint8_t endbr[][4] = {
	{0xf3, 0x0f, 0x1e, 0xfa}, {0x66, 0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0xd6}};

static bool is_k8(const uint8_t *c)
{
	return c[0] == nop_k8[0] || c[0] == gate_k8.closed;
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
	const uint8_t *nop = is_k8(c) ? nop_k8 : nop_p6, *trap = is_k8(c) ? trap_k8 : trap_p6;

	if (!memcmp(c, nop, SITE_LEN))
		return SITE_FREE;
	if (!memcmp(c, trap, SITE_LEN))
		return SITE_PLANTED;
	return retired(c, nop, trap, is_k8(c) ? gate_k8 : gate_p6) ? SITE_RETIRED : SITE_TAKEN;
}

enum site_state site_look(const uint8_t *code, size_t *off)
{
	enum site_state s;

	*off = 0;
	for (size_t i = 0; i < sizeof(endbr) / sizeof(endbr[0]); i++)
		if (!memcmp(code, endbr[i], sizeof(endbr[i]))) {
			s = look(code + sizeof(endbr[i]));
			*off = s == SITE_TAKEN ? 0 : sizeof(endbr[i]);
			return s;
		}
	return look(code);
}

void site_plant(const uint8_t *from, uint8_t *to)
{
	memcpy(to, is_k8(from) ? trap_k8 : trap_p6, SITE_LEN);
}

void site_retire(const uint8_t *planted, uint8_t *to)
{
	const struct gate g = is_k8(planted) ? gate_k8 : gate_p6;

	memcpy(to, planted, SITE_LEN);
	to[g.at] = g.closed;
}

void site_original(const uint8_t *planted, uint8_t *to)
{
	memcpy(to, is_k8(planted) ? nop_k8 : nop_p6, SITE_LEN);
}

unsigned site_steps(const uint8_t *from, const uint8_t *to, struct site_step *step)
{
	const struct gate g = is_k8(from) ? gate_k8 : gate_p6;
	unsigned n = 0;

	if (!memcmp(from, to, SITE_LEN))
		return 0;
	if (from[g.at] != g.closed)
		step[n++] = (struct site_step){g.at, g.closed};
	for (unsigned i = SITE_LEN; i-- > 0;)
		if (i != g.at && from[i] != to[i])
			step[n++] = (struct site_step){i, to[i]};
	if (to[g.at] != g.closed)
		step[n++] = (struct site_step){g.at, to[g.at]};
	return n;
}

const char *site_guess(const uint8_t *code)
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(endbr) / sizeof(endbr[0]); i++)
		if (!memcmp(code, endbr[i], sizeof(endbr[i])))
			at = sizeof(endbr[i]);
	switch (code[at]) {
	case 0xe8:
		return "a call, as ftrace, fentry BPF, livepatch and kprobes put it";
	case 0xe9:
	case 0xeb:
		return "a jump, as an optimized kprobe puts it";
	case 0xcc:
		return "a breakpoint, as a debugger or kprobe puts it";
	default:
		return "no NOP that can be replaced";
	}
}
