/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trapped.c - what code sites bring of files. A copy says which file it is, where in it something was written, how
 * long it is now, and has the bytes if they are few; of one file copies come in the order in which it was locked.
 * What is appended begins where the last one ended. So nothing depends on when a copy is taken, but for what it
 * does not have: for that the VM is held (kvm: trap/kvm/bpf/files.bpf.h).
 *
 * What no trap brought (O_DIRECT, memory that is mapped, file systems with a way of their own) is found by polls. A
 * difference is one only if nothing came of the file, twice after each other and with its lock free in between: who
 * was about to come then has come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "source/files/impl.h"

#define POLL_MS 1000
#define DOUBT_MS 20

#define ATTR_SIZE 8          /* of struct iattr.ia_valid, its first member; include/linux/fs.h, 5.10 to 7.2 */
#define ATTR_MTIME_SET 0x100

static const struct app_copy nobody = {.flags = APP_COPY_NOTASK | APP_COPY_NOEXE | APP_COPY_NOCGROUP |
	APP_COPY_NOPARENT | APP_COPY_NOCREDS | APP_COPY_NOPATH, .loginuid = APP_ABSENT, .sessionid = APP_ABSENT};

static uint64_t read_u64(const struct files *f, uint64_t gva)
{
	uint64_t v;

	return f->mem.read(f->mem.ctx, gva, &v, sizeof(v)) ? 0 : v;
}

static uint64_t inode_of(const struct files *f, uint64_t dentry)
{
	return dentry ? read_u64(f, dentry + f->dcache.parent + offsetof(struct dcache_knot, inode)) : 0;
}

/* ---- names ---- */

static void set_path(struct files_entry *e, const char *path)
{
	char *now = strdup(path);

	if (!now)
		return;
	free(e->path);
	e->path = now;
}

static void tell_rename(struct files *f, struct files_entry *e, const char *path, enum record_fidelity fid)
{
	char text[SENDER_PATH_MAX + 32];
	size_t n = strlen(path);

	n = n < SENDER_PATH_MAX ? n : SENDER_PATH_MAX;
	memcpy(text, "renamed to ", 11);
	memcpy(text + 11, path, n);
	files_who(f, e->knot.inode);
	files_tell(f, e, fid, "rename", (struct span){text, 11 + n}, (struct span){path, n});
	set_path(e, path);
}

/* What became of the names that are known, before others are looked for. */
static void renew(struct files *f)
{
	char path[PATH_LEN_MAX + 16];

	for (unsigned i = 0; i < f->n; i++) {
		struct files_entry *e = &f->e[i];
		struct dcache_knot now, was = e->knot;
		uint32_t seq;
		bool moved, same;

		if (f->mem.read(f->mem.ctx, e->dentry + f->dcache.seq, &seq, sizeof(seq)) || seq & 1 ||
			dcache_knot_read(&f->mem, &f->dcache, e->dentry, &now))
			continue;
		/* Both the name's memory and the inode's may be another's by now, of the next that was made. */
		same = now.inode == was.inode && files_is_same(f, e);
		if (same && !memcmp(&now, &was, sizeof(now)))
			continue;
		moved = now.parent != was.parent || now.name != was.name || now.hash_len != was.hash_len;
		if (!same) {
			files_leave(f, e);
			e->dead = moved;
			e->dir = false;
		} else if (moved && !e->follows) {
			e->dead = true;
		} else if (moved && path_of(&f->mem, &f->paths, e->mnt, e->dentry, path, sizeof(path)) > 0 &&
			strcmp(path, e->path) != 0) {
			f->doer = &nobody;
			tell_rename(f, e, path, RECORD_LATE);
			f->doer = NULL;
		}
		e->knot = now;
	}
}

static void rescan(struct files *f)
{
	renew(f);
	files_rescan(f);
}

