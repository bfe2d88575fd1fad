/* SPDX-License-Identifier: BSD-3-Clause */
/* trap.c - the backends there are, and how a target names one. */
#include "trap/trap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct trap_ops trap_gdb, trap_kvm, trap_xen;

static const struct trap_ops *const backends[] = {&trap_gdb, &trap_kvm, &trap_xen};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

const char *trap_backend_name(unsigned int i)
{
	return i < BACKENDS ? backends[i]->name : NULL;
}

int trap_attach(struct trap **out, const char *target, struct err *e)
{
	char known[128] = "";
	size_t n = 0;

	*out = NULL;
	for (size_t i = 0; i < BACKENDS; i++) {
		size_t len = strlen(backends[i]->name);

		if (strncmp(target, backends[i]->name, len) == 0 && target[len] == ':')
			return backends[i]->attach(out, target + len + 1, e);
		if (n < sizeof(known))
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s:", i ? ", " : "",
				backends[i]->name);
	}
	return err_set(e, EINVAL, "%.200s: no such kind of target (known: %s)", target, known);
}
