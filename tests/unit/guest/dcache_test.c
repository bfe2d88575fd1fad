/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree of a guest's names, through mounts, with lists of either kind; and lies, each of which ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guest/dcache.h"
#include "unit/guest/arena.h"

/* As on Linux 6.1. */
static const struct path_layout paths = {.d_parent = 0x18, .d_name = 0x20, .d_pprev = 0x10, .q_len = 4, .q_name = 8,
	.mount_mnt = 0x20, .mount_parent = 0x10, .mount_point = 0x18};
static struct dcache_layout l;
static struct arena a;
static struct fetch_mem mem;
static uint64_t at;
static char seen[4096];
static unsigned visits;

static int setup(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	mem = arena_mem(&a);
	at = ARENA_BASE + 4096;
	l = (struct dcache_layout){.parent = 0x18, .seq = 4, .kids = 0xa0, .sib = 0x90, .i_nlink = 0x48, .i_size = 0x50,
		.mtime = 0x68, .mtime_nsec = 0x70, .i_owner = 0xa0, .state = 0x48, .state_len = 0x30, .mount_mnt = 0x20,
		.mount_root = 0x20, .mount_point = 0x18, .mount_kids = 0x60, .mount_sib = 0x70};
	return 0;
}

static uint64_t room(size_t n)
{
	uint64_t gva = at;

	at += (n + 63) / 64 * 64;
	return gva;
}

static uint64_t word(uint64_t gva)
{
	uint64_t v = 0;

	assert_int_equal(arena_read(&a, gva, &v, 8), 0);
	return v;
}

/* list_add(), hlist_add_head() */
static void add_child(uint64_t head, uint64_t link)
{
	arena_u64(&a, link, word(head));
	arena_u64(&a, head, link);
}

static uint64_t dentry(uint64_t parent, const char *name)
{
	uint64_t d = room(192), text = room(64);

	arena_u64(&a, d + l.parent, parent ? parent : d);
	arena_u64(&a, d + paths.d_pprev, 1);
	arena_u32(&a, d + paths.d_name + 4, (uint32_t)strlen(name));
	arena_u64(&a, d + paths.d_name + 8, text);
	arena_put(&a, text, name, strlen(name));
	arena_u64(&a, d + l.kids, l.hlist ? 0 : d + l.kids);
	if (parent)
		add_child(parent + l.kids, d + l.sib);
	return d;
}

static uint64_t mount(uint64_t parent, uint64_t point, uint64_t root)
{
	uint64_t m = room(192);

	arena_u64(&a, m + l.mount_root, root);
	arena_u64(&a, m + l.mount_point, point);
	arena_u64(&a, m + l.mount_kids, m + l.mount_kids);
	if (parent)
		add_child(parent + l.mount_kids, m + l.mount_sib);
	return m;
}

static bool visit(void *ctx, const struct dcache_found *f)
{
	(void)ctx;
	visits++;
	assert_int_equal(strlen(f->path), f->path_len);
	if (strlen(seen) + f->path_len + 2 < sizeof(seen)) {
		strcat(seen, f->path);
		strcat(seen, " ");
	}
	return strcmp(f->path, "/home") != 0;
}

static int walk(void)
{
	seen[0] = 0;
	visits = 0;
	return dcache_walk(&mem, &l, &paths, visit, NULL);
}

static void tree(void)
{
	uint64_t initial = dentry(0, "/"), root = dentry(0, "/"), var = dentry(root, "var"), home = dentry(root, "home"), log;
	uint64_t other = dentry(0, "/");

	dentry(home, "hidden");
	log = dentry(var, "log");
	dentry(log, "behind"); /* the mount */
	dentry(dentry(other, "nginx"), "access.log");
	dentry(other, "a/b"); /* no name */
	l.root = mount(0, 0, initial);
	mount(mount(l.root, initial, root), log, other);
	assert_int_equal(walk(), 0);
	assert_string_equal(seen, "/ /home /var /var/log /var/log/nginx /var/log/nginx/access.log ");
}

static void by_lists(void **state)
{
	(void)state;
	tree();
}

static void by_hlists(void **state)
{
	(void)state;
	l.hlist = true;
	tree();
}

static void lies(void **state)
{
	uint64_t root = dentry(0, "/"), x = dentry(root, "x"), y;

	(void)state;
	l.root = mount(0, 0, root);
	/* a child that is its own sibling, and its own child */
	arena_u64(&a, x + l.sib, x + l.sib);
	arena_u64(&a, x + l.kids, x + l.sib);
	assert_int_equal(walk(), -E2BIG);
	assert_in_range(visits, 2, DCACHE_VISITS_MAX + 1);
	/* nowhere */
	arena_u64(&a, x + l.sib, 8);
	arena_u64(&a, x + l.kids, 8);
	assert_int_equal(walk(), 0);
	assert_string_equal(seen, "/ /x ");
	/* a mount on itself, mounts in a ring */
	y = mount(l.root, root, root);
	arena_u64(&a, y + l.mount_sib, y + l.mount_sib);
	walk();
	l.root = 8;
	assert_int_equal(walk(), 0);
	assert_int_equal(visits, 0);
}

static void inodes(void **state)
{
	uint64_t inode = room(512);
	struct dcache_state s;

	(void)state;
	arena_u32(&a, inode + l.i_nlink, 2);
	arena_u64(&a, inode + l.i_size, 12345);
	arena_u64(&a, inode + l.mtime, 1700000000);
	arena_u32(&a, inode + l.mtime_nsec, 5);
	assert_int_equal(dcache_state_read(&mem, &l, inode, &s), 0);
	assert_true(s.nlink == 2 && s.size == 12345 && s.mtime == 1700000000 && s.mtime_nsec == 5);
	assert_int_equal(dcache_state_read(&mem, &l, 8, &s), -EFAULT);
	/* held for writing, with a flag; by readers; by nobody */
	arena_u64(&a, inode + l.i_owner, (ARENA_BASE + 64) | 2);
	assert_true(dcache_owner(&mem, &l, inode) == ARENA_BASE + 64);
	arena_u64(&a, inode + l.i_owner, (ARENA_BASE + 64) | 1);
	assert_int_equal(dcache_owner(&mem, &l, inode), 0);
	l.i_owner = UINT32_MAX;
	assert_int_equal(dcache_owner(&mem, &l, inode), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(by_lists, setup),
		cmocka_unit_test_setup(by_hlists, setup),
		cmocka_unit_test_setup(lies, setup),
		cmocka_unit_test_setup(inodes, setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