/* The file of @inode, that one of those that had its memory; NULL: it is not followed. */
static struct files_entry *known(struct files *f, uint64_t inode, uint64_t ino, uint64_t generation)
{
	struct files_entry *e = files_of_inode(f, inode);

	if (!e || (e->ino == ino && e->generation == generation))
		return e;
	files_leave(f, e);
	e->dead = true;
	return NULL;
}

static struct files_entry *known_now(struct files *f, uint64_t inode)
{
	uint64_t ino, generation;

	files_identify(f, inode, &ino, &generation);
	return known(f, inode, ino, generation);
}

/* The file of @inode, which may have a name by now that was not seen yet. */
static struct files_entry *found_now(struct files *f, uint64_t inode)
{
	struct files_entry *e = inode ? known_now(f, inode) : NULL;
	uint16_t mode;

	if (e || !inode || f->mem.read(f->mem.ctx, inode + f->dcache.i_mode, &mode, sizeof(mode)) || !S_ISREG(mode))
		return e;
	rescan(f);
	return known_now(f, inode);
}

/* ---- what was written ---- */

static struct files_entry *written_file(struct files *f, const struct files_copy *c)
{
	const struct files_key *k = &c->key;
	struct files_entry *e = known(f, k->inode, k->ino, k->generation);
	struct files_key *passed = &f->passed[files_place(k)];
	const bool before = c->flags & FILES_COPY_KNOWN;
	struct sender_paths paths;

	/* One that was delivered before may have been followed, until the guest forgot it for a while. */
	if (e || (before && files_same(passed, k)))
		return e;
	*passed = *k;
	/* Of its path, if it is this file's own (overlayfs lends another's), it can be told that it is not wanted. */
	sender_resolve(f->sender, &c->app, f->now_ms, &paths);
	if (!before && paths.sock.n && c->app.path.inode == k->inode && !files_wanted(f, paths.sock))
		return NULL;
	rescan(f);
	e = known(f, k->inode, k->ino, k->generation);
	if (e)
		*passed = (struct files_key){0};
	return e;
}

/* @e has bytes up to @to: those from where it ended. */
static void grown(struct files *f, struct files_entry *e, uint64_t to, enum record_fidelity fid)
{
	bool empty;

	files_who(f, e->knot.inode);
	files_tell_grown(f, e, e->state.size, to, fid, &empty);
	e->state.size = to;
	if (e->channel == RECORD_LASTLOG)
		files_tell_lastlog(f, e, fid);
}

static void written_over(struct files *f, struct files_entry *e, uint64_t from, uint64_t to)
{
	char text[128];
	int n;

	files_who(f, e->knot.inode);
	if (e->channel == RECORD_LASTLOG) {
		files_tell_lastlog(f, e, RECORD_LIVE);
		return;
	}
	n = snprintf(text, sizeof(text), "%" PRIu64 " bytes at %" PRIu64 " were written over, of %" PRIu64, to - from, from,
		e->state.size);
	files_tell(f, e, RECORD_LIVE, "overwrite", (struct span){text, (size_t)n}, (struct span){NULL, 0});
}

static void written(struct files *f, const struct files_copy *c)
{
	struct files_entry *e = written_file(f, c);
	const uint64_t from = c->rdx, n = c->rax & INT32_MAX; /* MAX_RW_COUNT */
	uint64_t to = from + n;

	if (!e || !n || to < from)
		return;
	to = to < c->size ? to : c->size; /* as the guest says */
	if (e->fresh && from < e->state.size && to == c->size)
		e->state.size = from;
	e->fresh = false;
	e->touched = e->heard = true;
	/* A hole, or what no trap told of. */
	if (from > e->state.size) {
		f->doer = &nobody;
		grown(f, e, from, RECORD_LATE);
		f->doer = &c->app;
	}
	f->given.at = from;
	f->given.n = c->app.n;
	f->given.p = c->app.data;
	if (from < e->state.size && from < to)
		written_over(f, e, from, to < e->state.size ? to : e->state.size);
	if (to > e->state.size)
		grown(f, e, to, RECORD_LIVE);
	f->given.n = 0;
}

