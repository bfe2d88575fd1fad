/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/vmm/entry.h"

#include <string.h>

const uint8_t entry_nop_p6[ENTRY_NOP_LEN] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
const uint8_t entry_nop_k8[ENTRY_NOP_LEN] = {0x66, 0x66, 0x66, 0x66, 0x90};

/* ENDBR64, and what Linux seals it with when nothing calls the function indirectly (6.2, 6.19). */
static const uint8_t endbr[][4] = {
	{0xf3, 0x0f, 0x1e, 0xfa}, {0x66, 0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0xd6}};

size_t entry_endbr(const uint8_t *code)
{
	for (size_t i = 0; i < sizeof(endbr) / sizeof(endbr[0]); i++)
		if (!memcmp(code, endbr[i], sizeof(endbr[i])))
			return sizeof(endbr[i]);
	return 0;
}

const char *entry_guess(const uint8_t *code)
{
	switch (code[entry_endbr(code)]) {
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
