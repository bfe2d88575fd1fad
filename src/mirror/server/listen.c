/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/server/listen.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/span.h"

#define BACKLOG 1024

static int trouble(const char *spec, int error, struct err *e)
{
	return err_set(e, error, "cannot listen at %.120s: %s", spec, strerror(error));
}

/* What stands after @scheme in @spec, or NULL. */
static const char *after(const char *spec, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(spec, scheme, n) ? NULL : spec + n;
}

static int serve(int fd, const struct sockaddr *a, socklen_t n)
{
	return fd < 0 || bind(fd, a, n) || listen(fd, BACKLOG) ? -errno : 0;
}

/* Does somebody answer at this socket? */
static bool taken(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 && (!connect(fd, (const struct sockaddr *)a, sizeof(*a)) || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* What a server before left there goes; what is no socket stays, and is in the way. */
static int open_unix(const char *spec, const char *path, struct listener *out, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t old;
	int r;

	if (*path != '/' || strlen(path) >= sizeof(a.sun_path))
		return err_set(e, EINVAL, "'%.120s': unix:// and an absolute path of at most %zu bytes", spec,
			sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	if (taken(&a))
		return trouble(spec, EADDRINUSE, e);
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(0117);
	r = serve(out->fd, (struct sockaddr *)&a, sizeof(a));
	umask(old);
	snprintf(out->url, sizeof(out->url), "unix://%s", path);
	return r ? trouble(spec, -r, e) : 0;
}

static int open_vsock(const char *spec, const char *port, struct listener *out, struct err *e)
{
	struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
	uint64_t n;
	int r;

	if (*port != ':' || !span_decimal(span_of(port + 1), &n) || n >= UINT32_MAX)
		return err_set(e, EINVAL, "'%.120s': vsock://:PORT is wanted", spec);
	a.svm_port = (unsigned)n;
	out->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = serve(out->fd, (struct sockaddr *)&a, sizeof(a));
	out->tls = true;
	snprintf(out->url, sizeof(out->url), "vsock://:%u", a.svm_port);
	return r ? trouble(spec, -r, e) : 0;
}

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
	return a->sa_family == AF_INET6 &&
		IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* The port that the kernel gave, into the URL. */
static void tell_url(struct listener *out, const char *host)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	char port[8] = "0";

	if (!getsockname(out->fd, (struct sockaddr *)&a, &n))
		getnameinfo((struct sockaddr *)&a, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	snprintf(out->url, sizeof(out->url), strchr(host, ':') ? "%s://[%.100s]:%s" : "%s://%.100s:%s",
		out->tls ? "https" : "http", host, port);
}

static int open_tcp(const char *spec, const char *where, struct listener *out, struct err *e)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(where, ':');
	struct addrinfo *found = NULL;
	char host[101];
	int n, r, on = 1;

	n = colon ? (int)(colon - where) : 0;
	if (n > 2 && where[0] == '[' && where[n - 1] == ']') {
		where++;
		n -= 2;
	}
	if (n < 1 || n >= (int)sizeof(host) || strspn(colon + 1, "0123456789") != strlen(colon + 1) || !colon[1])
		return err_set(e, EINVAL, "'%.120s': %s://HOST:PORT is wanted", spec, out->tls ? "https" : "http");
	memcpy(host, where, (size_t)n);
	host[n] = '\0';
	r = getaddrinfo(strcmp(host, "*") ? host : NULL, colon + 1, &hints, &found);
	if (r)
		return err_set(e, EINVAL, "cannot listen at %.120s: %s", spec, gai_strerror(r));
	if (!out->tls && !is_loopback(found->ai_addr)) {
		freeaddrinfo(found);
		return err_set(e, EACCES, "%.120s: without TLS a mirror listens on a loopback address only (127.0.0.1, "
			"::1); give https://", spec);
	}
	out->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (out->fd >= 0)
		setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = serve(out->fd, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	if (r)
		return trouble(spec, -r, e);
	tell_url(out, host);
	return 0;
}

int listen_open(const char *spec, struct listener *out, struct err *e)
{
	const char *rest;
	int r;

	*out = (struct listener){.fd = -1};
	if ((rest = after(spec, "unix://"))) {
		r = open_unix(spec, rest, out, e);
	} else if ((rest = after(spec, "vsock://"))) {
		r = open_vsock(spec, rest, out, e);
	} else if ((rest = after(spec, "https://")) || (rest = after(spec, "http://"))) {
		out->tls = spec[4] == 's';
		r = open_tcp(spec, rest, out, e);
	} else {
		r = err_set(e, EINVAL, "'%.120s' is no place to listen: https://HOST:PORT, vsock://:PORT, unix:///PATH or "
			"http://127.0.0.1:PORT", spec);
	}
	if (r && out->fd >= 0) {
		close(out->fd);
		out->fd = -1;
	}
	return r;
}
