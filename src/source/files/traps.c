/* SPDX-License-Identifier: BSD-3-Clause */
/* traps.c - the code sites of what befalls files. */
#include "source/files/traps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fetch/files.h"
#include "guest/members.h"
#include "util/clock.h"

static const struct {
	const char *name;
	enum trap_place place;
	enum files_at at;
} function[FILES_TRAPS] = {
	[FILES_TRAP_WRITE] = {"generic_perform_write", TRAP_LEAVE, FILES_AT_WRITE},
	[FILES_TRAP_IOMAP] = {"iomap_file_buffered_write", TRAP_LEAVE, FILES_AT_WRITE},
	[FILES_TRAP_ALLOCATE] = {"vfs_fallocate", TRAP_LEAVE, FILES_AT_CHANGE},
	[FILES_TRAP_CHANGE] = {"notify_change", TRAP_LEAVE, FILES_AT_SECOND},
	[FILES_TRAP_DELETE] = {"d_delete", TRAP_ENTRY, FILES_AT_DENTRY},
	[FILES_TRAP_MOVE] = {"d_move", TRAP_ENTRY, FILES_AT_DENTRY},
	[FILES_TRAP_EXCHANGE] = {"d_exchange", TRAP_ENTRY, FILES_AT_DENTRY},
	[FILES_TRAP_MAKE] = {"d_instantiate", TRAP_ENTRY, FILES_AT_DENTRY},
	[FILES_TRAP_MAKE_NEW] = {"d_instantiate_new", TRAP_ENTRY, FILES_AT_DENTRY},
	[FILES_TRAP_MAKE_LASTING] = {"d_make_persistent", TRAP_ENTRY, FILES_AT_DENTRY},
};

/* What is above a file, a place of which in its inode's list of names is followed first. */
struct ways {
	uint32_t ki_filp, ki_pos, f_inode, f_path, i_dentry, i_generation, alias, parent;
	bool by_file;   /* generic_perform_write() has file, iov_iter and position: up to 5.17, then a struct kiocb */
	bool no_userns; /* notify_change() has no user namespace, or map of ids, in front: up to 5.11 */
};

static void from_inode(struct trap_filter *f, const struct ways *w)
{
	f->off[f->hops++] = (int32_t)w->i_dentry;
	f->off[f->hops++] = (int32_t)(w->parent - w->alias);
}

static void describe(struct files_traps *t, enum files_tag tag, const struct ways *w)
{
	struct files_geometry *g = &t->geometry[tag];
	struct trap_filter *f = &t->filter[tag];

	*f = (struct trap_filter){.climb = true, .at = (int32_t)w->parent};
	g->at = function[tag].at;
	switch (tag) {
	case FILES_TRAP_WRITE:
	case FILES_TRAP_IOMAP:
		if (tag == FILES_TRAP_IOMAP || !w->by_file) {
			f->off[f->hops++] = (int32_t)w->ki_filp;
			f->takes = true;
			f->rsi_at = (int32_t)w->ki_filp;
			f->rdx_at = (int32_t)w->ki_pos;
			g->file = 1;
		}
		f->off[f->hops++] = (int32_t)w->f_inode;
		from_inode(f, w);
		break;
	case FILES_TRAP_ALLOCATE:
		f->off[f->hops++] = (int32_t)w->f_inode;
		from_inode(f, w);
		break;
	case FILES_TRAP_CHANGE:
		if (w->no_userns)
			g->at = FILES_AT_DENTRY;
		else
			f->reg = TRAP_RSI;
		f->off[f->hops++] = (int32_t)w->parent;
		break;
	default:
		f->off[f->hops++] = (int32_t)w->parent;
		f->both = tag == FILES_TRAP_MOVE || tag == FILES_TRAP_EXCHANGE;
	}
}

static bool is_before(const struct guest *g, unsigned major, unsigned minor)
{
	unsigned its_major = 0, its_minor = 0;

	return sscanf(guest_info(g)->release, "%u.%u", &its_major, &its_minor) == 2 &&
		(its_major < major || (its_major == major && its_minor < minor));
}

