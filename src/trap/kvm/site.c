/* SPDX-License-Identifier: BSD-3-Clause */
/* site.c - recognise and compose the bytes of a site. */
#include "trap/kvm/site.h"

#include <stdbool.h>
#include <string.h>

static const uint8_t nop_p6[SITE_LEN] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
static const uint8_t nop_k8[SITE_LEN] = {0x66, 0x66, 0x66, 0x66, 0x90};

/* Three bytes of NOP in both manners: which of the two stood there before is remembered so. */
static const uint8_t pad_p6[3] = {0x0f, 0x1f, 0x00}, pad_k8[3] = {0x66, 0x66, 0x90};
static const uint8_t invd[2] = {0x0f, 0x08}, nop2[2] = {0x66, 0x90};

/* ENDBR64, and what Linux seals it with when nothing calls the function indirectly (6.2, 6.19). */
static const uint8_t endbr[][4] = {
	{0xf3, 0x0f, 0x1e, 0xfa}, {0x66, 0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0xd6}};

static bool is_k8(const uint8_t *c)
{
	return !memcmp(c, nop_k8, SITE_LEN) || !memcmp(c, pad_k8, sizeof(pad_k8));
}

static enum site_state look(const uint8_t *c)
{
	const uint8_t *then = c + sizeof(pad_p6);

	if (!memcmp(c, nop_p6, SITE_LEN) || !memcmp(c, nop_k8, SITE_LEN))
		return SITE_FREE;
	if (memcmp(c, pad_p6, sizeof(pad_p6)) && memcmp(c, pad_k8, sizeof(pad_k8)))
		return SITE_TAKEN;
	if (!memcmp(then, invd, sizeof(invd)))
		return SITE_PLANTED;
	return memcmp(then, nop2, sizeof(nop2)) ? SITE_TAKEN : SITE_RETIRED;
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

static void compose(const uint8_t *from, const uint8_t *then, uint8_t *to)
{
	bool k8 = is_k8(from);

	memcpy(to, k8 ? pad_k8 : pad_p6, sizeof(pad_p6));
	memcpy(to + sizeof(pad_p6), then, sizeof(invd));
}

void site_plant(const uint8_t *from, uint8_t *to)
{
	compose(from, invd, to);
}

void site_retire(const uint8_t *planted, uint8_t *to)
{
	compose(planted, nop2, to);
}

void site_original(const uint8_t *planted, uint8_t *to)
{
	memcpy(to, is_k8(planted) ? nop_k8 : nop_p6, SITE_LEN);
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
