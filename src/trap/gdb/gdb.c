/* SPDX-License-Identifier: BSD-3-Clause */
/* gdb.c - the gdb backend: watchpoints as doorbells, the VM's stop and go. */
#include "trap/gdb/gdb.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/load.h"

/* How long a VMM takes to end after it closed its stub's connection. */
#define EXIT_MS 3000

static struct gdb *gdb_of(struct trap *t)
{
	return (struct gdb *)t;
}

static void describe(struct gdb *g)
{
	unsigned long long mib = (g->t.mem.ram_bytes + (1 << 20) - 1) >> 20;
	const char *s = g->vcpus == 1 ? "" : "s";
	const char *paused = g->paused ? "paused, " : "";

	if (g->ram.pid)
		snprintf(g->t.desc, sizeof(g->t.desc), "QEMU pid %d, %u vCPU%s, %llu MiB, %sstub %.80s",
			(int)g->ram.pid, g->vcpus, s, mib, paused, g->where);
	else
		snprintf(g->t.desc, sizeof(g->t.desc),
			"QEMU, %u vCPU%s, %llu MiB, %sstub %.50s, memory through the stub (%s)", g->vcpus, s,
			mib, paused, g->where, g->no_process);
}

static int op_attach(struct trap **out, const char *target, struct err *e)
{
	struct gdb *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return err_set(e, ENOMEM, "gdb:%s: out of memory", target);
	rc = gdb_open(g, target, e);
	if (rc) {
		free(g);
		return rc;
	}
	g->t.ops = &trap_gdb;
	g->t.mem = (struct gmem){.read = gdb_mem_read, .next = gdb_mem_next, .ctx = g,
		.ram_bytes = ram_total(&g->ram)};
	g->t.vcpus = g->vcpus;
	g->t.pid = g->ram.pid;
	describe(g);
	rc = gdb_let_go(g, e);
	if (rc) {
		gdb_close(g);
		free(g);
		return rc;
	}
	*out = &g->t;
	return 0;
}

/* One register of the vCPU selected; 0 in *v if the CPU has no such register. */
static int read_reg(struct gdb *g, enum gdb_reg reg, uint64_t *v, struct err *e)
{
	uint8_t bytes[8] = {0};
	char cmd[16];
	int rc, n;

	*v = 0;
	if (g->regs.num[reg] < 0)
		return 0;
	snprintf(cmd, sizeof(cmd), "p%x", (unsigned)g->regs.num[reg]);
	rc = conn_request(&g->c, cmd, GDB_REPLY_MS, e);
	if (rc)
		return gdb_note(g, rc);
	n = rsp_unhex(g->c.pkt, g->c.len, bytes, sizeof(bytes));
	if (n <= 0)
		return err_set(e, EPROTO, "gdb:%s: register %d cannot be read (\"%.20s\")", g->where,
			g->regs.num[reg], g->c.pkt);
	for (int i = n - 1; i >= 0; i--)
		*v = *v << 8 | bytes[i];
	return 0;
}

static int op_cpu(struct trap *t, unsigned vcpu, struct gcpu *out, struct err *e)
{
	struct gdb *g = gdb_of(t);
	char cmd[64];
	bool was;
	int rc, rc2;

	memset(out, 0, sizeof(*out));
	if (vcpu >= g->vcpus)
		return err_set(e, ENOENT, "gdb:%s: no vCPU %u", g->where, vcpu);
	rc = gdb_enter(g, &was, e);
	if (rc)
		return rc;
	snprintf(cmd, sizeof(cmd), "Hgp%llx.%llx", (unsigned long long)g->vcpu[vcpu].pid,
		(unsigned long long)g->vcpu[vcpu].tid);
	rc = conn_request_ok(&g->c, cmd, e);
	if (rc == 0)
		rc = read_reg(g, REG_PC, &out->rip, e);
	if (rc == 0)
		rc = read_reg(g, REG_CR0, &out->cr0, e);
	if (rc == 0)
		rc = read_reg(g, REG_CR3, &out->cr3, e);
	if (rc == 0)
		rc = read_reg(g, REG_CR4, &out->cr4, e);
	if (rc == 0)
		rc = read_reg(g, REG_EFER, &out->efer, e);
	rc = gdb_note(g, rc);
	rc2 = gdb_leave(g, was, rc ? NULL : e);
	return rc ? rc : rc2;
}

/* One register in the bytes of a 'g' packet: false if it is not there, or no 64 bits. */
static bool in_g(const struct gdb *g, enum gdb_reg reg, const uint8_t *raw, int n, uint64_t *v)
{
	if (g->regs.in_g[reg].len != sizeof(*v) || g->regs.in_g[reg].at + sizeof(*v) > (size_t)n)
		return false;
	*v = load_u64(raw + g->regs.in_g[reg].at);
	return true;
}

