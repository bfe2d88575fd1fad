/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/path.h"

#include <errno.h>
#include <string.h>

#include "guest/members.h"
#include "util/load.h"

#define DENTRY_MAX 256  /* all of a dentry that is looked at lies in its first bytes */
#define MOUNTS_MAX 256  /* on top of each other */
#define NODES_MAX 512   /* kernfs nodes above one */
#define QSTR_MAX 16
#define STRING_STEP 64  /* bytes of a string read at once, never across such a border */

int path_layout_find(struct path_layout *l, const struct guest *g, struct err *e)
{
	const struct member_want want[] = {
		{"dentry", "d_parent", &l->d_parent, MEMBER_MUST},
		{"dentry", "d_name", &l->d_name, MEMBER_MUST},
		{"dentry", "d_hash.pprev", &l->d_pprev, MEMBER_MUST},
		{"qstr", "len", &l->q_len, MEMBER_MUST},
		{"qstr", "name", &l->q_name, MEMBER_MUST},
		{"mount", "mnt", &l->mount_mnt, MEMBER_MUST},
		{"mount", "mnt_parent", &l->mount_parent, MEMBER_MUST},
		{"mount", "mnt_mountpoint", &l->mount_point, MEMBER_MUST},
		{"kernfs_node", "name", &l->kn_name, MEMBER_MAY},
		{"kernfs_node", "parent", &l->kn_parent, MEMBER_MAY},
	};
	int r = members_find(g, want, sizeof(want) / sizeof(want[0]), e);
	uint32_t size;

	if (r)
		return r;
	if (l->kn_parent == MEMBER_ABSENT && guest_member(g, "kernfs_node", "__parent", &l->kn_parent, &size))
		l->kn_parent = MEMBER_ABSENT;
	if (l->d_parent > DENTRY_MAX - 8 || l->d_name > DENTRY_MAX - QSTR_MAX || l->d_pprev > DENTRY_MAX - 8 ||
		l->q_len > QSTR_MAX - 4 || l->q_name > QSTR_MAX - 8)
		return err_set(e, ENOENT, "the guest's struct dentry is larger than any known");
	return 0;
}

/* A path is put together from its end. */
struct backwards {
	char text[PATH_LEN_MAX];
	size_t at; /* of the first byte */
};

/* "/" and @name in front of what is there. */
static int put_before(struct backwards *b, const char *name, size_t n)
{
	if (n + 1 > b->at)
		return -ENAMETOOLONG;
	b->at -= n;
	memcpy(b->text + b->at, name, n);
	b->text[--b->at] = '/';
	return 0;
}

static int finish(const struct backwards *b, const char *behind, char *buf, size_t cap)
{
	size_t n = sizeof(b->text) - b->at, tail = strlen(behind);

	if (!n) {
		if (cap < 2)
			return -ENAMETOOLONG;
		memcpy(buf, "/", 2);
		return 1;
	}
	if (n + tail + 1 > cap)
		return -ENAMETOOLONG;
	memcpy(buf, b->text + b->at, n);
	memcpy(buf + n, behind, tail + 1);
	return (int)(n + tail);
}

/* What is looked at of one dentry. */
struct entry {
	uint64_t parent, name;
	uint32_t len;
	bool hashed;
};

static int read_entry(const struct fetch_mem *mem, const struct path_layout *l, uint64_t dentry, struct entry *d)
{
	uint32_t lo = l->d_parent < l->d_name ? l->d_parent : l->d_name, hi;
	uint8_t raw[DENTRY_MAX];

	lo = l->d_pprev < lo ? l->d_pprev : lo;
	hi = l->d_name + QSTR_MAX;
	hi = l->d_parent + 8 > hi ? l->d_parent + 8 : hi;
	hi = l->d_pprev + 8 > hi ? l->d_pprev + 8 : hi;
	if (mem->read(mem->ctx, dentry + lo, raw, hi - lo))
		return -EFAULT;
	d->parent = load_u64(raw + l->d_parent - lo);
	d->len = load_u32(raw + l->d_name + l->q_len - lo);
	d->name = load_u64(raw + l->d_name + l->q_name - lo);
	d->hashed = load_u64(raw + l->d_pprev - lo) != 0;
	return 0;
}

