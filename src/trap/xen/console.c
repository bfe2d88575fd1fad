/* SPDX-License-Identifier: BSD-3-Clause */
/* console.c - Xen's console ring as a backend: asked of a child, since the worker may not speak to Xen. */
#include "trap/xen/console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trap/own/own.h"
#include "util/cleanup.h"

#define ANSWER_MS 30000 /* on a host that is short of processors */
#define HYPERVISOR "/sys/hypervisor/"

uint32_t xen_console_place(const struct xen_console_said *said, uint64_t *at)
{
	uint32_t over = said->after - said->at;

	*at += (uint32_t)(said->at - (uint32_t)*at);
	*at += over;
	return over < said->n ? over : said->n;
}

static long read_console(struct trap *t, uint64_t *at, char *buf, size_t cap, struct err *e)
{
	static struct xen_console_said said;
	const size_t head = offsetof(struct xen_console_said, data);
	const struct xen_console_wanted w = {(uint32_t)*at, (uint32_t)cap};
	struct own *o = (struct own *)t;
	struct pollfd p = {.fd = o->fd, .events = POLLIN};
	uint32_t over;
	ssize_t n;

	do
		n = send(o->fd, &w, sizeof(w), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	do
		n = n < 0 ? 0 : poll(&p, 1, ANSWER_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		n = recv(o->fd, &said, sizeof(said), 0);
	if (n < (ssize_t)head || (size_t)n != head + said.n || said.n > cap)
		return err_set(e, EPIPE, "the process that reads Xen's console does not answer; attach again");
	if (said.r)
		return err_set(e, -said.r, "Xen does not let its console be read: %s%s", strerror(-said.r),
			said.r == -EPERM || said.r == -EACCES ?
				" (only Domain 0 may; with XSM its policy has to allow xen:readconsole)" : "");
	over = xen_console_place(&said, at);
	memcpy(buf, said.data + over, said.n - over);
	return said.n - over;
}

/* The first word of @path, behind what is in @out of @n bytes. */
static void word(const char *path, char *out, size_t n)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	char s[64];

	if (f && fscanf(f, "%63s", s) == 1)
		snprintf(out + strlen(out), n - strlen(out), "%s", s);
}

/* "Xen 4.17.5-pre"; and its build id, if Xen tells. */
static void name_xen(struct guest_info *i)
{
	char id[sizeof(i->build_id)] = "";
	unsigned major, minor;

	if (xen_version(&major, &minor))
		snprintf(i->release, sizeof(i->release), "Xen %u.%u", major, minor);
	word(HYPERVISOR "version/extra", i->release, sizeof(i->release));
	word(HYPERVISOR "properties/buildid", id, sizeof(id));
	if (id[strspn(id, "0123456789abcdef")] == 0)
		memcpy(i->build_id, id, sizeof(id));
}

static int start(struct own *o, const struct xen_lib *l, struct err *e)
{
	void *xch = xen_control(l, e); /* what is wrong is told here */
	int pair[2];

	if (!xch)
		return -ENODEV;
	l->interface_close(xch);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return err_set(e, errno, "cannot start the reader of Xen's console: %s", strerror(errno));
	o->fd = pair[0];
	o->child = fork();
	if (!o->child)
		xen_console_serve(l, pair[1]);
	close(pair[1]);
	if (o->child > 0)
		return 0;
	o->child = 0;
	return err_set(e, errno, "cannot start the reader of Xen's console: %s", strerror(errno));
}

static int attach_console(struct trap **out, const char *target, struct err *e)
{
	const struct xen_lib *l = xen_lib(e);
	struct own *o = l ? own_make(&trap_xen_console, e) : NULL;
	uint64_t at = 0;
	char first;
	long r;

	(void)target;
	if (!o)
		return -ENODEV;
	r = start(o, l, e);
	if (!r)
		r = read_console(&o->t, &at, &first, 1, e);
	if (r < 0) {
		own_detach(&o->t);
		return (int)r;
	}
	name_xen(&o->info);
	snprintf(o->t.desc, sizeof(o->t.desc), "the console of %s", o->info.release);
	*out = &o->t;
	return 0;
}

const struct trap_ops trap_xen_console = {
	.name = "xen-console", .what = TRAP_XEN_CONSOLE, .attach = attach_console, .wait = own_wait, .hold = own_hold,
	.resume = own_hold, .read = read_console, .detach = own_detach,
};
