/* SPDX-License-Identifier: BSD-3-Clause */
/* http_url.h - a mirror's or witness's URL, taken apart. http.h has the forms. */
#ifndef LOGVISOR_MIRROR_HTTP_URL_H
#define LOGVISOR_MIRROR_HTTP_URL_H

#include "mirror/http.h"

enum http_scheme { HTTP_PLAIN, HTTP_TLS, HTTP_VSOCK, HTTP_UNIX };

struct http_url {
	enum http_scheme scheme;
	char base[HTTP_URL_MAX]; /* what libcurl is given, without a slash at its end */
	char host[256];          /* of http and https, without brackets */
	char path[108];          /* of a Unix socket, as long as sun_path */
	unsigned cid, port;      /* of vsock */
};

/* 0, or -EINVAL with @e. */
int http_url_parse(const char *url, struct http_url *out, struct err *e);

#endif
