/* SPDX-License-Identifier: BSD-3-Clause */
/* look.c - what changed of a name and its file, and whose doing it was. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fetch/unix_fetch.h"
#include "source/files/impl.h"
#include "source/files/utmp.h"

/* ---- who ---- */

static const struct span nothing = {NULL, 0};

static void copy_head(struct app_copy *to, const struct app_copy *from)
{
	memcpy(to, from, offsetof(struct app_copy, data));
}

void files_who(struct files *f, uint64_t inode)
{
	const uint64_t owner = inode ? dcache_owner(&f->mem, &f->dcache, inode) : 0;
	struct fetch_regs regs = {.rdi = 0};
	struct trap_gregs gregs;

	memset(&f->copy, 0, offsetof(struct app_copy, data));
	if (f->doer) {
		copy_head(&f->copy, f->doer);
	} else if (owner) {
		app_fetch_task(&f->mem, &f->geo, owner, &f->copy);
	} else {
		if (f->trap && f->trap->ops->gregs && f->vcpu < f->trap->vcpus &&
			!f->trap->ops->gregs(f->trap, f->vcpu, &gregs, NULL))
			regs = (struct fetch_regs){.gs = gregs.gs, .cr3 = gregs.cr3};
		app_fetch_sender(&f->mem, &f->geo, &regs, &f->copy);
	}
	f->copy.sock = inode;
}

/* ---- what is over ---- */

static void settle_rename(struct files *f, struct files_entry *e)
{
	char path[PATH_LEN_MAX + 16], text[SENDER_PATH_MAX + 64];
	const int64_t now_us = f->now_us;
	uint32_t seq;
	int n;

	if (f->mem.read(f->mem.ctx, e->dentry + f->dcache.seq, &seq, sizeof(seq)) || seq & 1)
		return;
	n = path_of(&f->mem, &f->paths, e->mnt, e->dentry, path, sizeof(path));
	f->rescan = true; /* which gives it its path */
	e->pending = FILES_NOTHING;
	if (n < 0 || !strcmp(path, e->path))
		return;
	n = n < SENDER_PATH_MAX ? n : SENDER_PATH_MAX;
	f->now_us = e->pending_us;
	files_tell(f, e, e->pending_fid, "rename", (struct span){text, (size_t)snprintf(text, sizeof(text),
		"renamed to %.*s", n, path)}, (struct span){path, (size_t)n});
	f->now_us = now_us;
}

void files_overwritten(struct files *f, struct files_entry *e, enum record_fidelity fid)
{
	char text[128];
	int n;

	if (e->channel == RECORD_LASTLOG) {
		files_tell_lastlog(f, e, fid);
		return;
	}
	n = snprintf(text, sizeof(text), "written to before its end, or its time was set; it has %" PRIu64
		" bytes as before", e->state.size);
	files_tell(f, e, fid, "overwrite", (struct span){text, (size_t)n}, nothing);
}

static void settle_modified(struct files *f, struct files_entry *e)
{
	const int64_t now_us = f->now_us;

	f->now_us = e->pending_us;
	e->pending = FILES_NOTHING;
	files_overwritten(f, e, e->pending_fid);
	f->now_us = now_us;
}

/* ---- the inode ---- */

static void wait_for(struct files *f, struct files_entry *e, enum files_pending what, enum record_fidelity fid)
{
	struct sender_paths paths;

	if (e->pending)
		return;
	e->pending = what;
	e->pending_us = f->now_us;
	e->pending_fid = fid;
	copy_head(&e->by, &f->copy);
	/* Now, while the process is there; they are remembered. */
	sender_resolve(f->sender, &f->copy, f->now_ms, &paths);
}

static void grown(struct files *f, struct files_entry *e, uint64_t to, enum record_fidelity fid)
{
	struct app_copy who;
	bool empty;

	/* It was this that the time was set for; or another had the lock before. */
	if (e->pending == FILES_MODIFIED && (e->by.task == f->copy.task || !f->copy.task)) {
		e->pending = FILES_NOTHING;
	} else if (e->pending == FILES_MODIFIED) {
		copy_head(&who, &f->copy);
		copy_head(&f->copy, &e->by);
		settle_modified(f, e);
		copy_head(&f->copy, &who);
	}
	files_tell_grown(f, e, e->state.size, to, fid, &empty);
	e->shrinking = empty ? f->copy.task : 0;
	if (e->channel == RECORD_LASTLOG)
		wait_for(f, e, FILES_MODIFIED, fid);
}

