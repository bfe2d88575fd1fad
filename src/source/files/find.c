/* SPDX-License-Identifier: BSD-3-Clause */
/* find.c - which names and directories of the guest's tree are followed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "source/files/glob.h"
#include "source/files/impl.h"
#include "source/files/utmp.h"

static bool is_wanted(const struct files *f, struct span path)
{
	for (unsigned i = 0; i < f->patterns; i++)
		if (glob_match(f->pattern[i], path))
			return true;
	return false;
}

static bool is_above(const struct files *f, struct span path)
{
	for (unsigned i = 0; i < f->patterns; i++)
		if (glob_below(f->pattern[i], path))
			return true;
	return false;
}

/* By the last of its names. */
static enum record_channel channel_of(const char *path)
{
	static const struct {
		const char *name;
		enum record_channel channel;
	} logins[] = {{"wtmp", RECORD_WTMP}, {"btmp", RECORD_BTMP}, {"lastlog", RECORD_LASTLOG}};
	const char *name = strrchr(path, '/');

	for (size_t i = 0; name && i < sizeof(logins) / sizeof(logins[0]); i++)
		if (!strcmp(name + 1, logins[i].name))
			return logins[i].channel;
	return RECORD_FILE;
}

static struct files_entry *of_dentry(struct files *f, uint64_t dentry)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->e[i].dentry == dentry && !f->e[i].dead)
			return &f->e[i];
	return NULL;
}

static bool followed(const struct files *f, uint64_t inode)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->e[i].follows && f->e[i].knot.inode == inode)
			return true;
	return false;
}

/* ---- one of them ---- */

static mode_t mode_of(const struct files *f, uint64_t inode)
{
	uint16_t mode;

	return !inode || f->mem.read(f->mem.ctx, inode + f->dcache.i_mode, &mode, sizeof(mode)) ? 0 : mode;
}

void files_adopt(struct files *f, struct files_entry *e)
{
	const mode_t mode = mode_of(f, e->knot.inode);

	e->dir = S_ISDIR(mode);
	if (e->dir) {
		e->first = 0;
		f->rescan = true;
	}
	if (!S_ISREG(mode) || !e->wanted || followed(f, e->knot.inode) ||
		f->mem.read(f->mem.ctx, e->knot.inode + f->dcache.i_mapping, &e->mapping, 8) ||
		dcache_state_read(&f->mem, &f->dcache, e->knot.inode, &e->state))
		return;
	e->follows = true;
	e->channel = channel_of(e->path);
	e->told = e->state.size / UTMP_SIZE * UTMP_SIZE;
	e->last_login = e->state.size ? e->state.mtime : INT64_MIN;
	e->n_told = 0;
	e->mapped = false;
	e->shrinking = 0;
}

void files_leave(struct files *f, struct files_entry *e)
{
	if (!e->follows)
		return;
	streams_close(&f->streams, e->knot.inode);
	e->follows = false;
	e->pending = FILES_NOTHING;
	f->rescan = true; /* another of its names may be followed from now on */
}

static void drop(struct files *f, unsigned i)
{
	files_leave(f, &f->e[i]);
	free(f->e[i].path);
	f->e[i] = f->e[--f->n];
}

void files_free(struct files *f)
{
	while (f->n)
		free(f->e[--f->n].path);
	free(f->e);
}

static struct files_entry *room(struct files *f)
{
	const unsigned cap = f->cap ? f->cap * 2 : 64;
	struct files_entry *more = NULL;

	if (f->n < f->cap)
		return &f->e[f->n];
	if (f->n < FILES_MAX)
		more = reallocarray(f->e, cap, sizeof(*more));
	if (!more) {
		f->over = true;
		return NULL;
	}
	f->e = more;
	f->cap = cap;
	return &f->e[f->n];
}

/* ---- the walk ---- */

/* One that was elsewhere until now: a name is made without a file behind it. */
static void tell_moved(struct files *f, struct files_entry *e)
{
	const struct files_entry *parent = of_dentry(f, e->knot.parent);
	const char text[] = "a file of another name is this one from now on";

	if (!f->moving || !e->follows || !parent || !parent->known)
		return;
	files_who(f, parent->knot.inode);
	files_tell(f, e, RECORD_LIVE, "moved-in", span_of(text), (struct span){NULL, 0});
}

static struct files_entry *add(struct files *f, const struct dcache_found *found, bool wanted)
{
	struct files_entry *e = room(f);

	if (!e)
		return NULL;
	*e = (struct files_entry){.mnt = found->mnt, .dentry = found->dentry, .knot = found->knot, .tag = ++f->tags,
		.wanted = wanted, .path = strdup(found->path)};
	if (!e->path) {
		f->over = true;
		return NULL;
	}
	f->n++;
	return e;
}

static bool visit(void *ctx, const struct dcache_found *found)
{
	struct files *f = ctx;
	const struct span path = {found->path, found->path_len};
	const bool wanted = is_wanted(f, path), above = is_above(f, path);
	struct files_entry *e = of_dentry(f, found->dentry);

	if (!wanted && !above)
		return false;
	if (!e) {
		/* A name in between is followed only as a directory; what else it may become is not wanted. */
		if (!wanted && found->knot.inode && !S_ISDIR(mode_of(f, found->knot.inode)))
			return false;
		e = add(f, found, wanted);
		if (!e)
			return false;
		files_adopt(f, e);
		tell_moved(f, e);
	} else if (!e->pending && strcmp(e->path, found->path) != 0) {
		char *now = strdup(found->path);

		if (now) {
			free(e->path);
			e->path = now;
			e->wanted = wanted;
		}
	}
	if (!e->follows && !e->dir)
		files_adopt(f, e);
	e->seen = true;
	if (e->dir)
		dcache_first(&f->mem, &f->dcache, e->dentry, &e->first);
	return e->dir && above;
}

/* Does the file, or what may become one, go on, although no path leads there? */
static bool lives(struct files *f, const struct files_entry *e)
{
	struct dcache_knot now;

	return !e->dead && e->follows && !dcache_knot_read(&f->mem, &f->dcache, e->dentry, &now) &&
		now.inode == e->knot.inode;
}

void files_rescan(struct files *f)
{
	f->rescan = false;
	for (unsigned i = 0; i < f->n; i++)
		f->e[i].seen = false;
	if (dcache_walk(&f->mem, &f->dcache, &f->paths, visit, f))
		f->over = true;
	for (unsigned i = 0; i < f->n;) {
		struct files_entry *e = &f->e[i];

		if (e->dead || (!e->seen && !lives(f, e))) {
			drop(f, i);
			continue;
		}
		e->known = e->dir;
		i++;
	}
}
