/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/dom.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/load.h"
#include "util/span.h"

/*
 * xc_domaininfo_t is struct xen_domctl_getdomaininfo, xen/domctl.h; from here on versions differ: 4.17 (interface
 * version 0x15), 4.20 (0x17).
 */
struct domaininfo {
	uint16_t domain, pad;
	uint32_t flags;
	uint64_t tot_pages, max_pages, outstanding_pages, shr_pages, paged_pages, shared_info_frame, cpu_time;
	uint32_t nr_online_vcpus, max_vcpu_id, ssidref;
	uint8_t handle[16];
	uint8_t rest[256]; /* more than any version has */
};

/* XEN_DOMINF_*, the same header */
#define DYING 1u
#define HVM (1u << 1)
#define SHUTDOWN (1u << 2)
#define PAUSED (1u << 3)
#define SHUTDOWN_SHIFT 16

/* HVM_SAVE_CODE(CPU), and where in struct hvm_hw_cpu registers stand: xen/arch-x86/hvm/save.h, 4.17 to 4.20. */
#define SAVE_CPU 2
#define SAVE_CPU_BYTES 4096 /* at most */
#define AT_RIP 640
#define AT_CR0 656
#define AT_CR3 672
#define AT_CR4 680
#define AT_EFER 992

static void fill(struct xen_dom *d, const struct domaininfo *i)
{
	memset(d, 0, sizeof(*d));
	d->id = i->domain;
	memcpy(d->uuid, i->handle, sizeof(d->uuid));
	d->hvm = i->flags & HVM;
	d->paused = i->flags & PAUSED;
	d->dying = i->flags & DYING;
	d->end = i->flags & SHUTDOWN ? (enum xen_end)(i->flags >> SHUTDOWN_SHIFT & 0xff) : XEN_RUNS;
	d->vcpus = i->max_vcpu_id + 1; /* ~0: none */
	d->ram_bytes = i->tot_pages << 12;
	d->cpu_ns = i->cpu_time;
}

int xen_next(const struct xen_lib *l, void *xch, int64_t after, struct xen_dom *d, struct err *e)
{
	struct domaininfo i;
	unsigned long gpfn = 0;
	int n = l->getinfolist(xch, (uint32_t)(after + 1), 1, &i);

	memset(d, 0, sizeof(*d));
	if (n < 0 && (errno == EPERM || errno == EACCES))
		return err_set(e, EPERM, "Xen does not let this domain look at others: only Domain 0 may, and its "
			"security policy (XSM) has to allow it");
	if (n < 0)
		return err_set(e, errno, "Xen does not list its domains: %s", strerror(errno));
	if (!n)
		return -ENOENT;
	fill(d, &i);
	if (d->hvm && !d->dying && !l->maximum_gpfn(xch, d->id, &gpfn))
		d->max_gfn = gpfn;
	return 0;
}

int xen_get(const struct xen_lib *l, void *xch, uint32_t id, struct xen_dom *d, struct err *e)
{
	int r = xen_next(l, xch, (int64_t)id - 1, d, e);

	if (r == -ENOENT || (!r && d->id != id))
		return err_set(e, ESRCH, "there is no domain %u", id);
	return r;
}

int xen_of_uuid(const struct xen_lib *l, void *xch, const uint8_t *uuid, struct xen_dom *d, struct err *e)
{
	struct xen_dom one;
	int64_t after = 0; /* Domain 0 is never meant */
	bool found = false;
	int r;

	for (; !(r = xen_next(l, xch, after, &one, e)); after = one.id) {
		if (one.dying || memcmp(one.uuid, uuid, sizeof(one.uuid)) != 0)
			continue;
		*d = one;
		found = true;
	}
	if (r != -ENOENT)
		return r;
	return found ? 0 : err_set(e, ESRCH, "there is no such domain any more");
}

static void read_name(const struct xen_lib *l, void *xs, struct xen_dom *d)
{
	char path[48], *name;
	unsigned len;

	snprintf(path, sizeof(path), "/local/domain/%u/name", d->id);
	name = l->xs_read(xs, 0, path, &len);
	if (name && len < sizeof(d->name))
		memcpy(d->name, name, len + 1);
	free(name);
}

