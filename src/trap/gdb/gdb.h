/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gdb.h - the gdb backend's own state. Works with any VM whose VMM has QEMU's GDB stub, TCG or KVM, and
 * changes nothing in the guest, not even memory: its doorbells are write watchpoints.
 */
#ifndef LOGVISOR_TRAP_GDB_GDB_H
#define LOGVISOR_TRAP_GDB_GDB_H

#include "trap/gdb/conn.h"
#include "trap/gdb/guardian.h"
#include "trap/gdb/peer.h"
#include "trap/vmm/ram.h"
#include "trap/gdb/regs.h"
#include "trap/gdb/target.h"
#include "trap/trap.h"

#define GDB_VCPUS_MAX 1024

struct gdb {
	struct trap t; /* first: the struct trap the caller holds */
	struct gdb_conn c;
	struct guardian guardian;
	struct ram ram;
	struct gdb_regs regs;
	char where[300];
	const char *no_process; /* why memory is read through the stub, if it is */

	bool held;    /* by us: after hold() or TRAP_STOPPED, until resume() */
	bool paused;  /* by someone else: not ours to resume */
	bool saw_stop; /* a stop reply came while a reply was awaited */
	bool dead;    /* nothing more can be said to this stub */
	bool phys;    /* 'm' takes guest-physical addresses */
	bool rang;    /* a doorbell was hit while something else was under way: */
	struct rsp_stop ring; /* this one; wait() reports it next */

	unsigned vcpus;
	struct {
		uint64_t pid, tid;
	} vcpu[GDB_VCPUS_MAX];
	struct trap_site *site; /* planted */
	unsigned sites, cap_sites;
};

extern const struct trap_ops trap_gdb;

/* attach.c: connect and ask the stub all there is to know. The VM is held afterwards. */
int gdb_open(struct gdb *g, const char *target, struct err *e);
/* attach.c: let the VM go, with nothing armed, and release everything but @g itself. */
void gdb_close(struct gdb *g);

/* halt.c: a stub that is gone stays gone; pass @rc on. */
int gdb_note(struct gdb *g, int rc);
/*
 * halt.c: the site whose watchpoint stop reply @s is about, or NULL if there is none at all. Two vCPUs that hit
 * at once are reported as one stop, and then as another, which names no address or that of a watchpoint
 * removed since (QEMU forgets the hit of the reported vCPU only): then any site will do, for it may stand
 * for a hit of the one just planted.
 */
const struct trap_site *gdb_site_of(const struct gdb *g, const struct rsp_stop *s);
/* halt.c: stop the VM, and let it go unless a doorbell rang meanwhile or others had stopped it. */
int gdb_stop(struct gdb *g, struct err *e);
int gdb_let_go(struct gdb *g, struct err *e);
/* halt.c: stop the VM, if it is not; *was says what to give to gdb_leave() afterwards. */
int gdb_enter(struct gdb *g, bool *was, struct err *e);
int gdb_leave(struct gdb *g, bool was, struct err *e);

/* memory.c: find the guest's RAM, in the VMM's process if possible. The VM is held. */
int gdb_map_ram(struct gdb *g, struct err *e);
/* memory.c: gmem.read and gmem.next with a struct gdb as context. */
int gdb_mem_read(void *ctx, uint64_t gpa, void *buf, size_t len);
int gdb_mem_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end);
/* memory.c: whether 'm' means guest-physical memory. A setting of the stub that outlives connections. */
int gdb_phys(struct gdb *g, bool on, struct err *e);

#endif
