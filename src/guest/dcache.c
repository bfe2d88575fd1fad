/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/dcache.h"

#include <errno.h>
#include <string.h>

#include "guest/members.h"
#include "util/load.h"

#define MOUNTS_MAX 512
#define POINTS 64
#define STACKED_MAX 16 /* mounts on top of each other */
#define DEPTH_MAX 64
#define OWNER_FLAGS 7ULL /* of rw_semaphore.owner; kernel/locking/rwsem.c, 5.10 to 7.2: */
#define OWNER_READER 1ULL

/* Up to 6.7 a list through list_heads, then an hlist through hlist_nodes: 8 bytes of what a child has lead on. */
static int children_layout(struct dcache_layout *l, const struct guest *g, struct err *e)
{
	uint32_t size;

	l->hlist = !guest_member(g, "dentry", "d_children", &l->kids, &size);
	if (l->hlist ? guest_member(g, "dentry", "d_sib", &l->sib, &size) :
			guest_member(g, "dentry", "d_subdirs", &l->kids, &size) ||
			guest_member(g, "dentry", "d_child", &l->sib, &size))
		return err_set(e, ENOENT, "the guest's types (BTF) have no children of a dentry that are known");
	return 0;
}

static int mtime_layout(struct dcache_layout *l, const struct guest *g, struct err *e)
{
	uint32_t size;

	if (!guest_member(g, "inode", "i_mtime_sec", &l->mtime, &size))
		return guest_member(g, "inode", "i_mtime_nsec", &l->mtime_nsec, &size) ?
			err_set(e, ENOENT, "the guest's types (BTF) have no inode.i_mtime_nsec") : 0;
	if (guest_member(g, "inode", "i_mtime", &l->mtime, &size) &&
		guest_member(g, "inode", "__i_mtime", &l->mtime, &size))
		return err_set(e, ENOENT, "the guest's types (BTF) have no inode.i_mtime");
	l->mtime_nsec = l->mtime + 8; /* struct timespec64 */
	return 0;
}

/* What is read, and watched, of an inode at once. */
static int state_layout(struct dcache_layout *l, struct err *e)
{
	const uint32_t at[] = {l->i_nlink, l->i_size, l->mtime, l->mtime_nsec};
	uint32_t lo = at[0], hi = 0;

	for (unsigned i = 0; i < 4; i++) {
		const uint32_t end = at[i] + (i == 1 || i == 2 ? 8 : 4);

		lo = at[i] < lo ? at[i] : lo;
		hi = end > hi ? end : hi;
	}
	l->state = lo & ~7u;
	l->state_len = ((hi + 7) & ~7u) - l->state;
	return l->state_len <= DCACHE_STATE_MAX ? 0 :
		err_set(e, ENOENT, "the guest's struct inode is like none known");
}

static int find_root(struct dcache_layout *l, const struct guest *g, uint32_t nsproxy, uint32_t mnt_ns, uint32_t root,
	struct err *e)
{
	uint64_t at;

	if (guest_symbol(g, "init_task", &at))
		return err_set(e, ENOENT, "the guest's kernel has no symbol init_task: one built with "
			"CONFIG_KALLSYMS_ALL is needed");
	if (guest_read(g, at + nsproxy, &at, 8) || guest_read(g, at + mnt_ns, &at, 8) ||
		guest_read(g, at + root, &l->root, 8))
		return err_set(e, EFAULT, "the root of the guest's mounts is not readable");
	return 0;
}

