/* SPDX-License-Identifier: BSD-3-Clause */
/* find.c - which names and directories of the guest's tree are followed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "source/files/glob.h"
#include "source/files/impl.h"
#include "source/files/utmp.h"

bool files_wanted(const struct files *f, struct span path)
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

struct files_entry *files_of_dentry(struct files *f, uint64_t dentry)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->e[i].dentry == dentry && !f->e[i].dead)
			return &f->e[i];
	return NULL;
}

struct files_entry *files_of_inode(struct files *f, uint64_t inode)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->e[i].follows && f->e[i].knot.inode == inode)
			return &f->e[i];
	return NULL;
}

/* ---- one of them ---- */

static mode_t mode_of(const struct files *f, uint64_t inode)
{
	uint16_t mode;

	return !inode || f->mem.read(f->mem.ctx, inode + f->dcache.i_mode, &mode, sizeof(mode)) ? 0 : mode;
}

bool files_identify(const struct files *f, uint64_t inode, uint64_t *ino, uint64_t *generation)
{
	uint32_t g = 0;
	const bool has_ino = !f->mem.read(f->mem.ctx, inode + f->dcache.i_ino, ino, sizeof(*ino)),
		has_generation = !f->mem.read(f->mem.ctx, inode + f->dcache.i_generation, &g, sizeof(g));

	if (!has_ino)
		*ino = 0;
	*generation = has_generation ? g : 0;
	return has_ino && has_generation;
}

bool files_is_same(const struct files *f, const struct files_entry *e)
{
	uint64_t ino, generation;

	return !e->knot.inode || !files_identify(f, e->knot.inode, &ino, &generation) ||
		(ino == e->ino && generation == e->generation);
}

static void remember(struct files *f, const struct files_entry *e)
{
	if (f->trapped && e->state.nlink)
		f->left[f->lefts++ % FILES_MAX] = (struct files_left){e->mnt, e->ino, e->generation, e->state, e->told,
			e->last_login, e->fresh, e->touched, e->mapped};
}

/* What befell it since it was left is told like all that no trap told of. */
static void recall(const struct files *f, struct files_entry *e, struct files_left *l)
{
	const struct dcache_state now = e->state;

	for (unsigned i = 0; i < FILES_MAX && i < f->lefts; i++, l++) {
		if (!l->ino || l->ino != e->ino || l->generation != e->generation || l->mnt != e->mnt)
			continue;
		e->state = l->state;
		if (now.mtime == l->state.mtime) /* some file systems keep whole seconds */
			e->state.mtime_nsec = now.mtime_nsec;
		e->told = l->told;
		e->last_login = l->last_login;
		e->fresh = l->fresh;
		e->touched = l->touched;
		e->mapped = l->mapped;
		l->ino = 0;
		return;
	}
}

