/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/guest.h"
#include "trap/xen/mem.h"
#include "util/cleanup.h"

bool xen_host(void)
{
	unsigned major, minor;

	return xen_version(&major, &minor);
}

/* Which kernel runs in @d? */
static void look_inside(const struct xen_lib *l, void *xch, struct xen_mem *m, struct xen_host_dom *h)
{
	const struct xen_dom *d = h->dom;
	struct gmem mem = {xen_mem_read, xen_mem_next, m, d->ram_bytes};
	struct guest *g = NULL;
	struct err e = {""};
	struct gcpu cpu;
	int r = xen_refuse(d, &e), fd = r ? -1 : xen_mem_open(d->id, &e);

	if (fd >= 0) {
		xen_mem_use(m, fd, d->id, d->max_gfn);
		r = xen_regs(l, xch, d->id, 0, &cpu) ? err_set(&e, EIO, "its registers cannot be read") :
			guest_find(&g, &mem, &cpu, &e);
		if (!r)
			snprintf(h->release, sizeof(h->release), "%s", guest_info(g)->release);
		guest_free(g);
		xen_mem_drop(m);
	}
	if (r || fd < 0)
		snprintf(h->trouble, sizeof(h->trouble), "%.127s", e.text);
}

int xen_each_dom(void (*f)(void *ctx, const struct xen_host_dom *d), void *ctx, struct err *e)
{
	_cleanup_free_ struct xen_mem *m = malloc(sizeof(*m));
	const struct xen_lib *l = xen_lib(e);
	void *xch = l ? xen_control(l, e) : NULL;
	int64_t after = 0;
	struct xen_dom d;
	int r;

	if (!xch)
		return -ENODEV;
	if (!m) {
		l->interface_close(xch);
		return err_set(e, ENOMEM, "out of memory");
	}
	xen_mem_init(m);
	while (!(r = xen_next(l, xch, after, &d, e))) {
		struct xen_host_dom h = {.dom = &d};

		xen_name(l, &d);
		look_inside(l, xch, m, &h);
		f(ctx, &h);
		after = d.id;
	}
	l->interface_close(xch);
	return r == -ENOENT ? 0 : r;
}

/* ---- doctor ---- */

/* Domain 0 may be looked at by who may look at others. */
static int check_control(xen_check f, void *ctx, const struct xen_lib *l)
{
	struct err e = {""};
	struct xen_dom d;
	void *xch = xen_control(l, &e);
	bool ok = xch && !xen_get(l, xch, 0, &d, &e);

	if (xch)
		l->interface_close(xch);
	f(ctx, "Domain 0", ok, ok ? "this is it, and Xen lets it look at others" : e.text);
	return !ok;
}

static int check_memory(xen_check f, void *ctx)
{
	struct err e = {""};
	int fd = xen_mem_open(0, &e);

	if (fd >= 0)
		close(fd);
	f(ctx, "isolation", fd >= 0, fd >= 0 ? "a worker can be confined to its own domain's memory" : e.text);
	return fd < 0;
}

int xen_doctor(xen_check f, void *ctx)
{
	unsigned major = 0, minor = 0;
	const struct xen_lib *l;
	struct err e = {""};
	char text[64];

	xen_version(&major, &minor);
	l = xen_lib(&e);
	snprintf(text, sizeof(text), "%u.%u, with its libraries", major, minor);
	f(ctx, "Xen", l, l ? text : e.text);
	return l ? check_control(f, ctx, l) + check_memory(f, ctx) : 1;
}
