/* SPDX-License-Identifier: BSD-3-Clause */
/* target.c - parse and resolve where a GDB stub listens. */
#include "trap/gdb/target.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int parse_path(struct gdb_target *t, const char *text, struct err *e)
{
	char cwd[4096] = "";
	int n;

	if (text[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_set(e, errno, "gdb:%s: cannot tell the current directory: %s", text,
			strerror(errno));
	n = snprintf(t->path, sizeof(t->path), "%s%s%s", cwd, text[0] != '/' ? "/" : "", text);
	if (n < 0 || (size_t)n >= sizeof(t->path)) {
		/* The relative name may fit where the absolute one does not. */
		if (strlen(text) >= sizeof(t->path))
			return err_set(e, EINVAL,
				"gdb:%.40s...: path too long for a Unix socket (limit %zu bytes)", text,
				sizeof(t->path) - 1);
		memcpy(t->path, text, strlen(text) + 1);
	}
	t->is_unix = true;
	return 0;
}

int gdb_target_parse(struct gdb_target *t, const char *text, struct err *e)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t hostlen, digits;
	long port;

	memset(t, 0, sizeof(*t));
	if (!*text)
		return err_set(e, EINVAL,
			"gdb: empty target (want gdb:PATH of a Unix socket, or gdb:HOST:PORT)");
	if (strchr(text, '/') || !colon)
		return parse_path(t, text, e);
	digits = strspn(colon + 1, "0123456789");
	if (colon[1 + digits])
		return parse_path(t, text, e);
	port = digits && digits <= 5 ? strtol(colon + 1, NULL, 10) : 0;
	if (port < 1 || port > 65535)
		return err_set(e, EINVAL, "gdb:%.200s: port must be 1 to 65535", text);

	hostlen = (size_t)(colon - text);
	if (hostlen >= 2 && host[0] == '[' && host[hostlen - 1] == ']') {
		host++;
		hostlen -= 2;
	}
	if (hostlen >= sizeof(t->host))
		return err_set(e, EINVAL, "gdb:%.40s...: host name too long", text);
	if (hostlen)
		memcpy(t->host, host, hostlen);
	else
		memcpy(t->host, "localhost", sizeof("localhost"));
	snprintf(t->port, sizeof(t->port), "%ld", port);
	return 0;
}

int gdb_target_resolve(const struct gdb_target *t, struct gdb_addr *out, int max, struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	int n = 0, rc;

	if (t->is_unix) {
		struct sockaddr_un *un = (struct sockaddr_un *)&out[0].sa;

		memset(&out[0], 0, sizeof(out[0]));
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, t->path, sizeof(un->sun_path));
		out[0].len = sizeof(*un);
		return 1;
	}
	rc = getaddrinfo(t->host, t->port, &hints, &list);
	if (rc)
		return err_set(e, EHOSTUNREACH, "gdb:%s:%s: %s", t->host, t->port,
			rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	for (a = list; a && n < max; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(out[n].sa))
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		memcpy(&out[n].sa, a->ai_addr, a->ai_addrlen);
		out[n++].len = a->ai_addrlen;
	}
	freeaddrinfo(list);
	if (n == 0)
		return err_set(e, EHOSTUNREACH, "gdb:%s:%s: no usable address", t->host, t->port);
	return n;
}
