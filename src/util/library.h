/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * library.h - a shared library that is loaded when first wanted, so that commands which do without it start as fast
 * as before. Its functions stand in a struct of pointers.
 */
#ifndef LOGVISOR_UTIL_LIBRARY_H
#define LOGVISOR_UTIL_LIBRARY_H

#include <stddef.h>

#include "util/err.h"

struct library_symbol {
	const char *name;
	size_t at; /* of its pointer in the struct */
};

struct library {
	const char *file;    /* "libz.so.1" */
	const char *package; /* Debian's that has it */
	const char *purpose; /* "a mirror needs" */
	const struct library_symbol *symbols;
	size_t n;
};

/* Fill @table. 0, or -ENOENT with @e. It is never unloaded. */
int library_load(const struct library *l, void *table, struct err *e);

#endif
