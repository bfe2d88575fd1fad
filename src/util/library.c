/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int library_load(const struct library *l, void *table, struct err *e)
{
	void *lib = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return err_set(e, ENOENT, "%s %s, which cannot be loaded (%.200s); install it (Debian: %s)", l->purpose,
			l->file, dlerror(), l->package);
	for (size_t i = 0; i < l->n; i++) {
		void *f = dlsym(lib, l->symbols[i].name);

		if (!f)
			return err_set(e, ENOENT, "%s has no %s: it is too old", l->file, l->symbols[i].name);
		memcpy((char *)table + l->symbols[i].at, &f, sizeof(f));
	}
	return 0;
}
