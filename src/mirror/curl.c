/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static const struct {
	const char *name;
	size_t at; /* in struct curl_table */
} wanted[] = {
	{"curl_global_init", offsetof(struct curl_table, global_init)},
	{"curl_easy_init", offsetof(struct curl_table, init)},
	{"curl_easy_cleanup", offsetof(struct curl_table, cleanup)},
	{"curl_easy_reset", offsetof(struct curl_table, reset)},
	{"curl_easy_setopt", offsetof(struct curl_table, setopt)},
	{"curl_easy_getinfo", offsetof(struct curl_table, getinfo)},
	{"curl_easy_perform", offsetof(struct curl_table, perform)},
	{"curl_easy_strerror", offsetof(struct curl_table, strerror)},
	{"curl_slist_append", offsetof(struct curl_table, slist_append)},
	{"curl_slist_free_all", offsetof(struct curl_table, slist_free_all)},
};

static struct curl_table table;
static bool loaded;

const struct curl_table *curl_load(struct err *e)
{
	void *lib;

	if (loaded)
		return &table;
	lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		err_set(e, ENOENT, "mirrors and witnesses are spoken to with " LIBRARY ", which cannot be loaded (%.200s); "
			"install it (Debian: libcurl4 or libcurl4t64)", dlerror());
		return NULL;
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void *f = dlsym(lib, wanted[i].name);

		if (!f) {
			err_set(e, ENOENT, LIBRARY " has no %s: it is too old", wanted[i].name);
			return NULL;
		}
		memcpy((char *)&table + wanted[i].at, &f, sizeof(f));
	}
	if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(e, ENOMEM, LIBRARY " cannot be set up");
		return NULL;
	}
	loaded = true;
	return &table;
}
