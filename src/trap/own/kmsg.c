/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmsg.c - this host's own kernel log, by /dev/kmsg (Linux, Documentation/ABI/testing/dev-kmsg). The descriptor can be
 * nothing but read. Nothing protects this log from the host: its root can stop the worker before a word of what he
 * does is read, and write records of his own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "trap/own/own.h"

#define KMSG "/dev/kmsg"

static int attach_kmsg(struct trap **out, const char *target, struct err *e)
{
	struct own *o = own_make(&trap_host_kmsg, e);
	struct utsname u;

	(void)target;
	if (!o)
		return -EIO;
	o->fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (o->fd < 0) {
		int r = err_set(e, errno, "cannot read " KMSG ": %s%s", strerror(errno),
			errno == EPERM || errno == EACCES ? "; attach as root" : "");

		own_detach(&o->t);
		return r;
	}
	if (!uname(&u))
		snprintf(o->info.release, sizeof(o->info.release), "%s", u.release);
	o->t.unprotected = true;
	snprintf(o->t.desc, sizeof(o->t.desc), KMSG " of this host, which nothing protects from the host itself");
	*out = &o->t;
	return 0;
}

static long read_kmsg(struct trap *t, uint64_t *at, char *buf, size_t cap, struct err *e)
{
	struct own *o = (struct own *)t;
	ssize_t n;

	(void)at;
	do
		n = read(o->fd, buf, cap);
	while (n < 0 && (errno == EINTR || errno == EPIPE)); /* EPIPE: it goes on with the oldest there is */
	if (n < 0 && errno != EAGAIN)
		return err_set(e, errno, "cannot read " KMSG ": %s", strerror(errno));
	return n < 0 ? 0 : n;
}

const struct trap_ops trap_host_kmsg = {
	.name = "host-kmsg", .what = TRAP_HOST_KMSG, .attach = attach_kmsg, .wait = own_wait, .hold = own_hold,
	.resume = own_hold, .read = read_kmsg, .detach = own_detach,
};