static int op_gregs(struct trap *t, unsigned vcpu, struct trap_gregs *out, struct err *e)
{
	struct gdb *g = gdb_of(t);
	uint8_t raw[RSP_MAX / 2];
	char cmd[64];
	bool all;
	int rc, n;

	memset(out, 0, sizeof(*out));
	if (vcpu >= g->vcpus || !g->held)
		return err_set(e, ENOENT, "gdb:%s: no vCPU %u that stands still", g->where, vcpu);
	snprintf(cmd, sizeof(cmd), "Hgp%llx.%llx", (unsigned long long)g->vcpu[vcpu].pid,
		(unsigned long long)g->vcpu[vcpu].tid);
	rc = conn_request_ok(&g->c, cmd, e);
	if (rc == 0)
		rc = conn_request(&g->c, "g", GDB_REPLY_MS, e);
	if (rc)
		return gdb_note(g, rc);
	n = rsp_unhex(g->c.pkt, g->c.len, raw, sizeof(raw));
	all = in_g(g, REG_PC, raw, n, &out->rip) && in_g(g, REG_CR3, raw, n, &out->cr3) &&
		in_g(g, REG_GS_BASE, raw, n, &out->gs);
	for (int i = 0; i < 16; i++)
		all = all && in_g(g, (enum gdb_reg)(REG_GPR + i), raw, n, &out->gpr[i]);
	return all ? 0 : err_set(e, ENOTSUP, "gdb:%s: vCPU %u has no registers of x86-64", g->where, vcpu);
}

/* Z2 or z2: a write watchpoint set or cleared. */
static int watchpoint(struct gdb *g, char zed, const struct trap_site *s, struct err *e)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "%c2,%llx,%x", zed, (unsigned long long)s->gva, s->len);
	return gdb_note(g, conn_request_ok(&g->c, cmd, e));
}

static bool room_for_site(struct gdb *g)
{
	unsigned cap = g->cap_sites ? g->cap_sites * 2 : 16;
	struct trap_site *more;

	if (g->sites < g->cap_sites)
		return true;
	more = reallocarray(g->site, cap, sizeof(*more));
	if (!more)
		return false;
	g->site = more;
	g->cap_sites = cap;
	return true;
}

static bool watchable(const struct trap_site *s)
{
	if (s->len == 1 || s->len == 2 || s->len == 4)
		return s->gva % s->len == 0;
	return s->len && s->len <= TRAP_WATCH_MAX && s->len % 8 == 0 && s->gva % 8 == 0;
}

static int op_plant(struct trap *t, const struct trap_site *site, struct err *e)
{
	struct gdb *g = gdb_of(t);
	bool was;
	int rc, rc2;

	if (site->kind != SITE_WATCH)
		return err_set(e, ENOTSUP, "gdb:%s: this backend takes watchpoints only", g->where);
	if (!watchable(site))
		return err_set(e, EINVAL, "gdb:%s: cannot watch %u bytes at 0x%llx", g->where, site->len,
			(unsigned long long)site->gva);
	if (!room_for_site(g))
		return err_set(e, ENOMEM, "gdb:%s: out of memory", g->where);
	rc = gdb_enter(g, &was, e);
	if (rc)
		return rc;
	rc = watchpoint(g, 'Z', site, e);
	if (rc == -EINVAL)
		rc = err_set(e, ENOSPC, "gdb:%s: the VMM takes no more watchpoints (a KVM guest has 4)",
			g->where);
	if (rc == 0)
		g->site[g->sites++] = *site;
	rc2 = gdb_leave(g, was, rc ? NULL : e);
	return rc ? rc : rc2;
}

static int op_unplant(struct trap *t, uint32_t owner, uint32_t tag, struct err *e)
{
	struct gdb *g = gdb_of(t);
	bool entered = false, was = true;
	int rc = 0, rc2;

	for (unsigned i = g->sites; i-- > 0;) {
		int one;

		if (g->site[i].owner != owner || g->site[i].tag != tag)
			continue;
		if (!entered) {
			rc = gdb_enter(g, &was, e);
			if (rc)
				return rc;
			entered = true;
		}
		one = watchpoint(g, 'z', &g->site[i], e);
		/* Not there any more is as good as removed. */
		if (one == 0 || one == -EINVAL)
			g->site[i] = g->site[--g->sites];
		else
			rc = one;
	}
	rc2 = gdb_leave(g, was, rc ? NULL : e);
	return rc ? rc : rc2;
}

static int op_hold(struct trap *t, struct err *e)
{
	bool was;

	return gdb_enter(gdb_of(t), &was, e);
}

static int op_resume(struct trap *t, struct err *e)
{
	struct gdb *g = gdb_of(t);

	return g->held ? gdb_let_go(g, e) : 0;
}

