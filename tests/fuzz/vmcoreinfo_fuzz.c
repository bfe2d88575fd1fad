/* SPDX-License-Identifier: BSD-3-Clause */
/* vmcoreinfo_fuzz.c - the note is the input; each kind of key is asked for. */
#include <stdint.h>

#include "guest/vmcoreinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmcoreinfo v;
	char text[41];
	uint64_t n;

	if (vmcoreinfo_set(&v, (const char *)data, size))
		return 0;
	vmcoreinfo_text(&v, "BUILD-ID", text, sizeof(text));
	vmcoreinfo_number(&v, "KERNELOFFSET", &n);
	vmcoreinfo_number(&v, "SYMBOL(_stext)", &n);
	vmcoreinfo_number(&v, "NUMBER(phys_base)", &n);
	vmcoreinfo_number(&v, "", &n);
	return 0;
}