static int find_ways(struct ways *w, const struct guest *g, struct err *e)
{
	const struct member_want want[] = {
		{"kiocb", "ki_filp", &w->ki_filp, MEMBER_MUST},
		{"kiocb", "ki_pos", &w->ki_pos, MEMBER_MUST},
		{"file", "f_inode", &w->f_inode, MEMBER_MUST},
		{"file", "f_path", &w->f_path, MEMBER_MUST},
		{"inode", "i_dentry", &w->i_dentry, MEMBER_MUST},
		{"inode", "i_generation", &w->i_generation, MEMBER_MUST},
		{"dentry", "d_u.d_alias", &w->alias, MEMBER_MAY},
		{"dentry", "d_parent", &w->parent, MEMBER_MUST},
	};

	uint32_t size;
	int r;

	w->by_file = is_before(g, 5, 18);
	w->no_userns = is_before(g, 5, 12);
	r = members_find(g, want, sizeof(want) / sizeof(want[0]), e);
	if (!r && w->alias == MEMBER_ABSENT && guest_member(g, "dentry", "d_alias", &w->alias, &size)) /* 7.2 */
		r = err_set(e, ENOENT, "the guest's types (BTF) have no dentry.d_alias");
	return r;
}

int files_traps_find(struct files_traps *t, const struct guest *g, const struct app_geometry *base,
	const struct dcache_layout *dcache, const struct filepages_layout *pages, struct err *e)
{
	const uint32_t epoch = (uint32_t)(clock_mono_ns() >> 10);
	struct ways w;
	int r = find_ways(&w, g, e);

	if (r)
		return r;
	*t = (struct files_traps){0};
	for (unsigned i = 0; i < FILES_TRAPS; i++) {
		if (!function[i].name)
			continue;
		t->geometry[i] = (struct files_geometry){.app = *base, .f_inode = w.f_inode, .f_path = w.f_path,
			.i_mapping = dcache->i_mapping, .i_size = dcache->i_size, .i_ino = dcache->i_ino,
			.i_generation = w.i_generation, .pages = pages->pages, .node_shift = pages->node_shift,
			.node_slots = pages->node_slots, .page_size = pages->page_size,
			.epoch = epoch};
		describe(t, i, &w);
		if (guest_symbol(g, function[i].name, &t->gva[i]))
			t->gva[i] = 0;
	}
	if (guest_symbol(g, "_stext", &t->text[0]) || guest_symbol(g, "_etext", &t->text[1]) || !t->gva[FILES_TRAP_WRITE])
		return err_set(e, ENOENT, "the guest's kernel has no generic_perform_write() to be trapped at");
	return 0;
}

void files_traps_anchor(struct files_traps *t, const uint64_t *dentry, unsigned n)
{
	t->over = n > FILES_ANCHORS_MAX;
	if (t->over || (n == t->anchors && !memcmp(dentry, t->anchor, n * sizeof(*dentry))))
		return;
	memcpy(t->anchor, dentry, n * sizeof(*dentry));
	t->anchors = n;
	t->set++;
	for (unsigned i = 0; i < FILES_TRAPS; i++) {
		t->filter[i].words = n;
		for (unsigned k = 0; k < n; k++)
			memcpy(t->filter[i].word[k], &dentry[k], sizeof(t->filter[i].word[k])); /* the low half */
	}
}

unsigned files_traps_sites(const struct files_traps *t, struct trap_site *sites, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FILES_TRAPS && n < max && t->anchors && !t->over; i++)
		if (t->gva[i])
			sites[n++] = (struct trap_site){.kind = SITE_CODE, .gva = t->gva[i], .name = function[i].name,
				.place = function[i].place, .filter = &t->filter[i], .room = {t->text[0], t->text[1]},
				.preempted = true, .tag = t->set * FILES_TRAPS + i, .fetch = &fetch_files,
				.arg = &t->geometry[i], .arg_len = sizeof(t->geometry[i])};
	return n;
}