/* The event for a stop at a doorbell; false if none of ours is there. */
static bool ring(struct gdb *g, const struct rsp_stop *s, struct trap_event *ev)
{
	const struct trap_site *hit = gdb_site_of(g, s);

	if (!hit)
		return false;
	ev->type = TRAP_STOPPED;
	ev->held = true;
	ev->trap = &g->t;
	ev->owner = g->vcpus > 1 ? 0 : hit->owner;
	ev->tag = hit->tag;
	ev->gva = s->watch && s->addr - hit->gva < hit->len ? hit->gva : 0;
	ev->time_us = clock_wall_us();
	for (unsigned i = 0; s->thread && i < g->vcpus; i++)
		if (g->vcpu[i].tid == s->tid && g->vcpu[i].pid == s->pid)
			ev->vcpu = i;
	return true;
}

/* The stub closed or said goodbye: TRAP_GONE if the VMM ended, else an error. */
static int ended(struct gdb *g, struct trap_event *ev, struct err *e)
{
	g->dead = true;
	for (int64_t deadline = clock_mono_ms() + EXIT_MS; g->ram.pidfd >= 0;) {
		struct pollfd p = {.fd = g->ram.pidfd, .events = POLLIN};
		int64_t left = deadline - clock_mono_ms();

		if (poll(&p, 1, left > 0 ? (int)left : 0) == 1)
			break;
		if (left <= 0)
			return err_set(e, ECONNRESET, "gdb:%s: the VMM (pid %d) closed the stub; the VM "
				"may still run (attach again)", g->where, (int)g->ram.pid);
	}
	ev->type = TRAP_GONE;
	return 0;
}

/*
 * A stop reply that came by itself. 1: @ev holds an event; 0: nothing to report; -errno.
 */
static int take_stop(struct gdb *g, const struct rsp_stop *s, struct trap_event *ev, struct err *e)
{
	bool stale = g->c.acks_due > 0;
	int rc;

	if (s->signal != 5) {
		/*
		 * Paused by someone else, or in a state it cannot leave by itself. Older than our own
		 * last "continue" it is only the echo of the VM having been started behind our back.
		 */
		if (!stale) {
			g->paused = true;
			guardian_leave_paused(&g->guardian, true);
			snprintf(ev->text, sizeof(ev->text), "the VM was paused (signal %u)", s->signal);
		}
		return 0;
	}
	if (stale) {
		/* It went on since; to report the doorbell the VM must be held. */
		rc = gdb_stop(g, e);
		if (rc)
			return rc;
	}
	g->held = true;
	g->paused = false;
	guardian_leave_paused(&g->guardian, false);
	if (ring(g, s, ev))
		return 1;
	/* A watchpoint removed meanwhile. */
	return gdb_let_go(g, e);
}

static int op_wait(struct trap *t, int timeout_ms, struct trap_event *ev, struct err *e)
{
	struct gdb *g = gdb_of(t);
	int64_t deadline = clock_mono_ms() + timeout_ms;

	memset(ev, 0, sizeof(*ev));
	ev->type = TRAP_IDLE;
	ev->vcpu = UINT32_MAX;
	ev->emptied = true; /* each stop is reported before the next can be */
	for (;;) {
		struct rsp_stop s;
		int rc;

		if (g->rang) {
			g->rang = false;
			g->held = true;
			if (ring(g, &g->ring, ev))
				return 0;
			rc = gdb_let_go(g, e);
			if (rc)
				return rc == -ESRCH ? ended(g, ev, e) : rc;
		}
		if (g->dead)
			return ended(g, ev, e);
		rc = conn_packet(&g->c, deadline, true, e);
		if (rc == -ETIMEDOUT || rc == -EINTR)
			return 0;
		if (rc == -EAGAIN) /* the only packet under way is "continue" */
			rc = conn_send(&g->c, "$c#63", 5, e);
		else if (rc == 0 && rsp_parse_stop(g->c.pkt, g->c.len, &s)) {
			if (s.kind == 'W' || s.kind == 'X') {
				/* It is about to end: its memory can be read for moments yet. */
				g->dead = true;
				ev->type = TRAP_GONE;
				return 0;
			}
			rc = take_stop(g, &s, ev, e);
			if (rc == 1)
				return 0;
		}
		if (rc == -ESRCH)
			return ended(g, ev, e);
		if (rc || clock_mono_ms() > deadline)
			return rc;
	}
}

static unsigned op_detach(struct trap *t)
{
	struct gdb *g = gdb_of(t);

	gdb_close(g); /* the stub removes its watchpoints when it is left */
	free(g);
	return 0;
}

const struct trap_ops trap_gdb = {
	.name = "gdb",
	.caps = TRAP_WATCH,
	.attach = op_attach,
	.cpu = op_cpu,
	.plant = op_plant,
	.unplant = op_unplant,
	.wait = op_wait,
	.hold = op_hold,
	.resume = op_resume,
	.gregs = op_gregs,
	.detach = op_detach,
};
