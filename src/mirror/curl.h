/* SPDX-License-Identifier: BSD-3-Clause */
/* curl.h - the functions of libcurl that are used, loaded when first wanted. */
#ifndef LOGVISOR_MIRROR_CURL_H
#define LOGVISOR_MIRROR_CURL_H

#include <curl/curl.h>

#include "util/err.h"

/* Without the macros around these two, which want the functions themselves. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

struct curl_table {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_cleanup) *cleanup;
	__typeof__(curl_easy_reset) *reset;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_getinfo) *getinfo;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_strerror) *strerror;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free_all;
};

/* NULL with @e if the library is not there. Not for two threads at once. */
const struct curl_table *curl_load(struct err *e);

#endif