/* ---- what else befell it, the VM standing still ---- */

/* Its lock is not held any more: who has it now may be about to come with more. */
static void allocated(struct files *f, const struct files_copy *c)
{
	struct files_entry *e = known(f, c->key.inode, c->key.ino, c->key.generation);

	if (!e || c->size <= e->state.size || dcache_owner(&f->mem, &f->dcache, c->key.inode))
		return;
	grown(f, e, c->size, RECORD_LIVE);
	e->touched = e->heard = true;
}

/* The caller of notify_change() holds its lock. */
static void look(struct files *f, struct files_entry *e, bool size, bool time)
{
	struct dcache_state now;

	if (dcache_state_read(&f->mem, &f->dcache, e->knot.inode, &now))
		return;
	files_who(f, e->knot.inode);
	if (now.size > e->state.size)
		grown(f, e, now.size, RECORD_LIVE);
	else if (size && now.size < e->state.size)
		files_shrunk(f, e, now.size, RECORD_LIVE);
	else if (time && (now.mtime != e->state.mtime || now.mtime_nsec != e->state.mtime_nsec))
		files_overwritten(f, e, RECORD_LIVE);
	now.nlink = e->state.nlink;
	e->state = now;
	e->fresh = false;
	e->touched = e->heard = true;
}

/* Of a file that was not known its length of before is not either. */
static void cut_unknown(struct files *f, struct files_entry *e)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "its length was set to %" PRIu64 " bytes; what it was is not known", e->state.size);

	files_who(f, e->knot.inode);
	files_tell(f, e, RECORD_LIVE, "truncate", (struct span){text, (size_t)n}, (struct span){NULL, 0});
	e->fresh = false;
}

static void changed(struct files *f, uint64_t dentry, uint64_t attr)
{
	const uint64_t inode = inode_of(f, dentry);
	struct files_entry *e = inode ? known_now(f, inode) : NULL;
	uint32_t valid;

	if (f->mem.read(f->mem.ctx, attr, &valid, sizeof(valid)) || !(valid & (ATTR_SIZE | ATTR_MTIME_SET)))
		return;
	if (e) {
		look(f, e, valid & ATTR_SIZE, valid & ATTR_MTIME_SET);
		return;
	}
	e = found_now(f, inode);
	if (e && valid & ATTR_SIZE)
		cut_unknown(f, e);
}

static void deleted(struct files *f, uint64_t dentry)
{
	struct files_entry *e = found_now(f, inode_of(f, dentry));
	struct dcache_state now;

	if (!e || dcache_state_read(&f->mem, &f->dcache, e->knot.inode, &now))
		return;
	files_who(f, e->knot.inode);
	files_unlinked(f, e, now.nlink, RECORD_LIVE);
	e->state.nlink = now.nlink;
	e->heard = true;
}

/* The name @dentry is about to get the file or directory @inode. */
static void made(struct files *f, uint64_t dentry, uint64_t inode)
{
	const struct files_entry *dir = files_of_dentry(f, read_u64(f, dentry + f->dcache.parent));
	struct dcache_found found = {.dentry = dentry};
	struct files_entry *e;
	char path[PATH_LEN_MAX + 16];

	if (!dir) {
		rescan(f);
		dir = files_of_dentry(f, read_u64(f, dentry + f->dcache.parent));
	}
	if (!dir || !inode || dcache_knot_read(&f->mem, &f->dcache, dentry, &found.knot) ||
		path_of(&f->mem, &f->paths, dir->mnt, dentry, path, sizeof(path)) <= 0)
		return;
	known_now(f, inode); /* one that had its memory before is not that any more */
	e = files_of_dentry(f, dentry);
	if (e && e->knot.inode != inode) {
		files_leave(f, e);
		e->dir = false;
	}
	found.mnt = dir->mnt;
	found.path = path;
	found.path_len = strlen(path);
	found.knot.inode = inode;
	if (e)
		e->knot = found.knot;
	files_see(f, &found);
	e = files_of_inode(f, inode);
	if (e && !e->state.size)
		e->fresh = false;
}

