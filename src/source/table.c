/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - the sources there are. */
#include "source/source.h"

extern const struct source_ops source_printk, source_unix, source_audit, source_files, source_kmsg, source_console;

const struct source_ops *const source_table[] = {&source_printk, &source_unix, &source_audit, &source_files, NULL};

static const struct source_ops *const host_kmsg[] = {&source_kmsg, NULL};
static const struct source_ops *const xen_console[] = {&source_console, NULL};

const struct source_ops *const *source_table_of(const struct trap_ops *trap)
{
	static const struct source_ops *const *const tables[] = {
		[TRAP_VM] = source_table, [TRAP_HOST_KMSG] = host_kmsg, [TRAP_XEN_CONSOLE] = xen_console,
	};

	return tables[trap->what];
}
