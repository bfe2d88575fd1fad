/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unixsock.h - the Unix sockets of a guest: all of them, by the kernel's own tables, and one of them, with care that
 * it still is one.
 *
 *   5.10        one table, unix_socket_table[512]: by the inode of the file they are bound to, or unbound
 *               (net/unix/af_unix.c, include/net/af_unix.h: UNIX_HASH_SIZE 256, times 2)
 *   6.1 to 7.2  a table of 512 in each network namespace (net.unx.table.buckets, include/net/netns/unix.h), and
 *               bsd_socket_buckets[256] with those that are bound to a file, whatever their namespace
 *
 * What the walk follows may be the guest's lie, or change under it: chains that bite their own tail are left, and
 * the number of sockets is limited.
 */
#ifndef LOGVISOR_GUEST_UNIXSOCK_H
#define LOGVISOR_GUEST_UNIXSOCK_H

#include <stdint.h>

#include "fetch/fetch.h"
#include "guest/guest.h"

/* Where things are in one guest. */
struct unix_layout {
	uint64_t table; /* unix_socket_table; 0: tables are per namespace */
	uint64_t bound; /* where a socket that is bound to a file is entered: so many bytes */
	uint32_t bound_len;
	uint64_t nets;  /* net_namespace_list */
	uint32_t net_list, net_buckets;
	/* Of a struct unix_sock: */
	uint32_t family, state, type, node, bind_node, queue, path;
	uint32_t span; /* its bytes that hold all of these */
};

/* Ask @g, before guest_trim(). 0, or -ENOENT with @e naming what the kernel lacks. */
int unix_layout_find(struct unix_layout *l, const struct guest *g, struct err *e);

/* include/net/tcp_states.h */
enum unix_state { UNIX_ESTABLISHED = 1, UNIX_CLOSE = 7, UNIX_LISTEN = 10 };
/* include/linux/net.h */
enum unix_type { UNIX_STREAM = 1, UNIX_DGRAM = 2, UNIX_SEQPACKET = 5 };

struct unix_socket {
	uint64_t gva;         /* of the struct sock */
	uint64_t mnt, dentry; /* what it is bound to, or its listener was; 0: nothing */
	uint16_t type;        /* enum unix_type */
	uint8_t state;        /* enum unix_state */
};

/*
 * Read the socket at @gva. 0; -EFAULT: not readable; -ENOENT: there is no Unix socket (any more).
 */
int unix_socket_read(const struct fetch_mem *mem, const struct unix_layout *l, uint64_t gva, struct unix_socket *s);

#define UNIX_WALK_MAX 65536 /* sockets in a walk */

struct unix_walk {
	unsigned sockets; /* seen */
	unsigned broken;  /* chains that could not be followed to their end */
	bool over;        /* there are more than UNIX_WALK_MAX, or far too many broken chains: some were not seen */
};

typedef void (*unix_each)(void *ctx, const struct unix_socket *s);

/* Call @f for every socket there is. 0, or -EFAULT if the tables themselves are not readable. */
int unix_walk_all(const struct fetch_mem *mem, const struct unix_layout *l, struct unix_walk *w, unix_each f, void *ctx);

#define UNIX_BOUND 256 /* chains of sockets that are bound to a file */

/*
 * The same for those alone that were bound to a file themselves, and only in the chains that do not begin any more as
 * @heads says: one that is new stands first in its chain (hlist_add_head(), 5.10 to 7.2). @heads, at first all 0, is
 * then as they begin now.
 */
int unix_walk_bound(const struct fetch_mem *mem, const struct unix_layout *l, uint64_t heads[UNIX_BOUND],
	struct unix_walk *w, unix_each f, void *ctx);

#endif