void files_adopt(struct files *f, struct files_entry *e)
{
	const mode_t mode = mode_of(f, e->knot.inode);

	files_identify(f, e->knot.inode, &e->ino, &e->generation);
	e->dir = S_ISDIR(mode);
	if (e->dir) {
		e->first = 0;
		f->rescan = true;
	}
	if (!S_ISREG(mode) || !e->wanted || files_of_inode(f, e->knot.inode) ||
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
	e->fresh = true;
	e->touched = e->heard = false;
	e->doubt = FILES_DIFFERS; /* until it is no more fresh */
	recall(f, e, f->left);
}

void files_leave(struct files *f, struct files_entry *e)
{
	if (!e->follows)
		return;
	streams_close(&f->streams, e->knot.inode);
	remember(f, e);
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
	const struct files_entry *parent = files_of_dentry(f, e->knot.parent);
	const char text[] = "a file of another name is this one from now on";

	if (!f->moving || !e->follows || !parent || !parent->known)
		return;
	files_who(f, parent->knot.inode);
	files_tell(f, e, RECORD_LIVE, "moved-in", span_of(text), (struct span){NULL, 0});
}

struct files_entry *files_add(struct files *f, const struct dcache_found *found)
{
	struct files_entry *e = room(f);

	if (!e)
		return NULL;
	*e = (struct files_entry){.mnt = found->mnt, .dentry = found->dentry, .knot = found->knot, .tag = ++f->tags,
		.channel = RECORD_FILE,
		.wanted = files_wanted(f, (struct span){found->path, found->path_len}), .path = strdup(found->path)};
	if (!e->path) {
		f->over = true;
		return NULL;
	}
	f->n++;
	return e;
}

bool files_see(struct files *f, const struct dcache_found *found)
{
	const struct span path = {found->path, found->path_len};
	const bool wanted = files_wanted(f, path), above = is_above(f, path);
	struct files_entry *e = files_of_dentry(f, found->dentry);

	if (!wanted && !above)
		return false;
	if (!e) {
		/* A name in between is followed only as a directory; what else it may become is not wanted. */
		if (!wanted && found->knot.inode && !S_ISDIR(mode_of(f, found->knot.inode)))
			return false;
		e = files_add(f, found);
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

static bool visit(void *ctx, const struct dcache_found *found)
{
	return files_see(ctx, found);
}

/* Does the file, or what may become one, go on, although no path leads there? */
static bool lives(struct files *f, const struct files_entry *e)
{
	struct dcache_knot now;

	return !e->dead && e->follows && !dcache_knot_read(&f->mem, &f->dcache, e->dentry, &now) &&
		now.inode == e->knot.inode && files_is_same(f, e);
}

/* ---- anchors ---- */

/* How long the directory is that a pattern names before its first sign, without the slash behind it. */
static size_t literal(struct span pattern)
{
	size_t n = 0, dir = 0;

	for (; n < pattern.n && !memchr("*?[", pattern.p[n], 3); n++)
		if (pattern.p[n] == '/')
			dir = n;
	return dir;
}

/* Is @path the directory @dir, of @n bytes without a slash at the end, or above it? */
static bool leads_to(const char *path, const char *dir, size_t n)
{
	const size_t len = strcmp(path, "/") ? strlen(path) : 0;

	return len <= n && !memcmp(path, dir, len) && (len == n || dir[len] == '/');
}

static bool is_under(const char *path, const char *dir, size_t n)
{
	return strlen(path) > n + 1 && !memcmp(path, dir, n) && path[n] == '/';
}

static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct anchors {
	uint64_t dentry[FILES_ANCHORS_MAX + 1]; /* one more: they are too many */
	unsigned n;
};

static void anchor(struct anchors *a, uint64_t dentry)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->dentry[i] == dentry)
			return;
	if (a->n <= FILES_ANCHORS_MAX)
		a->dentry[a->n++] = dentry;
}

/*
 * All that is wanted is below these: of each pattern the directory that it names, or, where that is not, the next
 * one above; and below it the root of each file system mounted there, for what is above that has no way up.
 */
static void find_anchors(struct files *f)
{
	struct anchors a = {.n = 0};

	for (unsigned p = 0; p < f->patterns; p++) {
		const char *dir = f->pattern[p].p;
		const size_t n = literal(f->pattern[p]);
		const struct files_entry *best = NULL;

		for (unsigned i = 0; i < f->n; i++) {
			const struct files_entry *e = &f->e[i];

			if (!e->dir || !e->seen)
				continue;
			if (leads_to(e->path, dir, n) && (!best || strlen(e->path) > strlen(best->path)))
				best = e;
			if (e->knot.parent == e->dentry && is_under(e->path, dir, n))
				anchor(&a, e->dentry);
		}
		if (best)
			anchor(&a, best->dentry);
	}
	qsort(a.dentry, a.n, sizeof(a.dentry[0]), by_number);
	files_traps_anchor(&f->traps, a.dentry, a.n);
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
	if (f->trapped)
		find_anchors(f);
}
