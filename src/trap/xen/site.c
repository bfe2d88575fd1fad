/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/site.h"

#include <errno.h>
#include <string.h>

static const uint8_t trap_p6[XEN_SITE_LEN] = {0x2e, 0x41, 0x0f, 0x00, 0xc3};
static const uint8_t trap_k8[XEN_SITE_LEN] = {0x3e, 0x41, 0x0f, 0x00, 0xc3};

bool xen_code_ours(const struct xen_code *c, const uint8_t *now)
{
	for (unsigned i = 0; i < XEN_SITE_LEN; i++)
		if (now[i] != c->original[i] && now[i] != c->planted[i])
			return false;
	return true;
}

int xen_code(const uint8_t *now, struct xen_code *c)
{
	memcpy(c->original, entry_nop_p6, XEN_SITE_LEN);
	memcpy(c->planted, trap_p6, XEN_SITE_LEN);
	if (xen_code_ours(c, now))
		return 0;
	memcpy(c->original, entry_nop_k8, XEN_SITE_LEN);
	memcpy(c->planted, trap_k8, XEN_SITE_LEN);
	return xen_code_ours(c, now) ? 0 : -EBUSY;
}
