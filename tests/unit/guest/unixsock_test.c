/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk of all Unix sockets: by both kinds of tables, and through tables that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guest/unixsock.h"
#include "unit/guest/arena.h"

#define TABLE ARENA_BASE
#define NETS (ARENA_BASE + 8192)
#define BOUND (ARENA_BASE + 12288)
#define SOCKS (ARENA_BASE + 16384)

static const struct unix_layout global = {.table = TABLE, .bound = TABLE, .bound_len = 2048, .family = 16, .state = 18,
	.type = 32, .node = 40, .bind_node = 40, .queue = 56, .path = 80, .span = 96};
static struct unix_layout per_net;
static struct arena a;
static struct fetch_mem mem;
static unsigned seen;
static struct unix_socket last;

static int setup(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	mem = arena_mem(&a);
	per_net = global;
	per_net.table = 0;
	per_net.nets = NETS;
	per_net.net_list = 8;
	per_net.net_buckets = 32;
	per_net.bound = BOUND;
	per_net.bind_node = 48;
	seen = 0;
	return 0;
}

static void count(void *ctx, const struct unix_socket *s)
{
	(void)ctx;
	seen++;
	last = *s;
}

static uint64_t sock(unsigned i, uint64_t next)
{
	const uint64_t gva = SOCKS + 128ULL * i;
	const uint16_t family = 1, type = UNIX_DGRAM;

	arena_put(&a, gva + global.family, &family, 2);
	arena_put(&a, gva + global.type, &type, 2);
	arena_u64(&a, gva + global.node, next ? next + global.node : 0);
	arena_u64(&a, gva + global.path, 7);
	arena_u64(&a, gva + global.path + 8, i + 1);
	return gva;
}

static void one_table(void **state)
{
	uint64_t heads[UNIX_BOUND] = {0};
	struct unix_walk w;

	(void)state;
	arena_u64(&a, TABLE + 8 * 3, sock(0, sock(1, 0)) + global.node);
	arena_u64(&a, TABLE + 8 * 511, sock(2, 0) + global.node);
	assert_int_equal(unix_walk_all(&mem, &global, &w, count, NULL), 0);
	assert_int_equal(seen, 3);
	assert_int_equal(w.sockets, 3);
	assert_int_equal(w.broken, 0);
	assert_int_equal(last.dentry, 3);
	assert_int_equal(last.type, UNIX_DGRAM);
	assert_int_equal(unix_walk_bound(&mem, &global, heads, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 2);
	/* What is new stands first in its chain; the others are left alone. */
	assert_int_equal(unix_walk_bound(&mem, &global, heads, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 0);
	arena_u64(&a, TABLE + 8 * 5, sock(3, 0) + global.node);
	assert_int_equal(unix_walk_bound(&mem, &global, heads, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 1);
	assert_int_equal(last.dentry, 4);
	arena_u64(&a, TABLE + 8 * 3, sock(4, SOCKS) + global.node);
	assert_int_equal(unix_walk_bound(&mem, &global, heads, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 3);
}

static void namespaces(void **state)
{
	const uint64_t net[2] = {ARENA_BASE + 10240, ARENA_BASE + 10496};
	uint64_t heads[UNIX_BOUND] = {0};
	struct unix_walk w;

	(void)state;
	arena_u64(&a, NETS, net[0] + 8);
	arena_u64(&a, net[0] + 8, net[1] + 8);
	arena_u64(&a, net[1] + 8, NETS);
	arena_u64(&a, net[0] + 32, TABLE);
	arena_u64(&a, net[1] + 32, TABLE + 2048); /* its tail is where the next table begins: empty */
	arena_u64(&a, TABLE + 8 * 100, sock(0, 0) + global.node);
	arena_u64(&a, TABLE + 8 * 300, sock(1, 0) + global.node);
	arena_u64(&a, BOUND + 8 * 255, SOCKS + per_net.bind_node);
	assert_int_equal(unix_walk_all(&mem, &per_net, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 3); /* the second one in both */
	assert_int_equal(unix_walk_bound(&mem, &per_net, heads, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 1);
	/* A namespace that is not there ends the walk, with what was seen. */
	arena_u64(&a, net[1] + 32, 0x1000);
	assert_int_equal(unix_walk_all(&mem, &per_net, &w, count, NULL), 0);
	assert_int_equal(w.sockets, 2);
	assert_int_equal(w.broken, 1);
	arena_u64(&a, NETS, 0);
	assert_int_equal(unix_walk_all(&mem, &per_net, &w, count, NULL), -EFAULT);
	/* A list of namespaces that never comes back. */
	arena_u64(&a, NETS, net[0] + 8);
	arena_u64(&a, net[0] + 8, net[0] + 8);
	arena_u64(&a, net[0] + 32, TABLE + 4096);
	assert_int_equal(unix_walk_all(&mem, &per_net, &w, count, NULL), 0);
	assert_true(w.over);
}

/* A chain that bites its own tail, at the end, in the middle; one into nowhere; one of other things. */
static void broken_chains(void **state)
{
	struct unix_walk w;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		sock(i, SOCKS + 128ULL * (i + 1));
	sock(20, SOCKS + 128 * 7);
	arena_u64(&a, TABLE, SOCKS + global.node);
	arena_u64(&a, TABLE + 8, sock(30, SOCKS + 128 * 30) + global.node);
	arena_u64(&a, TABLE + 16, sock(31, 0x1234) + global.node);
	arena_u64(&a, TABLE + 24, SOCKS + 128 * 40 + global.node); /* no socket */
	arena_u64(&a, TABLE + 32, sock(33, 0) + global.node);
	assert_int_equal(unix_walk_all(&mem, &global, &w, count, NULL), 0);
	assert_int_equal(w.broken, 4);
	assert_true(w.sockets < 100);
	assert_int_equal(last.gva, SOCKS + 128 * 33);
	assert_false(w.over);
}

static void ghosts(void **state)
{
	struct unix_socket s;
	const uint16_t other = 2;
	const uint64_t gva = sock(0, 0);

	(void)state;
	assert_int_equal(unix_socket_read(&mem, &global, gva, &s), 0);
	assert_int_equal(s.mnt, 7);
	arena_put(&a, gva + global.family, &other, 2);
	assert_int_equal(unix_socket_read(&mem, &global, gva, &s), -ENOENT);
	assert_int_equal(unix_socket_read(&mem, &global, 0, &s), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_table, setup), cmocka_unit_test_setup(namespaces, setup),
		cmocka_unit_test_setup(broken_chains, setup), cmocka_unit_test_setup(ghosts, setup)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