void files_shrunk(struct files *f, struct files_entry *e, uint64_t to, enum record_fidelity fid)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "cut from %" PRIu64 " to %" PRIu64 " bytes", e->state.size, to);

	streams_close(&f->streams, e->knot.inode);
	files_tell(f, e, fid, "truncate", (struct span){text, (size_t)n}, nothing);
	e->shrinking = f->copy.task;
	if (e->told > to)
		e->told = to / UTMP_SIZE * UTMP_SIZE;
}

void files_unlinked(struct files *f, struct files_entry *e, uint64_t left, enum record_fidelity fid)
{
	char text[96];
	int n = left ? snprintf(text, sizeof(text), "one of its names was removed, %" PRIu64 " are left", left) :
		snprintf(text, sizeof(text), "deleted, with %" PRIu64 " bytes", e->state.size);

	files_tell(f, e, fid, "unlink", (struct span){text, (size_t)n}, nothing);
}

/* Bytes before its end, or the time itself; or growth is about to follow. */
static void modified(struct files *f, struct files_entry *e, enum record_fidelity fid)
{
	static const char text[] = "programs write into it through memory, which is not seen (mmap)";
	int32_t writers;

	if (f->copy.task && f->copy.task == e->shrinking)
		return;
	if (!f->mem.read(f->mem.ctx, e->mapping + f->dcache.writable, &writers, sizeof(writers)) && writers > 0) {
		if (!e->mapped)
			files_tell(f, e, fid, "mmap", span_of(text), nothing);
		e->mapped = true;
		return;
	}
	wait_for(f, e, FILES_MODIFIED, fid);
}

static void look_inode(struct files *f, struct files_entry *e, enum record_fidelity fid)
{
	struct dcache_state now;

	if (dcache_state_read(&f->mem, &f->dcache, e->knot.inode, &now) || !memcmp(&now, &e->state, sizeof(now)))
		return;
	files_who(f, e->knot.inode);
	if (now.nlink < e->state.nlink)
		files_unlinked(f, e, now.nlink, fid);
	if (now.size > e->state.size)
		grown(f, e, now.size, fid);
	else if (now.size < e->state.size && (fid == RECORD_LIVE || now.nlink)) /* else it may be its end (tmpfs) */
		files_shrunk(f, e, now.size, fid);
	else if (now.size == e->state.size && (now.mtime != e->state.mtime || now.mtime_nsec != e->state.mtime_nsec))
		modified(f, e, fid);
	e->state = now;
}

/* ---- the name ---- */

static void look_knot(struct files *f, struct files_entry *e, enum record_fidelity fid)
{
	const struct dcache_knot was = e->knot;
	struct dcache_knot now;
	uint64_t dir;
	bool same;

	if (dcache_knot_read(&f->mem, &f->dcache, e->dentry, &now))
		return;
	same = now.inode == was.inode && files_is_same(f, e);
	if (same && !memcmp(&now, &was, sizeof(now)))
		return;
	if (!same) {
		files_leave(f, e);
		e->knot = now;
		e->dead = now.parent != was.parent || now.name != was.name || now.hash_len != was.hash_len;
		f->rescan |= e->dead;
		if (now.inode && !e->dead)
			files_adopt(f, e);
		return;
	}
	e->knot = now;
	if (!e->follows) {
		e->dead = !now.inode;
		f->rescan = true;
		return;
	}
	if (e->pending == FILES_RENAMED)
		return;
	if (f->mem.read(f->mem.ctx, was.parent + f->dcache.parent + offsetof(struct dcache_knot, inode), &dir, 8))
		dir = 0;
	if (e->pending) {
		copy_head(&f->copy, &e->by);
		settle_modified(f, e);
	}
	files_who(f, dir);
	wait_for(f, e, FILES_RENAMED, fid);
}

void files_look(struct files *f, struct files_entry *e, bool rung)
{
	const enum record_fidelity fid = rung ? RECORD_LIVE : RECORD_LATE;

	/* At a stop nothing came unseen: the file first, for what is done to it may end its name. Else it may be another by now. */
	if (!rung)
		look_knot(f, e, fid);
	if (e->follows)
		look_inode(f, e, fid);
	if (rung)
		look_knot(f, e, fid);
}

bool files_settle(struct files *f, struct files_entry *e)
{
	const uint64_t owner = e->pending || e->shrinking ? dcache_owner(&f->mem, &f->dcache, e->knot.inode) : 0;
	struct dcache_state now;

	if (owner != e->shrinking)
		e->shrinking = 0;
	if (!e->pending)
		return e->shrinking;
	copy_head(&f->copy, &e->by);
	if (e->pending == FILES_RENAMED)
		settle_rename(f, e);
	else if (!(owner && owner == e->by.task) && !dcache_state_read(&f->mem, &f->dcache, e->knot.inode, &now) &&
		now.size == e->state.size)
		settle_modified(f, e);
	return e->pending || e->shrinking;
}