void xen_name(const struct xen_lib *l, struct xen_dom *d)
{
	void *xs = l->xs_open(0);

	if (!xs)
		return;
	read_name(l, xs, d);
	l->xs_close(xs);
}

/* "01234567-89ab-cdef-0123-456789abcdef" */
static bool parse_uuid(const char *s, uint8_t *out)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	unsigned n = 0;

	if (strlen(s) != sizeof(form) - 1)
		return false;
	for (unsigned i = 0; form[i]; i++) {
		unsigned char c = (unsigned char)s[i];
		int digit = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;

		if (form[i] == '-' ? c != '-' : !isxdigit(c))
			return false;
		if (form[i] == 'x') {
			out[n / 2] = (uint8_t)(out[n / 2] << 4 | digit);
			n++;
		}
	}
	return true;
}

static bool parse_id(const char *s, uint32_t *id)
{
	uint64_t v;

	if (!span_digits(span_of(s), &v) || v >= 0x7ff0) /* DOMID_FIRST_RESERVED, xen/xen.h */
		return false;
	*id = (uint32_t)v;
	return true;
}

static int of_name(const struct xen_lib *l, void *xch, const char *name, struct xen_dom *d, struct err *e)
{
	void *xs = l->xs_open(0);
	int64_t after = 0;
	int r;

	if (!xs)
		return err_set(e, ENOENT, "domains cannot be found by name: Xen's store cannot be reached (%s); is "
			"xenstored running?", strerror(errno));
	while (!(r = xen_next(l, xch, after, d, e))) {
		after = d->id;
		read_name(l, xs, d);
		if (!d->dying && !strcmp(d->name, name))
			break;
	}
	l->xs_close(xs);
	return r == -ENOENT ? err_set(e, ENOENT, "there is no domain '%.100s'; 'logvisor list --host' shows those there "
		"are", name) : r;
}

int xen_find(const struct xen_lib *l, void *xch, const char *target, struct xen_dom *d, struct err *e)
{
	uint8_t uuid[16] = {0};
	uint32_t id;
	int r;

	if (!*target)
		return err_set(e, EINVAL, "xen: a domain is wanted: its name, its number or its uuid");
	if (parse_uuid(target, uuid))
		r = xen_of_uuid(l, xch, uuid, d, e);
	else if (parse_id(target, &id))
		r = xen_get(l, xch, id, d, e);
	else
		return of_name(l, xch, target, d, e);
	if (r == -ESRCH)
		return err_set(e, ENOENT, "there is no domain %.100s; 'logvisor list --host' shows those there are",
			target);
	if (!r)
		xen_name(l, d);
	return r;
}

int xen_refuse(const struct xen_dom *d, struct err *e)
{
	if (!d->id)
		return err_set(e, ENOTSUP, "Domain 0 cannot be protected from itself");
	if (!d->hvm)
		return err_set(e, ENOTSUP, "domain %u is a PV guest: only PVH and HVM guests can be protected (in its "
			"configuration: type = \"pvh\")", d->id);
	if (d->dying)
		return err_set(e, ESRCH, "domain %u is being destroyed", d->id);
	if (!d->vcpus)
		return err_set(e, EAGAIN, "domain %u is still being built", d->id);
	return 0;
}

int xen_regs(const struct xen_lib *l, void *xch, uint32_t id, unsigned vcpu, struct gcpu *out)
{
	uint8_t c[SAVE_CPU_BYTES] = {0};

	memset(out, 0, sizeof(*out));
	if (vcpu > UINT16_MAX)
		return -ENOENT;
	if (l->hvm_getcontext_partial(xch, id, SAVE_CPU, (uint16_t)vcpu, c, sizeof(c)))
		return errno == ENODATA ? -EAGAIN : errno ? -errno : -EIO;
	*out = (struct gcpu){.cr0 = load_u64(c + AT_CR0), .cr3 = load_u64(c + AT_CR3), .cr4 = load_u64(c + AT_CR4),
		.efer = load_u64(c + AT_EFER), .rip = load_u64(c + AT_RIP)};
	return 0;
}
