/* SPDX-License-Identifier: BSD-3-Clause */
/* trap.c - the backends there are, and how a target names one. */
#include "trap/trap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct trap_ops trap_gdb, trap_kvm, trap_xen, trap_host_kmsg, trap_xen_console;

static const struct trap_ops *const backends[] = {&trap_gdb, &trap_kvm, &trap_xen, &trap_host_kmsg, &trap_xen_console};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

const char *trap_backend_name(unsigned int i)
{
	return i < BACKENDS ? backends[i]->name : NULL;
}

/* What follows the name of @b in @target; NULL: it names another. */
static const char *rest(const struct trap_ops *b, const char *target)
{
	size_t len = strlen(b->name);

	if (strncmp(target, b->name, len) != 0)
		return NULL;
	if (b->what != TRAP_VM)
		return target[len] ? NULL : target + len;
	return target[len] == ':' ? target + len + 1 : NULL;
}

int trap_attach(struct trap **out, const char *target, struct err *e)
{
	char known[128] = "";
	size_t n = 0;

	*out = NULL;
	for (size_t i = 0; i < BACKENDS; i++) {
		const char *named = rest(backends[i], target);

		if (named)
			return backends[i]->attach(out, named, e);
		if (n < sizeof(known))
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s%s", i ? ", " : "",
				backends[i]->name, backends[i]->what == TRAP_VM ? ":" : "");
	}
	return err_set(e, EINVAL, "%.200s: no such kind of target (known: %s)", target, known);
}
