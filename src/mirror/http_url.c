/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/http_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/span.h"

#define FORMS "https://HOST[:PORT][/PREFIX], vsock://CID:PORT, unix:///PATH or http://HOST[:PORT][/PREFIX]"

static int refuse(const char *url, const char *why, struct err *e)
{
	return err_set(e, EINVAL, "'%.200s' is no URL of a mirror or witness: %s (" FORMS ")", url, why);
}

/* What follows @with in @s, or NULL. */
static const char *after(const char *s, const char *with)
{
	size_t n = strlen(with);

	return strncmp(s, with, n) ? NULL : s + n;
}

static bool number(const char *s, size_t n, uint64_t max, unsigned *out)
{
	uint64_t v;

	if (!span_decimal((struct span){s, n}, &v) || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

static int parse_vsock(const char *url, const char *rest, struct http_url *u, struct err *e)
{
	size_t n = strcspn(rest, ":");

	/* CIDs 0 and 2^32-1 are nobody's: linux/vm_sockets.h, Linux 6.12. */
	if (!rest[n] || !number(rest, n, UINT32_MAX - 1, &u->cid) || u->cid == 0 ||
		!number(rest + n + 1, strlen(rest + n + 1), UINT32_MAX - 1, &u->port) || u->port == 0)
		return refuse(url, "after vsock:// a context id and a port are wanted", e);
	/* The port of a URL has 16 bits; it says nothing here. */
	snprintf(u->base, sizeof(u->base), "https://" HTTP_VSOCK_NAME);
	return 0;
}

static int parse_unix(const char *url, const char *rest, struct http_url *u, struct err *e)
{
	if (rest[0] != '/' || !rest[1])
		return refuse(url, "after unix:// an absolute path is wanted", e);
	if (strlen(rest) >= sizeof(u->path))
		return refuse(url, "the socket's path is longer than Linux takes", e);
	strcpy(u->path, rest);
	snprintf(u->base, sizeof(u->base), "http://" HTTP_VSOCK_NAME);
	return 0;
}

static int parse_host(const char *url, const char *rest, struct http_url *u, struct err *e)
{
	const char *end = rest + strcspn(rest, "/"), *host = rest, *stop, *colon;
	size_t n = strlen(url);
	unsigned port;

	if (*host == '[') {
		host++;
		stop = memchr(host, ']', (size_t)(end - host));
		colon = stop ? stop + 1 : NULL;
	} else {
		stop = memchr(host, ':', (size_t)(end - host));
		stop = stop ? stop : end;
		colon = stop;
	}
	if (!stop || stop == host || (size_t)(stop - host) >= sizeof(u->host))
		return refuse(url, "it names no host", e);
	if (colon != end && (*colon != ':' || !number(colon + 1, (size_t)(end - colon) - 1, 65535, &port) || !port))
		return refuse(url, "its port is none", e);
	memcpy(u->host, host, (size_t)(stop - host));
	while (n > (size_t)(end - url) && url[n - 1] == '/')
		n--;
	memcpy(u->base, url, n);
	return 0;
}

int http_url_parse(const char *url, struct http_url *out, struct err *e)
{
	const char *rest;

	memset(out, 0, sizeof(*out));
	if (strlen(url) >= HTTP_URL_MAX)
		return refuse(url, "it is too long", e);
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("@?#\\\"<>", *p))
			return refuse(url, "it holds a character that does not belong there", e);
	if ((rest = after(url, "vsock://"))) {
		out->scheme = HTTP_VSOCK;
		return parse_vsock(url, rest, out, e);
	}
	if ((rest = after(url, "unix://"))) {
		out->scheme = HTTP_UNIX;
		return parse_unix(url, rest, out, e);
	}
	if ((rest = after(url, "https://")))
		out->scheme = HTTP_TLS;
	else if ((rest = after(url, "http://")))
		out->scheme = HTTP_PLAIN;
	else
		return refuse(url, "its scheme is unknown", e);
	return parse_host(url, rest, out, e);
}

int http_check(const char *url, struct err *e)
{
	struct http_url u;

	return http_url_parse(url, &u, e);
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return !strcmp(host, "localhost") || (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

bool http_is_near(const char *url)
{
	struct http_url u;

	return !http_url_parse(url, &u, NULL) &&
		(u.scheme == HTTP_UNIX || u.scheme == HTTP_VSOCK || is_loopback(u.host));
}

bool http_is_private(const char *url)
{
	struct http_url u;

	return !http_url_parse(url, &u, NULL) && (u.scheme != HTTP_PLAIN || is_loopback(u.host));
}