/* It was elsewhere until now. */
static void moved_in(struct files *f, uint64_t mnt, uint64_t dentry, const char *path)
{
	struct dcache_found found = {.mnt = mnt, .dentry = dentry, .path = path, .path_len = strlen(path)};
	static const char text[] = "a file of another name is this one from now on";
	struct files_entry *e;

	if (dcache_knot_read(&f->mem, &f->dcache, dentry, &found.knot))
		return;
	e = files_add(f, &found);
	if (!e)
		return;
	e->seen = true;
	files_adopt(f, e);
	if (!e->follows)
		return;
	e->fresh = false;
	files_who(f, e->knot.inode);
	files_tell(f, e, RECORD_LIVE, "moved-in", span_of(text), (struct span){NULL, 0});
}

/* A directory, and with it what is below; not what came to be there by the other half of an exchange. */
static void renamed_dir(struct files *f, struct files_entry *dir, const char *path)
{
	char *was = strdup(dir->path), below[2 * PATH_LEN_MAX], in_guest[PATH_LEN_MAX + 16];
	const size_t n = was ? strlen(was) : 0;

	tell_rename(f, dir, path, RECORD_LIVE);
	for (unsigned i = 0; was && i < f->n; i++) {
		const char *old = f->e[i].path;

		if (strncmp(old, was, n) || old[n] != '/')
			continue;
		if (path_of(&f->mem, &f->paths, f->e[i].mnt, f->e[i].dentry, in_guest, sizeof(in_guest)) > 0 &&
			(strncmp(in_guest, was, n) || in_guest[n] != '/'))
			continue;
		if ((size_t)snprintf(below, sizeof(below), "%s%s", path, old + n) < sizeof(below))
			set_path(&f->e[i], below);
	}
	free(was);
	f->rescan = true;
}

/* @dentry is about to get the place and name of @target. */
static void renamed(struct files *f, uint64_t dentry, uint64_t target, bool victim)
{
	const struct files_entry *there;
	struct files_entry *e;
	char path[PATH_LEN_MAX + 16];
	uint64_t mnt;

	if (victim)
		deleted(f, target);
	e = files_of_dentry(f, dentry);
	e = e && e->dir ? e : found_now(f, inode_of(f, dentry));
	there = files_of_dentry(f, read_u64(f, target + f->dcache.parent));
	mnt = e ? e->mnt : there ? there->mnt : 0;
	if (!mnt || path_of(&f->mem, &f->paths, mnt, target, path, sizeof(path)) <= 0)
		return;
	if (e && e->dir)
		renamed_dir(f, e, path);
	else if (e)
		tell_rename(f, e, path, RECORD_LIVE);
	else if (files_wanted(f, span_of(path)) && inode_of(f, dentry))
		moved_in(f, mnt, dentry, path);
}

void files_trapped(struct files *f, const struct trap_event *ev)
{
	const struct files_copy *c = ev->data;
	const enum files_tag tag = ev->tag % FILES_TRAPS;

	if (ev->len < offsetof(struct files_copy, app.data) || c->app.n > ev->len - offsetof(struct files_copy, app.data))
		return;
	f->doer = &c->app;
	switch (tag) {
	case FILES_TRAP_WRITE:
	case FILES_TRAP_IOMAP:
		written(f, c);
		break;
	case FILES_TRAP_ALLOCATE:
		allocated(f, c);
		break;
	case FILES_TRAP_CHANGE:
		if (f->traps.geometry[tag].at == FILES_AT_SECOND)
			changed(f, c->rsi, c->rdx);
		else
			changed(f, c->rdi, c->rsi);
		break;
	case FILES_TRAP_DELETE:
		deleted(f, c->rdi);
		break;
	case FILES_TRAP_MOVE:
		renamed(f, c->rdi, c->rsi, true);
		break;
	case FILES_TRAP_EXCHANGE:
		renamed(f, c->rdi, c->rsi, false);
		renamed(f, c->rsi, c->rdi, false);
		break;
	case FILES_TRAP_MAKE:
	case FILES_TRAP_MAKE_NEW:
	case FILES_TRAP_MAKE_LASTING:
		made(f, c->rdi, c->rsi);
		break;
	default:
		break;
	}
	f->doer = NULL;
}