/* The name of @d into @buf of PATH_NAME_MAX bytes: its length or -errno. */
static int read_name(const struct fetch_mem *mem, const struct entry *d, char *buf)
{
	if (!d->len || d->len > PATH_NAME_MAX)
		return -EBADMSG;
	if (mem->read(mem->ctx, d->name, buf, d->len))
		return -EFAULT;
	return memchr(buf, 0, d->len) || memchr(buf, '/', d->len) ? -EBADMSG : (int)d->len;
}

int path_last(const struct fetch_mem *mem, const struct path_layout *l, uint64_t dentry, char *buf, size_t cap)
{
	char name[PATH_NAME_MAX];
	struct entry d;
	int n = read_entry(mem, l, dentry, &d);

	n = n ? n : read_name(mem, &d, name);
	if (n < 0)
		return n;
	if ((size_t)n >= cap)
		return -ENAMETOOLONG;
	memcpy(buf, name, (size_t)n);
	buf[n] = 0;
	return n;
}

/* From the root of a mounted file system to where it is mounted. 1: it is mounted nowhere; 0; or -errno. */
static int cross(const struct fetch_mem *mem, const struct path_layout *l, uint64_t *mount, uint64_t *dentry)
{
	uint64_t parent, point;

	if (mem->read(mem->ctx, *mount + l->mount_parent, &parent, 8) ||
		mem->read(mem->ctx, *mount + l->mount_point, &point, 8))
		return -EFAULT;
	if (!parent || parent == *mount)
		return 1;
	*mount = parent;
	*dentry = point;
	return 0;
}

int path_of(const struct fetch_mem *mem, const struct path_layout *l, uint64_t mnt, uint64_t dentry,
	char *buf, size_t cap)
{
	struct backwards b;
	uint64_t mount = mnt - l->mount_mnt;
	unsigned mounts = 0;
	bool deleted = false, first = true;

	b.at = sizeof(b.text);
	for (;;) {
		char name[PATH_NAME_MAX];
		struct entry d;
		int n = read_entry(mem, l, dentry, &d);

		if (n)
			return n;
		if (d.parent == dentry) {
			if (++mounts > MOUNTS_MAX)
				return -EBADMSG;
			n = cross(mem, l, &mount, &dentry);
			if (n < 0)
				return n;
			if (n)
				break;
			continue;
		}
		deleted |= first && !d.hashed;
		first = false;
		n = read_name(mem, &d, name);
		n = n < 0 ? n : put_before(&b, name, (size_t)n);
		if (n)
			return n;
		dentry = d.parent;
	}
	return finish(&b, deleted ? " (deleted)" : "", buf, cap);
}

/* A string of at most PATH_NAME_MAX bytes: its length or -errno. */
static int read_string(const struct fetch_mem *mem, uint64_t gva, char *buf)
{
	size_t n = 0;

	while (n < PATH_NAME_MAX) {
		size_t step = STRING_STEP - (gva + n) % STRING_STEP;
		const char *end;

		step = step < PATH_NAME_MAX - n ? step : PATH_NAME_MAX - n;
		if (mem->read(mem->ctx, gva + n, buf + n, step))
			return -EFAULT;
		end = memchr(buf + n, 0, step);
		if (end)
			return (int)(end - buf);
		n += step;
	}
	return -EBADMSG;
}

int path_of_kernfs(const struct fetch_mem *mem, const struct path_layout *l, uint64_t kn, char *buf, size_t cap)
{
	struct backwards b;

	b.at = sizeof(b.text);
	if (l->kn_name == MEMBER_ABSENT || l->kn_parent == MEMBER_ABSENT)
		return -ENOENT;
	for (unsigned i = 0;; i++) {
		char name[PATH_NAME_MAX];
		uint64_t parent, text;
		int n;

		if (i == NODES_MAX)
			return -EBADMSG;
		if (mem->read(mem->ctx, kn + l->kn_parent, &parent, 8) ||
			mem->read(mem->ctx, kn + l->kn_name, &text, 8))
			return -EFAULT;
		if (!parent) /* the root, which has no name */
			break;
		n = read_string(mem, text, name);
		if (n < 0)
			return n;
		if (!n || memchr(name, '/', (size_t)n))
			return -EBADMSG;
		n = put_before(&b, name, (size_t)n);
		if (n)
			return n;
		kn = parent;
	}
	return finish(&b, "", buf, cap);
}
