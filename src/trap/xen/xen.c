/* SPDX-License-Identifier: BSD-3-Clause */
/* xen.c - the xen backend's operations, and a domain's life. */
#include "trap/xen/xen.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

#define GUARD_MS 100 /* between two looks whether what was planted is there */
#define LOOK_MS 50 /* between two looks whether the domain is there */
/* How long a domain that ended is waited for: one that reboots is made anew by xl, one that was saved restored. */
#define REBOOT_MS 60000
#define POWEROFF_MS 2000 /* on_poweroff = "restart" is rare */

static const struct trap_ops polled;

static struct xen_vm *of(struct trap *t)
{
	return (struct xen_vm *)t;
}

static void describe(struct xen_vm *x)
{
	const struct xen_dom *d = &x->dom;
	unsigned major = 0, minor = 0;

	xen_version(&major, &minor);
	snprintf(x->t.desc, sizeof(x->t.desc), "domain %u '%.64s', %u vCPU%s, %" PRIu64 " MiB, Xen %u.%u, %s", d->id,
		d->name, d->vcpus, d->vcpus == 1 ? "" : "s", d->ram_bytes >> 20, major, minor,
		x->t.ops->caps ? "trapped" : d->vcpus > XEN_RING_SLOTS ? "polled: it has more than 8 vCPUs" : "polled");
	x->t.vcpus = d->vcpus;
	x->t.mem.ram_bytes = d->ram_bytes;
}

/* Find the domain and start its guardian; what speaks to Xen in this process ends here. */
static int find(struct xen_vm *x, const char *target, struct err *e)
{
	const struct xen_lib *l = xen_lib(e);
	void *xch = l ? xen_control(l, e) : NULL;
	int r, fd;

	if (!xch)
		return -ENODEV;
	r = xen_find(l, xch, target, &x->dom, e);
	if (!r)
		r = xen_refuse(&x->dom, e);
	l->interface_close(xch);
	if (r)
		return r;
	fd = xen_mem_open(x->dom.id, e);
	if (fd < 0)
		return fd;
	xen_mem_use(&x->mem, fd, x->dom.id, x->dom.max_gfn);
	return xen_guardian_start(&x->guardian, &x->dom, e);
}

static int attach(struct trap **out, const char *target, struct err *e)
{
	struct xen_vm *x = calloc(1, sizeof(*x));
	struct xen_dom now;
	int r;

	*out = NULL;
	if (!x)
		return err_set(e, ENOMEM, "out of memory");
	x->t.ops = &trap_xen;
	xen_guardian_init(&x->guardian);
	xen_mem_init(&x->mem);
	r = find(x, target, e);
	if (!r) /* it answers, and before this process gives up what it may do */
		r = xen_guardian_state(&x->guardian, &now, e);
	if (r) {
		xen_guardian_end(&x->guardian);
		xen_mem_drop(&x->mem);
		free(x);
		return r;
	}
	if (now.vcpus > XEN_RING_SLOTS)
		x->t.ops = &polled;
	x->t.mem = (struct gmem){.read = xen_mem_read, .next = xen_mem_next, .ctx = &x->mem};
	describe(x);
	*out = &x->t;
	return 0;
}

static int cpu(struct trap *t, unsigned vcpu, struct gcpu *out, struct err *e)
{
	struct xen_vm *x = of(t);

	if (x->state != XEN_HERE)
		return err_set(e, EAGAIN, "the domain has ended; another may take its place");
	if (vcpu >= x->t.vcpus)
		return err_set(e, ENOENT, "domain %u has no vCPU %u", x->dom.id, vcpu);
	return xen_guardian_regs(&x->guardian, vcpu, out, e);
}

static int runs(struct trap *t, uint64_t *n, struct err *e)
{
	struct xen_vm *x = of(t);
	struct xen_dom d;
	int r = x->state == XEN_HERE ? xen_guardian_state(&x->guardian, &d, e) : -ESRCH;

	*n = r ? 0 : d.cpu_ns;
	return r;
}

static int hold(struct trap *t, struct err *e)
{
	struct xen_vm *x = of(t);

	return x->state == XEN_HERE ? xen_guardian_hold(&x->guardian, e) : 0;
}

static int resume(struct trap *t, struct err *e)
{
	struct xen_vm *x = of(t);

	return x->state == XEN_HERE ? xen_guardian_let_go(&x->guardian, e) : 0;
}

static int poll_only(struct trap *t)
{
	t->ops = &polled;
	describe(of(t));
	return 0;
}

static int plant(struct trap *t, const struct trap_site *site, struct err *e)
{
	return xen_plant(of(t), site, e);
}

static int unplant(struct trap *t, uint32_t owner, uint32_t tag, struct err *e)
{
	return xen_unplant(of(t), owner, tag, e);
}

/* ---- its life ---- */

/* The domain ended: how, for people; and for how long another in its place is waited for, 0: not at all. */
static const char *how_ended(const struct xen_dom *d, int64_t *wait_ms)
{
	*wait_ms = REBOOT_MS;
	switch (d->end) {
	case XEN_REBOOT:
		return "it reboots";
	case XEN_SUSPEND:
		return "it was saved or migrated";
	case XEN_CRASH:
		return "it crashed";
	case XEN_WATCHDOG:
		return "its watchdog ended it";
	case XEN_POWEROFF:
		*wait_ms = POWEROFF_MS;
		return "it powered off";
	case XEN_RUNS:
		break;
	}
	*wait_ms = 0;
	return "it was destroyed";
}

