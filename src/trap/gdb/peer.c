/* SPDX-License-Identifier: BSD-3-Clause */
/* peer.c - find the process behind a socket of this host (sock_diag(7), proc(5)). */
#include "trap/gdb/peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"

/* States of include/net/tcp_states.h, used for Unix sockets too. */
#define ESTABLISHED 1
#define NEW_DEVICE(dev) ((uint32_t)(major(dev) << 20 | minor(dev))) /* the kernel's own dev_t */

struct unix_sock {
	uint32_t ino, peer, vfs_ino, vfs_dev;
};

/* Call @f for each connected Unix socket until it returns true. Returns whether it did. */
static bool each_unix(bool (*f)(void *ctx, const struct unix_sock *s), void *ctx)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} req = {
		.h = {.nlmsg_len = sizeof(req), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = AF_UNIX, .udiag_states = 1 << ESTABLISHED,
			.udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER},
	};
	_cleanup_fd_ int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_Alignas(struct nlmsghdr) char buf[32768];

	if (nl < 0 || send(nl, &req, sizeof(req), 0) != sizeof(req))
		return false;
	for (;;) {
		ssize_t n = recv(nl, buf, sizeof(buf), 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			struct unix_diag_msg *m = NLMSG_DATA(h);
			struct rtattr *a = (struct rtattr *)(m + 1);
			unsigned left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));
			struct unix_sock s;

			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return false;
			s = (struct unix_sock){.ino = m->udiag_ino};
			for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
				if (a->rta_type == UNIX_DIAG_VFS) {
					struct unix_diag_vfs *v = RTA_DATA(a);

					s.vfs_ino = v->udiag_vfs_ino;
					s.vfs_dev = v->udiag_vfs_dev;
				} else if (a->rta_type == UNIX_DIAG_PEER) {
					memcpy(&s.peer, RTA_DATA(a), sizeof(s.peer));
				}
			}
			if (f(ctx, &s))
				return true;
		}
	}
}

/* A socket accepted by the listener bound to this file; one still in its queue has inode 0. */
static bool accepted_from(void *ctx, const struct unix_sock *s)
{
	const struct stat *st = ctx;

	return s->ino && s->vfs_ino == (uint32_t)st->st_ino && s->vfs_dev == NEW_DEVICE(st->st_dev);
}

struct by_peer {
	uint32_t peer, ino;
};

static bool has_peer(void *ctx, const struct unix_sock *s)
{
	struct by_peer *b = ctx;

	if (!s->ino || s->peer != b->peer)
		return false;
	b->ino = s->ino;
	return true;
}

/* Address and port as /proc/net/tcp and tcp6 print them: words of the address in host order. */
static void proc_form(const struct sockaddr_storage *sa, char out[48])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	uint32_t w[4];

	if (sa->ss_family == AF_INET) {
		snprintf(out, 48, "%08X:%04X", in->sin_addr.s_addr, ntohs(in->sin_port));
		return;
	}
	memcpy(w, &in6->sin6_addr, sizeof(w));
	snprintf(out, 48, "%08X%08X%08X%08X:%04X", w[0], w[1], w[2], w[3], ntohs(in6->sin6_port));
}

/*
 * Inode of an established TCP socket whose own end is @local and, unless NULL, whose other end is
 * @remote; 0 if there is none.
 */
static unsigned long tcp_inode(const struct sockaddr_storage *local, const struct sockaddr_storage *remote)
{
	_cleanup_file_ FILE *f = fopen(local->ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6",
		"re");
	char l[48], r[48] = "", line[512];

	proc_form(local, l);
	if (remote)
		proc_form(remote, r);
	while (f && fgets(line, sizeof(line), f)) {
		char a[48], b[48];
		unsigned state;
		unsigned long ino;

		if (sscanf(line, " %*[^:]: %47s %47s %x %*s %*s %*s %*s %*s %lu", a, b, &state, &ino) == 4 &&
			state == ESTABLISHED && ino && strcmp(a, l) == 0 && (!remote || strcmp(b, r) == 0))
			return ino;
	}
	return 0;
}

bool peer_taken(const struct gdb_addr *a)
{
	struct stat st;

	if (a->sa.ss_family != AF_UNIX)
		return tcp_inode(&a->sa, NULL) != 0;
	if (stat(((const struct sockaddr_un *)&a->sa)->sun_path, &st) != 0)
		return false;
	return each_unix(accepted_from, &st);
}

/* Add the processes that have socket @ino open. */
static int holders(unsigned long ino, pid_t *out, int n, int max)
{
	DIR *proc = opendir("/proc");
	struct dirent *p;
	char want[40];

	snprintf(want, sizeof(want), "socket:[%lu]", ino);
	while (proc && n < max && (p = readdir(proc))) {
		char path[300], link[64];
		struct dirent *d;
		DIR *fds;
		long pid = strtol(p->d_name, NULL, 10);

		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
		fds = opendir(path);
		while (fds && (d = readdir(fds))) {
			ssize_t k = readlinkat(dirfd(fds), d->d_name, link, sizeof(link) - 1);

			if (k <= 0)
				continue;
			link[k] = '\0';
			if (strcmp(link, want) == 0) {
				out[n++] = (pid_t)pid;
				break;
			}
		}
		if (fds)
			closedir(fds);
	}
	if (proc)
		closedir(proc);
	return n;
}

int peer_pids(int fd, pid_t *out, int max)
{
	struct sockaddr_storage me = {0}, other = {0};
	socklen_t ml = sizeof(me), ol = sizeof(other);
	struct ucred cred;
	socklen_t cl = sizeof(cred);
	struct stat st;
	unsigned long ino = 0;
	int n = 0;

	if (max < 1 || getsockname(fd, (struct sockaddr *)&me, &ml) != 0 ||
		getpeername(fd, (struct sockaddr *)&other, &ol) != 0)
		return 0;
	if (me.ss_family == AF_UNIX) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cl) == 0 && cred.pid > 0)
			out[n++] = cred.pid;
		if (fstat(fd, &st) == 0) {
			struct by_peer b = {.peer = (uint32_t)st.st_ino};

			if (each_unix(has_peer, &b))
				ino = b.ino;
		}
	} else if (me.ss_family == AF_INET || me.ss_family == AF_INET6) {
		ino = tcp_inode(&other, &me);
	}
	return ino && n < max ? holders(ino, out, n, max) : n;
}