int dcache_layout_find(struct dcache_layout *l, const struct guest *g, struct err *e)
{
	uint32_t nsproxy, mnt_ns, root, name, inode;
	const struct member_want want[] = {
		{"dentry", "d_parent", &l->parent, MEMBER_MUST},
		{"dentry", "d_name", &name, MEMBER_MUST},
		{"dentry", "d_inode", &inode, MEMBER_MUST},
		{"dentry", "d_seq", &l->seq, MEMBER_MUST},
		{"inode", "i_mode", &l->i_mode, MEMBER_MUST},
		{"inode", "i_nlink", &l->i_nlink, MEMBER_MUST},
		{"inode", "i_size", &l->i_size, MEMBER_MUST},
		{"inode", "i_mapping", &l->i_mapping, MEMBER_MUST},
		{"inode", "i_ino", &l->i_ino, MEMBER_MUST},
		{"inode", "i_generation", &l->i_generation, MEMBER_MUST},
		{"inode", "i_rwsem.owner", &l->i_owner, MEMBER_MAY},
		{"address_space", "i_mmap_writable", &l->writable, MEMBER_MUST},
		{"mount", "mnt", &l->mount_mnt, MEMBER_MUST},
		{"mount", "mnt.mnt_root", &l->mount_root, MEMBER_MUST},
		{"mount", "mnt_mountpoint", &l->mount_point, MEMBER_MUST},
		{"mount", "mnt_mounts", &l->mount_kids, MEMBER_MUST},
		{"mount", "mnt_child", &l->mount_sib, MEMBER_MUST},
		{"task_struct", "nsproxy", &nsproxy, MEMBER_MUST},
		{"nsproxy", "mnt_ns", &mnt_ns, MEMBER_MUST},
		{"mnt_namespace", "root", &root, MEMBER_MUST},
	};
	int r = members_find(g, want, sizeof(want) / sizeof(want[0]), e);

	if (!r && (name != l->parent + 8 || inode != l->parent + 24))
		r = err_set(e, ENOENT, "the guest's struct dentry is like none known");
	r = r ? r : children_layout(l, g, e);
	r = r ? r : mtime_layout(l, g, e);
	r = r ? r : state_layout(l, e);
	return r ? r : find_root(l, g, nsproxy, mnt_ns, root, e);
}

int dcache_knot_read(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t dentry, struct dcache_knot *k)
{
	_Static_assert(sizeof(*k) == DCACHE_KNOT, "as it is in a dentry");
	return mem->read(mem->ctx, dentry + l->parent, k, sizeof(*k)) ? -EFAULT : 0;
}

int dcache_state_read(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t inode, struct dcache_state *s)
{
	uint8_t raw[DCACHE_STATE_MAX];

	if (mem->read(mem->ctx, inode + l->state, raw, l->state_len))
		return -EFAULT;
	s->nlink = load_u32(raw + l->i_nlink - l->state);
	s->size = load_u64(raw + l->i_size - l->state);
	s->mtime = (int64_t)load_u64(raw + l->mtime - l->state);
	s->mtime_nsec = load_u32(raw + l->mtime_nsec - l->state);
	return 0;
}

int dcache_first(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t dentry, uint64_t *first)
{
	return mem->read(mem->ctx, dentry + l->kids, first, 8) ? -EFAULT : 0;
}

uint64_t dcache_owner(const struct fetch_mem *mem, const struct dcache_layout *l, uint64_t inode)
{
	uint64_t owner;

	if (l->i_owner == MEMBER_ABSENT || mem->read(mem->ctx, inode + l->i_owner, &owner, 8) || owner & OWNER_READER)
		return 0;
	return owner & ~OWNER_FLAGS;
}

/* ---- the walk ---- */

struct mounted {
	uint64_t parent, point, mount, root;
};

struct walk {
	const struct fetch_mem *mem;
	const struct dcache_layout *l;
	const struct path_layout *paths;
	dcache_visit visit;
	void *ctx;
	struct mounted mount[MOUNTS_MAX];
	unsigned mounts, visits;
	uint64_t points[POINTS]; /* a bit for what is a mount's point, and for some that are none */
	bool over;
	char path[PATH_LEN_MAX];
};

static uint64_t *point_of(struct walk *w, uint64_t dentry, uint64_t *bit)
{
	const uint64_t hash = dentry * 0x9e3779b97f4a7c15ULL;

	*bit = 1ULL << (hash >> 58);
	return &w->points[(hash >> 52) % POINTS];
}

