/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - where a guest's RAM is, and how to read it: the VMM's process, else 'm' packets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trap/gdb/gdb.h"
#include "trap/gdb/mtree.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* QEMU answers at most half its packet buffer (gdbstub/gdbstub.c, handle_read_mem). */
#define M_MAX 2048U
/* 'm' requests under way at a time. */
#define M_DEPTH 8U
/* "info mtree -f" of a VM with hundreds of devices. */
#define MTREE_MAX (1U << 20)
/* Pages compared between process and stub before a mapping is believed, and looked at for it. */
#define VERIFY_PAGES 3
#define VERIFY_TRIES 4096

int gdb_phys(struct gdb *g, bool on, struct err *e)
{
	int rc;

	if (g->phys == on)
		return 0;
	rc = conn_request_ok(&g->c, on ? "Qqemu.PhyMemMode:1" : "Qqemu.PhyMemMode:0", e);
	if (rc == 0)
		g->phys = on;
	return rc;
}

/* Guest-physical memory through the stub; the VM is held and physical mode is on. */
static int read_packets(struct gdb *g, uint64_t gpa, uint8_t *buf, size_t len, struct err *e)
{
	size_t asked = 0, got = 0;

	while (got < len) {
		char cmd[64], frame[96];
		size_t part;
		int rc;

		while (asked < len && asked - got < M_DEPTH * M_MAX) {
			part = len - asked < M_MAX ? len - asked : M_MAX;
			rc = snprintf(cmd, sizeof(cmd), "m%llx,%zx", (unsigned long long)(gpa + asked), part);
			memcpy(frame, "++", 2);
			rc = conn_send(&g->c, frame, 2 + rsp_frame(frame + 2, cmd, (size_t)rc), e);
			if (rc)
				return rc;
			g->c.acks_due++;
			asked += part;
		}
		part = len - got < M_MAX ? len - got : M_MAX;
		rc = conn_packet(&g->c, conn_deadline(&g->c, GDB_REPLY_MS), false, e);
		if (rc == -ETIMEDOUT || rc == -EAGAIN)
			return err_set(e, ETIMEDOUT, "gdb:%s: no answer to a read of memory", g->where);
		if (rc)
			return rc;
		if (g->c.len == 3 && g->c.pkt[0] == 'E') {
			/* The replies to what else was asked must not be taken for later ones. */
			rc = conn_request(&g->c, "qC", GDB_REPLY_MS, e);
			for (unsigned n = 0; rc == 0 && memcmp(g->c.pkt, "QC", 2) != 0; n++)
				rc = n == M_DEPTH ? -EPROTO :
					conn_packet(&g->c, conn_deadline(&g->c, GDB_REPLY_MS), false, e);
			if (rc == -EPROTO || rc == -ETIMEDOUT)
				return err_set(e, EPROTO, "gdb:%s: bad reply to a read of memory", g->where);
			return rc ? rc : -EFAULT;
		}
		if (rsp_unhex(g->c.pkt, g->c.len, buf + got, part) != (int)part)
			return err_set(e, EPROTO, "gdb:%s: bad reply to a read of memory", g->where);
		got += part;
	}
	return 0;
}

int gdb_mem_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	struct gdb *g = ctx;
	bool was;
	int rc, rc2;

	if (g->ram.mem >= 0)
		return ram_read(&g->ram, gpa, buf, len);
	for (uint64_t at = gpa; at - gpa < len;) {
		const struct ram_seg *s = ram_find(&g->ram, at);

		if (!s)
			return -EFAULT;
		at = s->gpa + s->len;
	}
	rc = gdb_enter(g, &was, NULL);
	if (rc)
		return rc;
	rc = gdb_phys(g, true, NULL);
	if (rc == 0)
		rc = read_packets(g, gpa, buf, len, NULL);
	if (rc == -ESRCH)
		g->dead = true;
	rc2 = gdb_leave(g, was, NULL);
	return rc ? rc : rc2;
}

int gdb_mem_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end)
{
	const struct gdb *g = ctx;

	return ram_next(&g->ram, gpa, start, end);
}

