/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths out of dentries, mounts and kernfs nodes; and those that lead nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guest/path.h"
#include "unit/guest/arena.h"

/* As on Linux 6.1. */
static const struct path_layout layout = {.d_parent = 0x18, .d_name = 0x20, .d_pprev = 0x10, .q_len = 4, .q_name = 8,
	.mount_mnt = 0x20, .mount_parent = 0x10, .mount_point = 0x18, .kn_name = 0x10, .kn_parent = 8};
static struct arena a;
static struct fetch_mem mem;
static uint64_t at;
static char buf[PATH_LEN_MAX];

static int setup(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	mem = arena_mem(&a);
	at = ARENA_BASE + 4096;
	return 0;
}

static uint64_t room(size_t n)
{
	uint64_t gva = at;

	at += (n + 63) / 64 * 64;
	return gva;
}

/* @parent 0: a root. */
static uint64_t dentry(uint64_t parent, const char *name)
{
	uint64_t d = room(192), text = room(256);

	arena_u64(&a, d + layout.d_parent, parent ? parent : d);
	arena_u64(&a, d + layout.d_pprev, 1);
	arena_u32(&a, d + layout.d_name + 4, (uint32_t)strlen(name));
	arena_u64(&a, d + layout.d_name + 8, text);
	arena_put(&a, text, name, strlen(name) + 1);
	return d;
}

/* What struct path has of it. */
static uint64_t mount(uint64_t parent_mnt, uint64_t point)
{
	uint64_t m = room(192);

	arena_u64(&a, m + layout.mount_parent, parent_mnt ? parent_mnt - layout.mount_mnt : m);
	arena_u64(&a, m + layout.mount_point, point);
	return m + layout.mount_mnt;
}

static void across_mounts(void **state)
{
	uint64_t root = dentry(0, "/"), run = dentry(root, "run"), top = mount(0, root);
	uint64_t tmp = dentry(0, "/"), below = mount(top, run), systemd = dentry(tmp, "systemd");
	uint64_t sock = dentry(systemd, "socket");

	(void)state;
	assert_int_equal(path_of(&mem, &layout, below, sock, buf, sizeof(buf)), 19);
	assert_string_equal(buf, "/run/systemd/socket");
	assert_int_equal(path_of(&mem, &layout, top, root, buf, sizeof(buf)), 1);
	assert_string_equal(buf, "/");
	assert_int_equal(path_of(&mem, &layout, below, tmp, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "/run");
	assert_int_equal(path_last(&mem, &layout, sock, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "socket");
	assert_int_equal(path_of(&mem, &layout, below, sock, buf, 19), -ENAMETOOLONG);
	assert_int_equal(path_of(&mem, &layout, below, sock, buf, 20), 19);
}

static void unlinked(void **state)
{
	uint64_t root = dentry(0, "/"), top = mount(0, root), log = dentry(root, "log");

	(void)state;
	arena_u64(&a, log + layout.d_pprev, 0);
	assert_true(path_of(&mem, &layout, top, log, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "/log (deleted)");
}

/* Lies: each ends in an error, soon. */
static void lies(void **state)
{
	uint64_t root = dentry(0, "/"), top = mount(0, root), x = dentry(root, "x"), y = dentry(x, "y");
	uint64_t bad = dentry(root, "a/b"), m, n;

	(void)state;
	arena_u64(&a, x + layout.d_parent, y);
	assert_int_equal(path_of(&mem, &layout, top, y, buf, sizeof(buf)), -ENAMETOOLONG);
	assert_int_equal(path_of(&mem, &layout, top, bad, buf, sizeof(buf)), -EBADMSG);
	arena_u32(&a, bad + layout.d_name + 4, 256);
	assert_int_equal(path_of(&mem, &layout, top, bad, buf, sizeof(buf)), -EBADMSG);
	arena_u32(&a, bad + layout.d_name + 4, 0);
	assert_int_equal(path_of(&mem, &layout, top, bad, buf, sizeof(buf)), -EBADMSG);
	assert_int_equal(path_of(&mem, &layout, top, 0, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(path_of(&mem, &layout, 8, root, buf, sizeof(buf)), -EFAULT);
	/* Two mounts on each other's root. */
	m = mount(top, root);
	n = mount(m, root);
	arena_u64(&a, m - layout.mount_mnt + layout.mount_parent, n - layout.mount_mnt);
	a.reads = 0;
	assert_int_equal(path_of(&mem, &layout, m, root, buf, sizeof(buf)), -EBADMSG);
	assert_true(a.reads < 2000);
}

static uint64_t node(uint64_t parent, const char *name)
{
	uint64_t kn = room(128), text = room(300);

	arena_u64(&a, kn + layout.kn_parent, parent);
	arena_u64(&a, kn + layout.kn_name, text);
	arena_put(&a, text, name, strlen(name) + 1);
	return kn;
}

static void cgroups(void **state)
{
	struct path_layout none = layout;
	uint64_t root = node(0, ""), slice = node(root, "system.slice"), cron = node(slice, "cron.service");

	(void)state;
	assert_int_equal(path_of_kernfs(&mem, &layout, cron, buf, sizeof(buf)), 26);
	assert_string_equal(buf, "/system.slice/cron.service");
	assert_int_equal(path_of_kernfs(&mem, &layout, root, buf, sizeof(buf)), 1);
	assert_string_equal(buf, "/");
	none.kn_parent = UINT32_MAX;
	assert_int_equal(path_of_kernfs(&mem, &none, cron, buf, sizeof(buf)), -ENOENT);
	arena_u64(&a, slice + layout.kn_parent, cron);
	assert_true(path_of_kernfs(&mem, &layout, cron, buf, sizeof(buf)) < 0);
	arena_u64(&a, cron + layout.kn_name, ARENA_BASE + ARENA_SIZE);
	assert_int_equal(path_of_kernfs(&mem, &layout, cron, buf, sizeof(buf)), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(across_mounts, setup), cmocka_unit_test_setup(unlinked, setup),
		cmocka_unit_test_setup(lies, setup), cmocka_unit_test_setup(cgroups, setup)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
