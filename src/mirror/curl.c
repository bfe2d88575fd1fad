/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/curl.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/library.h"

static const struct library_symbol symbols[] = {
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

static const struct library library = {
	"libcurl.so.4", "libcurl4 (or libcurl4t64)", "speaking to mirrors and witnesses needs", symbols,
	sizeof(symbols) / sizeof(symbols[0]),
};

const struct curl_table *curl_load(struct err *e)
{
	static struct curl_table table;
	static bool loaded;

	if (loaded)
		return &table;
	if (library_load(&library, &table, e))
		return NULL;
	if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(e, ENOMEM, "%s cannot be set up", library.file);
		return NULL;
	}
	loaded = true;
	return &table;
}