/* ---- what no trap told of ---- */

static bool differs(const struct files_entry *e, const struct dcache_state *now)
{
	return now->size != e->state.size || now->nlink < e->state.nlink || (!e->touched && !e->mapped &&
		(now->mtime != e->state.mtime || now->mtime_nsec != e->state.mtime_nsec));
}

static void overdue(struct files *f, struct files_entry *e, const struct dcache_state *now)
{
	static const char mapped[] = "programs write into it through memory, which is not seen (mmap)";
	int32_t writers = 0;

	f->doer = &nobody;
	files_who(f, e->knot.inode);
	if (now->nlink < e->state.nlink)
		files_unlinked(f, e, now->nlink, RECORD_LATE);
	f->mem.read(f->mem.ctx, e->mapping + f->dcache.writable, &writers, sizeof(writers));
	if (now->size > e->state.size) {
		grown(f, e, now->size, RECORD_LATE);
	} else if (now->size < e->state.size) {
		if (now->nlink) /* else it is the end of a file that nobody has open (tmpfs); who cuts one that is, is trapped */
			files_shrunk(f, e, now->size, RECORD_LATE);
	} else if (writers > 0 && !e->mapped) {
		files_tell(f, e, RECORD_LATE, "mmap", span_of(mapped), (struct span){NULL, 0});
		e->mapped = true;
	} else if (!e->mapped && (now->mtime != e->state.mtime || now->mtime_nsec != e->state.mtime_nsec)) {
		files_overwritten(f, e, RECORD_LATE);
	}
	f->doer = NULL;
	e->state = *now;
	e->fresh = false;
}

/* True: it is not sure yet. */
static bool doubt(struct files *f, struct files_entry *e, const struct moment *m)
{
	struct dcache_state now;
	const bool heard = e->heard;

	e->heard = false;
	if (!files_is_same(f, e)) {
		f->rescan = true;
		return false;
	}
	if (dcache_state_read(&f->mem, &f->dcache, e->knot.inode, &now))
		return false;
	if (heard || e->doubt == FILES_SURE || (!e->fresh && !differs(e, &now))) {
		e->doubt = e->fresh || differs(e, &now) ? FILES_DIFFERS : FILES_SURE;
		if (e->doubt == FILES_SURE && !heard) {
			e->touched = false;
			e->state = now;
		}
		return e->doubt;
	}
	if (e->doubt == FILES_DIFFERS) {
		if (dcache_owner(&f->mem, &f->dcache, e->knot.inode))
			return true;
		e->doubt = FILES_OVERDUE;
		e->seen_state = now;
		return true;
	}
	if (!m->emptied)
		return true;
	overdue(f, e, &e->seen_state);
	e->doubt = FILES_SURE;
	return false;
}

int64_t files_trapped_poll(struct files *f, const struct moment *m)
{
	bool any = false;

	for (unsigned i = 0; i < f->n; i++)
		if (f->e[i].follows)
			any |= doubt(f, &f->e[i], m);
	if (f->rescan || f->catch_up || m->now_ms >= f->rescan_ms) {
		f->rescan_ms = m->now_ms + POLL_MS;
		rescan(f);
	}
	f->catch_up = false;
	return any ? DOUBT_MS : POLL_MS;
}
