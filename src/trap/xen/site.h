/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * site.h - the five bytes of a site on Xen:
 *
 *   free      0f 1f 44 00 00   the NOP of a function's entry (or 66 66 66 66 90, see trap/vmm/entry.h)
 *   planted   2e 41 0f 00 c3   SLDT to R11D, with a prefix without meaning, so that it has the NOP's length: one
 *                              instruction, whether done or not, so nothing is ever inside. (3e 41 0f 00 c3 where the
 * other
 *                              NOP was.)
 *
 * R11 belongs to the function that is entered (System V ABI, x86-64). Xen shows an SLDT to who monitors the domain's
 * descriptor tables; when nobody does, the processor executes it, and it costs nothing: a site whose owner died
 * harms nobody.
 *
 * Whoever writes the bytes may die amid it, and the domain, paused for it, be let go by somebody else: a
 * mixture of both is recognised as one that is to be written anew.
 */
#ifndef LOGVISOR_TRAP_XEN_SITE_H
#define LOGVISOR_TRAP_XEN_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "trap/vmm/entry.h"

#define XEN_SITE_LEN ENTRY_NOP_LEN

struct xen_code {
	uint8_t original[XEN_SITE_LEN], planted[XEN_SITE_LEN];
};

/* The two for where @now stands. 0; -EBUSY: it is neither such a NOP nor a trap, nor a mixture of the two. */
int xen_code(const uint8_t *now, struct xen_code *c);

/* Is each byte of @now one of the two? */
bool xen_code_ours(const struct xen_code *c, const uint8_t *now);

#endif