/* All that is mounted below what is in the table from @i on. */
static void find_mounts(struct walk *w)
{
	for (unsigned i = 0; i < w->mounts; i++) {
		const uint64_t head = w->mount[i].mount + w->l->mount_kids;
		uint64_t link, bit;

		if (w->mem->read(w->mem->ctx, head, &link, 8))
			continue;
		for (unsigned n = 0; link != head && n < MOUNTS_MAX; n++) {
			struct mounted m = {.parent = w->mount[i].mount, .mount = link - w->l->mount_sib};

			if (w->mounts == MOUNTS_MAX) {
				w->over = true;
				return;
			}
			if (w->mem->read(w->mem->ctx, m.mount + w->l->mount_point, &m.point, 8) ||
				w->mem->read(w->mem->ctx, m.mount + w->l->mount_root, &m.root, 8) ||
				w->mem->read(w->mem->ctx, link, &link, 8))
				break;
			*point_of(w, m.point, &bit) |= bit;
			w->mount[w->mounts++] = m;
		}
	}
}

/* What is seen where @dentry of @mount is: the root of what is mounted there, and on that. */
static void cross(struct walk *w, uint64_t *mount, uint64_t *dentry)
{
	for (unsigned n = 0; n < STACKED_MAX; n++) {
		unsigned i = 1;
		uint64_t bit;

		if (!(*point_of(w, *dentry, &bit) & bit))
			return;
		while (i < w->mounts && (w->mount[i].parent != *mount || w->mount[i].point != *dentry))
			i++;
		if (i >= w->mounts)
			return;
		*mount = w->mount[i].mount;
		*dentry = w->mount[i].root;
	}
}

/* The child behind *@at, 0: there is none; -EFAULT. */
static int next_child(const struct walk *w, uint64_t head, uint64_t *at, uint64_t *child)
{
	if (w->mem->read(w->mem->ctx, *at, at, 8))
		return -EFAULT;
	*child = !*at || *at == head ? 0 : *at - w->l->sib;
	return 0;
}

static void children(struct walk *w, uint64_t mount, uint64_t dentry, size_t len, unsigned depth);

/* One child, whose name is put behind the @len bytes of path. */
static void child_of(struct walk *w, uint64_t mount, uint64_t dentry, size_t len, unsigned depth)
{
	struct dcache_found f = {.path = w->path, .depth = depth};
	int n;

	if (len + 1 + PATH_NAME_MAX + 1 > sizeof(w->path)) {
		w->over = true;
		return;
	}
	n = path_last(w->mem, w->paths, dentry, w->path + len + 1, PATH_NAME_MAX + 1);
	if (n < 0) /* a reader's place in a directory of tmpfs is such */
		return;
	w->path[len] = '/';
	cross(w, &mount, &dentry);
	f.path_len = len + 1 + (size_t)n;
	f.mnt = mount + w->l->mount_mnt;
	f.dentry = dentry;
	if (dcache_knot_read(w->mem, w->l, dentry, &f.knot))
		return;
	if (!w->visit(w->ctx, &f))
		return;
	if (depth == DEPTH_MAX)
		w->over = true;
	else
		children(w, mount, dentry, f.path_len, depth + 1);
}

static void children(struct walk *w, uint64_t mount, uint64_t dentry, size_t len, unsigned depth)
{
	const uint64_t head = dentry + w->l->kids;
	uint64_t at = head, child;

	while (!next_child(w, head, &at, &child) && child) {
		if (++w->visits > DCACHE_VISITS_MAX) {
			w->over = true;
			return;
		}
		child_of(w, mount, child, len, depth);
	}
}

int dcache_walk(const struct fetch_mem *mem, const struct dcache_layout *l, const struct path_layout *paths,
	dcache_visit visit, void *ctx)
{
	struct walk w = {.mem = mem, .l = l, .paths = paths, .visit = visit, .ctx = ctx};
	struct dcache_found f = {.path = "/", .path_len = 1};
	uint64_t mount = l->root;

	if (mem->read(mem->ctx, mount + l->mount_root, &f.dentry, 8))
		return 0;
	w.mount[w.mounts++].mount = mount;
	find_mounts(&w);
	cross(&w, &mount, &f.dentry);
	f.mnt = mount + l->mount_mnt;
	if (!dcache_knot_read(mem, l, f.dentry, &f.knot) && visit(ctx, &f))
		children(&w, mount, f.dentry, 0, 1);
	return w.over ? -E2BIG : 0;
}
