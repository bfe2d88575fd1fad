/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sockets_fuzz.c - guest memory is the input over and over, full of pointers into itself: paths, cgroups, sockets,
 * queues, pages of files and the tree of names are followed through it. All of it ends, after a bounded number of reads.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/dcache.h"
#include "guest/filepages.h"
#include "guest/path.h"
#include "guest/unixsock.h"
#include "source/unix/queue.h"

#define BASE 0xffff888000000000ULL
#define SIZE (64u << 10)
#define READS_MAX 3000000

static uint8_t ram[SIZE];
static unsigned long reads;

static int read_ram(void *ctx, uint64_t gva, void *buf, size_t len)
{
	(void)ctx;
	if (++reads > READS_MAX)
		abort();
	/* Any pointer leads here: by its low bits. */
	gva &= SIZE - 1;
	if (SIZE - gva < len)
		return -EFAULT;
	memcpy(buf, ram + gva, len);
	return 0;
}

static void each(void *ctx, const struct unix_socket *s)
{
	(void)ctx;
	(void)s;
}

static bool visit(void *ctx, const struct dcache_found *f)
{
	(void)ctx;
	if (f->path_len >= PATH_LEN_MAX || strlen(f->path) != f->path_len)
		abort();
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct path_layout paths = {.d_parent = 0x18, .d_name = 0x20, .d_pprev = 0x10, .q_len = 4,
		.q_name = 8, .mount_mnt = 0x20, .mount_parent = 0x10, .mount_point = 0x18, .kn_name = 0x10, .kn_parent = 8};
	static const struct filepages_layout files = {.page_offset = BASE, .vmemmap = BASE, .page_size = 64,
		.page_index = 32, .f_inode = 32, .f_mapping = 40, .i_size = 80, .pages = 16, .node_slots = 40, .fp_files = 40};
	struct unix_layout socks = {.table = BASE, .bound = BASE, .bound_len = 2048, .net_list = 8, .net_buckets = 24,
		.family = 16, .state = 18, .type = 32, .node = 40, .bind_node = 48, .queue = 56, .path = 80, .span = 96};
	static const struct dcache_layout names = {.parent = 0x18, .seq = 4, .kids = 0xa0, .sib = 0x90, .i_nlink = 0x48,
		.i_size = 0x50, .mtime = 0x68, .mtime_nsec = 0x70, .i_owner = 0xa0, .state = 0x48, .state_len = 0x30,
		.mount_mnt = 0x20, .mount_root = 0x20, .mount_point = 0x18, .mount_kids = 0x60, .mount_sib = 0x70, .root = BASE};
	const struct fetch_mem mem = {.read = read_ram};
	static char buf[PATH_LEN_MAX + 1];
	uint64_t at, skb[64], heads[UNIX_BOUND] = {0};
	struct unix_walk w;
	unsigned n;

	if (size < 16)
		return 0;
	memcpy(&at, data, sizeof(at));
	for (size_t o = 0; o < SIZE; o += size)
		memcpy(ram + o, data, SIZE - o < size ? SIZE - o : size);
	reads = 0;
	buf[PATH_LEN_MAX] = 1;
	if (path_of(&mem, &paths, at, at >> 16, buf, PATH_LEN_MAX) >= PATH_LEN_MAX ||
		path_of_kernfs(&mem, &paths, at, buf, PATH_LEN_MAX) >= PATH_LEN_MAX ||
		path_last(&mem, &paths, at, buf, PATH_NAME_MAX + 1) > PATH_NAME_MAX || buf[PATH_LEN_MAX] != 1)
		abort();
	if (data[8] & 1) {
		socks.table = 0;
		socks.nets = at;
	}
	unix_walk_all(&mem, &socks, &w, each, NULL);
	unix_walk_bound(&mem, &socks, heads, &w, each, NULL);
	if (w.sockets > UNIX_WALK_MAX)
		abort();
	queue_look(&mem, at);
	queue_backlog(&mem, at, skb, 64, &n);
	if (n > 64)
		abort();
	filepages_passed(&mem, &files, at, data[9], &skb[0]);
	filepages_size(&mem, &files, at, &skb[0]);
	if (filepages_read(&mem, &files, at, skb[0] & 0xffffff, buf, PATH_LEN_MAX) > PATH_LEN_MAX)
		abort();
	dcache_walk(&mem, &names, &paths, visit, NULL);
	return 0;
}
