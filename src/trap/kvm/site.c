/* SPDX-License-Identifier: BSD-3-Clause */
/* site.c - recognise and compose the bytes of a site. */
#include "trap/kvm/site.h"

#include <stdbool.h>
#include <string.h>

static const uint8_t nop_p6[SITE_LEN] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
static const uint8_t nop_k8[SITE_LEN] = {0x66, 0x66, 0x66, 0x66, 0x90};
static const uint8_t retired[SITE_LEN] = {0x66, 0x90, 0x0f, 0x1f, 0x00};

/* ENDBR64, and what Linux seals it with when nothing calls the function indirectly (6.2, 6.19). */
static const uint8_t endbr[][4] = {
	{0xf3, 0x0f, 0x1e, 0xfa}, {0x66, 0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0xd6}};

static bool ours(const uint8_t *c)
{
	return (c[0] == 0x31 || c[0] == 0x33) && c[1] == 0xc0 && c[2] == 0x0f && c[3] == 0x01 &&
		(c[4] == 0xd9 || c[4] == 0xc1);
}

static enum site_state look(const uint8_t *c)
{
	if (!memcmp(c, nop_p6, SITE_LEN) || !memcmp(c, nop_k8, SITE_LEN))
		return SITE_FREE;
	if (ours(c))
		return SITE_PLANTED;
	return memcmp(c, retired, SITE_LEN) ? SITE_TAKEN : SITE_RETIRED;
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

void site_plant(const uint8_t *from, int amd, uint8_t *to)
{
	bool k8 = !memcmp(from, nop_k8, SITE_LEN) || (ours(from) && from[0] == 0x33);

	to[0] = k8 ? 0x33 : 0x31;
	to[1] = 0xc0;
	to[2] = 0x0f;
	to[3] = 0x01;
	to[4] = amd ? 0xd9 : 0xc1;
}

int site_other_vendor(const uint8_t *code, int amd)
{
	return ours(code) && code[4] != (amd ? 0xd9 : 0xc1);
}

void site_retire(uint8_t *to)
{
	memcpy(to, retired, SITE_LEN);
}

void site_original(const uint8_t *planted, uint8_t *to)
{
	memcpy(to, planted[0] == 0x33 ? nop_k8 : nop_p6, SITE_LEN);
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