/* True: @ev tells that the domain ended. */
static bool ended(struct xen_vm *x, struct trap_event *ev)
{
	int64_t wait_ms;
	const char *how = how_ended(&x->dom, &wait_ms);

	snprintf(ev->text, sizeof(ev->text), "domain %u ended: %s", x->dom.id, how);
	ev->type = wait_ms ? TRAP_RESET : TRAP_GONE;
	xen_forget_sites(x);
	x->state = wait_ms ? XEN_LEFT : XEN_GONE;
	x->away_ms = clock_mono_ms() + wait_ms;
	return true;
}

/* Is it there still? A domain that was destroyed is dying for as long as its memory is mapped here. */
static int look_here(struct xen_vm *x, struct trap_event *ev, struct err *e)
{
	struct xen_dom d;
	int r = xen_guardian_state(&x->guardian, &d, e);

	if (r == -ESRCH)
		return ended(x, ev);
	if (r)
		return r;
	memcpy(d.name, x->dom.name, sizeof(d.name));
	x->dom = d;
	if (d.dying)
		return ended(x, ev);
	xen_mem_limit(&x->mem, d.max_gfn);
	if (d.vcpus != x->t.vcpus || d.ram_bytes != x->t.mem.ram_bytes)
		describe(x);
	return 0;
}

static int look_away(struct xen_vm *x, struct trap_event *ev, struct err *e)
{
	struct err why;
	int fd = xen_guardian_next(&x->guardian, &x->dom, &why);

	if (fd == -EPIPE)
		return err_set(e, EPIPE, "%s", why.text);
	if (fd < 0) {
		if (clock_mono_ms() < x->away_ms)
			return 0;
		x->state = XEN_GONE;
		ev->type = TRAP_GONE;
		return 1;
	}
	xen_mem_use(&x->mem, fd, x->dom.id, x->dom.max_gfn);
	x->state = XEN_HERE;
	describe(x);
	snprintf(ev->text, sizeof(ev->text), "domain %u took its place", x->dom.id);
	return 1;
}

/* 1 with @ev; 0: nothing to report; -errno. */
static int look(struct xen_vm *x, struct trap_event *ev, struct err *e)
{
	if (x->state == XEN_LEFT) { /* its last records have been taken */
		xen_mem_drop(&x->mem);
		x->state = XEN_AWAY;
	}
	if (clock_mono_ms() < x->look_ms)
		return 0;
	x->look_ms = clock_mono_ms() + LOOK_MS;
	switch (x->state) {
	case XEN_HERE:
		return look_here(x, ev, e);
	case XEN_AWAY:
		return look_away(x, ev, e);
	default:
		ev->type = TRAP_GONE;
		return 1;
	}
}

/* Are the sites what they were made? */
static bool guard(struct xen_vm *x, int64_t now, struct trap_event *ev)
{
	if (x->state != XEN_HERE || now < x->guard_ms)
		return false;
	if (xen_guard(x, ev))
		return true; /* and the other sites at once */
	x->guard_ms = now + GUARD_MS;
	return false;
}

static int wait(struct trap *t, int timeout_ms, struct trap_event *ev, struct err *e)
{
	struct xen_vm *x = of(t);
	const int64_t until = clock_mono_ms() + timeout_ms;

	memset(ev, 0, sizeof(*ev));
	ev->type = TRAP_IDLE;
	ev->vcpu = UINT32_MAX;
	for (;;) {
		struct pollfd p[] = {{.fd = x->guardian.ctl}, {.fd = x->guardian.catching.rung, .events = POLLIN}};
		int64_t now = clock_mono_ms(), at;
		int r;

		ev->emptied = false;
		xen_take(x);
		if (guard(x, now, ev) || xen_tell(x, ev))
			return 0;
		r = look(x, ev, e);
		if (r)
			return r > 0 ? 0 : r;
		ev->emptied = true;
		now = clock_mono_ms();
		if (now >= until)
			return 0;
		at = until < x->look_ms ? until : x->look_ms;
		r = poll(p, 2, at > now ? (int)(at - now) : 0);
		if (r < 0)
			return 0; /* a signal */
		if (p[0].revents)
			return err_set(e, EPIPE, "the guardian process ended; attach again");
		if (p[1].revents)
			xen_catch_heard(x->guardian.catching.rung);
	}
}

static unsigned detach(struct trap *t)
{
	struct xen_vm *x = of(t);
	unsigned left = xen_unplant_all(x);

	xen_mem_drop(&x->mem);
	xen_guardian_end(&x->guardian);
	free(x);
	return left;
}

#define OPS(name_of, caps_of) const struct trap_ops name_of = { \
	.name = "xen", \
	.caps = (caps_of), \
	.attach = attach, \
	.poll_only = poll_only, \
	.cpu = cpu, \
	.plant = plant, \
	.unplant = unplant, \
	.wait = wait, \
	.hold = hold, \
	.resume = resume, \
	.runs = runs, \
	.detach = detach, \
}

OPS(trap_xen, TRAP_RARE);
static OPS(polled, 0);
