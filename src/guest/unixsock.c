/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest/unixsock.h"

#include <errno.h>
#include <string.h>

#include "guest/members.h"
#include "util/load.h"

#define BUCKETS 512 /* UNIX_HASH_SIZE (5.10: twice) */
#define NETS_MAX 4096
#define BROKEN_MAX 4096 /* chains: then it is no table at all */
#define SPAN_MAX 2048
#define FAMILY_UNIX 1 /* AF_UNIX */

int unix_layout_find(struct unix_layout *l, const struct guest *g, struct err *e)
{
	const struct member_want want[] = {
		{"sock_common", "skc_family", &l->family, MEMBER_MUST},
		{"sock_common", "skc_state", &l->state, MEMBER_MUST},
		{"sock_common", "skc_node", &l->node, MEMBER_MUST},
		{"sock_common", "skc_bind_node", &l->bind_node, MEMBER_MUST},
		{"sock", "sk_type", &l->type, MEMBER_MUST},
		{"sock", "sk_receive_queue", &l->queue, MEMBER_MUST},
		{"unix_sock", "path", &l->path, MEMBER_MUST},
		{"net", "list", &l->net_list, MEMBER_MUST},
		{"net", "unx.table.buckets", &l->net_buckets, MEMBER_MAY},
	};
	int r = members_find(g, want, sizeof(want) / sizeof(want[0]), e);

	if (r)
		return r;
	l->span = l->path + 16;
	if (l->span > SPAN_MAX || l->node > l->span - 8 || l->bind_node > l->span - 8 || l->type > l->span - 2 ||
		l->family > l->span - 2 || l->state >= l->span || l->queue > l->span - 16)
		return err_set(e, ENOENT, "the guest's struct unix_sock is like none known");
	l->bound_len = UNIX_BOUND * 8; /* of unix_socket_table's buckets, or bsd_socket_buckets */
	l->table = l->bound = l->nets = 0;
	if (!guest_symbol(g, "unix_socket_table", &l->table)) {
		l->bound = l->table;
		l->bind_node = l->node;
		return 0;
	}
	if (l->net_buckets == MEMBER_ABSENT || guest_symbol(g, "net_namespace_list", &l->nets) ||
		guest_symbol(g, "bsd_socket_buckets", &l->bound))
		return err_set(e, ENOENT, "the guest's kernel has no table of Unix sockets that is known "
			"(unix_socket_table, or net_namespace_list and bsd_socket_buckets)");
	return 0;
}

static int parse(const struct unix_layout *l, const uint8_t *raw, uint64_t gva, struct unix_socket *s)
{
	if (load_u16(raw + l->family) != FAMILY_UNIX)
		return -ENOENT;
	s->gva = gva;
	s->type = load_u16(raw + l->type);
	s->state = raw[l->state];
	s->mnt = load_u64(raw + l->path);
	s->dentry = load_u64(raw + l->path + 8);
	return 0;
}

int unix_socket_read(const struct fetch_mem *mem, const struct unix_layout *l, uint64_t gva, struct unix_socket *s)
{
	uint8_t raw[SPAN_MAX];

	if (mem->read(mem->ctx, gva, raw, l->span))
		return -EFAULT;
	return parse(l, raw, gva, s);
}

struct walk {
	const struct fetch_mem *mem;
	const struct unix_layout *l;
	struct unix_walk *w;
	unix_each f;
	void *ctx;
	uint32_t node; /* by which the chain goes */
};

/* One chain. Brent's way to see a loop: a mark that is moved on whenever as many nodes were passed again. */
static void chain(const struct walk *k, uint64_t node)
{
	uint64_t mark = 0;
	unsigned passed = 0, until = 1;
	uint8_t raw[SPAN_MAX];

	while (node) {
		const uint64_t gva = node - k->node;
		struct unix_socket s;

		if (k->w->sockets == UNIX_WALK_MAX || k->w->broken == BROKEN_MAX) {
			k->w->over = true;
			return;
		}
		if (node == mark || k->mem->read(k->mem->ctx, gva, raw, k->l->span) || parse(k->l, raw, gva, &s)) {
			k->w->broken++;
			return;
		}
		k->w->sockets++;
		k->f(k->ctx, &s);
		if (++passed == until) {
			passed = 0;
			until *= 2;
			mark = node;
		}
		node = load_u64(raw + k->node);
	}
}

static int table(const struct walk *k, uint64_t gva, unsigned n)
{
	uint64_t bucket[BUCKETS];

	if (k->mem->read(k->mem->ctx, gva, bucket, n * sizeof(bucket[0])))
		return -EFAULT;
	for (unsigned i = 0; i < n; i++)
		chain(k, bucket[i]);
	return 0;
}

/* Each network namespace: a list through net.list. */
static int tables(const struct walk *k)
{
	uint64_t at, buckets;

	if (k->mem->read(k->mem->ctx, k->l->nets, &at, 8))
		return -EFAULT;
	for (unsigned i = 0; at != k->l->nets; i++) {
		if (i == NETS_MAX) {
			k->w->over = true;
			return 0;
		}
		if (k->mem->read(k->mem->ctx, at - k->l->net_list + k->l->net_buckets, &buckets, 8) ||
			table(k, buckets, BUCKETS) || k->mem->read(k->mem->ctx, at, &at, 8)) {
			k->w->broken++;
			return i ? 0 : -EFAULT;
		}
	}
	return 0;
}

int unix_walk_all(const struct fetch_mem *mem, const struct unix_layout *l, struct unix_walk *w, unix_each f, void *ctx)
{
	const struct walk k = {mem, l, w, f, ctx, l->node};

	*w = (struct unix_walk){0};
	return l->table ? table(&k, l->table, BUCKETS) : tables(&k);
}

int unix_walk_bound(const struct fetch_mem *mem, const struct unix_layout *l, uint64_t heads[UNIX_BOUND],
	struct unix_walk *w, unix_each f, void *ctx)
{
	const struct walk k = {mem, l, w, f, ctx, l->bind_node};
	uint64_t now[UNIX_BOUND];

	*w = (struct unix_walk){0};
	if (mem->read(mem->ctx, l->bound, now, sizeof(now)))
		return -EFAULT;
	for (unsigned i = 0; i < UNIX_BOUND; i++)
		if (now[i] != heads[i])
			chain(&k, now[i]);
	memcpy(heads, now, sizeof(now));
	return 0;
}
