/* SPDX-License-Identifier: BSD-3-Clause */
/* halt.c - stop the VM and let it go, and know why it stands. */
#include "trap/gdb/gdb.h"

#include <errno.h>

int gdb_note(struct gdb *g, int rc)
{
	if (rc == -ESRCH)
		g->dead = true;
	return rc;
}

const struct trap_site *gdb_site_of(const struct gdb *g, const struct rsp_stop *s)
{
	const struct trap_site *any = NULL;

	for (unsigned i = 0; i < g->sites; i++) {
		const struct trap_site *site = &g->site[i];

		if (s->watch && s->addr - site->gva < site->len)
			return site;
		any = site;
	}
	return any;
}

int gdb_stop(struct gdb *g, struct err *e)
{
	int rc;

	if (g->dead)
		return err_set(e, ESRCH, "gdb:%s: the VM is gone", g->where);
	/*
	 * \x03 stops a running VM and makes it say so. It is dropped if the stub still waits for an
	 * acknowledgement, which '+' gives, hence twice; in a stopped VM all of it is ignored.
	 */
	g->saw_stop = g->c.refused = false;
	rc = conn_send(&g->c, "\x03+\x03", 3, e);
	if (rc == 0)
		rc = conn_request(&g->c, "qC", GDB_REPLY_MS, e);
	if (rc)
		return gdb_note(g, rc);
	g->c.acks_due = 0;
	/* No stop reply: it did not run though we let it, so someone else had stopped it. */
	g->paused = !g->saw_stop && !g->c.refused;
	guardian_leave_paused(&g->guardian, g->paused);
	g->held = true;
	return 0;
}

int gdb_let_go(struct gdb *g, struct err *e)
{
	int rc = 0;

	/* A doorbell rang meanwhile: the VM stays held until wait() has reported it. */
	if (g->rang && !gdb_site_of(g, &g->ring))
		g->rang = false;
	if (!g->rang && !g->paused) {
		rc = conn_send(&g->c, "++$c#63", 7, e);
		if (rc)
			return gdb_note(g, rc);
		g->c.acks_due++;
	}
	g->held = false;
	return 0;
}

int gdb_enter(struct gdb *g, bool *was, struct err *e)
{
	*was = g->held;
	return g->held ? 0 : g->rang ? (g->held = true, 0) : gdb_stop(g, e);
}

int gdb_leave(struct gdb *g, bool was, struct err *e)
{
	return was || g->dead ? 0 : gdb_let_go(g, e);
}