/* Ask QEMU's monitor for the segments of RAM and where the process has them. */
static int ask_monitor(struct gdb *g, struct err *e)
{
	_cleanup_free_ char *text = malloc(MTREE_MAX);
	struct ram *r = &g->ram;
	int rc;

	if (!text)
		return err_set(e, ENOMEM, "gdb:%s: out of memory", g->where);
	rc = conn_monitor(&g->c, "info mtree -f", text, MTREE_MAX, e);
	if (rc)
		return rc;
	r->n = mtree_parse(text, r->seg, RAM_SEGS_MAX);
	if (r->n == 0)
		return err_set(e, ENOTSUP, "gdb:%s: the monitor lists no RAM", g->where);
	for (unsigned i = 0; i < r->n; i++) {
		struct ram_seg *s = &r->seg[i];
		char line[48], answer[256];
		uint64_t last;

		snprintf(line, sizeof(line), "gpa2hva 0x%llx", (unsigned long long)s->gpa);
		rc = conn_monitor(&g->c, line, answer, sizeof(answer), e);
		if (rc)
			return rc;
		if (!mtree_parse_hva(answer, &s->hva))
			s->hva = 0;
		/* Both ends, as the whole is used as one run. */
		snprintf(line, sizeof(line), "gpa2hva 0x%llx", (unsigned long long)(s->gpa + s->len - 1));
		rc = conn_monitor(&g->c, line, answer, sizeof(answer), e);
		if (rc)
			return rc;
		if (!mtree_parse_hva(answer, &last) || last - s->hva != s->len - 1)
			s->hva = 0;
	}
	return 0;
}

/* Is the half page at @gpa the same in the process and through the stub? 1, 0, -errno; 2: it is empty. */
static int same_page(struct gdb *g, uint64_t gpa, struct err *e)
{
	uint8_t ours[M_MAX], theirs[M_MAX];
	int rc;

	rc = ram_read(&g->ram, gpa, ours, sizeof(ours));
	if (rc)
		return err_set(e, -rc, "process %d: guest memory at 0x%llx: %s", (int)g->ram.pid,
			(unsigned long long)gpa, strerror(-rc));
	if (ours[0] == 0 && memcmp(ours, ours + 1, sizeof(ours) - 1) == 0)
		return 2;
	rc = read_packets(g, gpa, theirs, sizeof(theirs), e);
	return rc ? rc : memcmp(ours, theirs, sizeof(ours)) == 0;
}

/*
 * Compare pages of segment @i as the process has them with what the stub reads at the same place. Only
 * pages with content say anything. 0 if all agree, -ENXIO if one differs.
 */
static int verify(struct gdb *g, unsigned i, struct err *e)
{
	const struct ram_seg *s = &g->ram.seg[i];
	uint64_t at = s->gpa, start, end;
	unsigned same = 0;

	for (unsigned tries = 0; same < VERIFY_PAGES && tries < VERIFY_TRIES; tries++) {
		int rc;

		if (ram_next(&g->ram, at, &start, &end) != 0 || start + M_MAX > s->gpa + s->len)
			break;
		rc = same_page(g, start, e);
		if (rc == 0) /* a device may have written in between */
			rc = same_page(g, start, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return err_set(e, ENXIO, "process %d has other memory at guest address 0x%llx",
				(int)g->ram.pid, (unsigned long long)start);
		same += rc == 1;
		/* Spread them: each is at least twice as far into the segment as the one before. */
		at = start - s->gpa > 4096 ? start + (start - s->gpa) : start + 4096;
	}
	return 0;
}

/* Use the memory of process @pid, if it is what the stub shows. */
static int try_process(struct gdb *g, pid_t pid, struct err *e)
{
	struct ram *r = &g->ram;
	int rc = ram_open(r, pid, e);

	if (rc == 0)
		rc = ram_bind(r, e);
	if (rc == 0)
		rc = gdb_phys(g, true, e);
	for (unsigned i = 0; rc == 0 && i < r->n; i++)
		rc = verify(g, i, e);
	if (rc)
		ram_unbind(r);
	return rc;
}

int gdb_map_ram(struct gdb *g, struct err *e)
{
	pid_t pids[8];
	struct err why = {"no process of this host has the other end"};
	int n, rc;

	rc = ask_monitor(g, e);
	if (rc)
		return rc;
	n = peer_pids(g->c.fd, pids, 8);
	g->no_process = "VMM not found here";
	for (int i = 0; i < n; i++) {
		rc = try_process(g, pids[i], &why);
		if (rc == 0)
			break;
		if (rc == -EACCES || rc == -EPERM)
			g->no_process = "no permission";
	}
	/* Can it be read at all? */
	if (g->ram.mem < 0) {
		uint8_t byte;

		rc = gdb_mem_read(g, g->ram.seg[0].gpa, &byte, 1);
		if (rc)
			return err_set(e, -rc, "gdb:%s: guest memory can be read neither from the VMM's "
				"process (%.120s) nor through the stub (%s)", g->where, why.text,
				strerror(-rc));
	}
	return gdb_phys(g, false, e);
}
