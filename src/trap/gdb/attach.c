/* SPDX-License-Identifier: BSD-3-Clause */
/* attach.c - take a stub over from whatever state it is in, learn about the VM, and give it back. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trap/gdb/gdb.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* How long to wait for a stub that another client has: a guardian may be about to free it. */
#define TAKEN_MS 5000
/* How long a free stub may take to say its first word. */
#define HELLO_MS 5000
/* How long attaching may take in all, whatever the stub does. */
#define ATTACH_MS 60000
#define DETACH_MS 5000
#define RETREAT_MS 500
#define XML_MAX (256U << 10)
#define XML_FILES_MAX 64

static int taken(struct gdb *g, struct err *e)
{
	return err_set(e, EBUSY, "gdb:%s: the stub has another client already, or does not answer "
		"(detach the debugger or the other logvisor; the stub serves one at a time)", g->where);
}

/* Connect @fd within the time a stub has for its first word. 0 or -errno. */
static int connect_within(int fd, const struct gdb_addr *a)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int64_t deadline = clock_mono_ms() + HELLO_MS;
	int err;
	socklen_t len = sizeof(err);

	for (;;) {
		err = connect(fd, (const struct sockaddr *)&a->sa, a->len) ? errno : 0;
		if (err != EAGAIN && err != EINTR)
			break;
		/* A Unix listener whose queue is full. */
		if (clock_mono_ms() > deadline)
			return -EBUSY;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	if (err == EINPROGRESS || err == EALREADY) {
		int rc;

		do
			rc = poll(&p, 1, HELLO_MS);
		while (rc < 0 && errno == EINTR && clock_mono_ms() < deadline);
		if (rc != 1)
			return -ETIMEDOUT;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	}
	return -err;
}

static int connect_one(struct gdb *g, const struct gdb_addr *a, struct err *e)
{
	int fd, rc;

	for (int64_t deadline = clock_mono_ms() + TAKEN_MS; peer_taken(a);) {
		if (clock_mono_ms() > deadline)
			return taken(g, e);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, errno, "gdb:%s: %s", g->where, strerror(errno));
	/* Before connecting, as that stops the VM. */
	rc = guardian_start(&g->guardian, fd, a, e);
	if (rc) {
		close(fd);
		return rc;
	}
	rc = connect_within(fd, a);
	if (rc) {
		guardian_end(&g->guardian, true);
		close(fd);
		if (rc == -EBUSY)
			return taken(g, e);
		return err_set(e, -rc, "gdb:%s: %s%s", g->where, strerror(-rc),
			rc == -ENOENT || rc == -ECONNREFUSED ?
				" (is the VM running, with -gdb unix:PATH,server=on,wait=off?)" : "");
	}
	if (a->sa.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	conn_init(&g->c, fd, a->sa.ss_family != AF_UNIX, g->where);
	return 0;
}

static int connect_any(struct gdb *g, const char *target, struct err *e)
{
	struct gdb_target t;
	struct gdb_addr addr[8];
	int n, rc;

	rc = gdb_target_parse(&t, target, e);
	if (rc)
		return rc;
	if (t.is_unix)
		snprintf(g->where, sizeof(g->where), "%s", t.path);
	else
		snprintf(g->where, sizeof(g->where), "%s:%s", t.host, t.port);
	n = gdb_target_resolve(&t, addr, 8, e);
	if (n < 0)
		return n;
	rc = -EHOSTUNREACH;
	for (int i = 0; i < n; i++) {
		rc = connect_one(g, &addr[i], e);
		if (rc == 0 || rc == -EBUSY)
			break;
	}
	return rc;
}

/* Read annex @name of the target description; caller frees. NULL with @e. */
static char *read_xml(struct gdb *g, const char *name, struct err *e)
{
	char *text = malloc(XML_MAX), cmd[128];
	size_t n = 0;

	while (text) {
		int rc;

		snprintf(cmd, sizeof(cmd), "qXfer:features:read:%s:%zx,ffb", name, n);
		rc = conn_request(&g->c, cmd, GDB_REPLY_MS, e);
		if (rc || g->c.len == 0 || (g->c.pkt[0] != 'l' && g->c.pkt[0] != 'm') ||
			n + g->c.len > XML_MAX) {
			if (rc == 0)
				err_set(e, 0, "gdb:%s: no target description \"%s\"", g->where, name);
			free(text);
			return NULL;
		}
		memcpy(text + n, g->c.pkt + 1, g->c.len - 1);
		n += g->c.len - 1;
		text[n] = '\0';
		if (g->c.pkt[0] == 'l')
			return text;
		if (g->c.len == 1) {
			err_set(e, 0, "gdb:%s: endless target description", g->where);
			free(text);
			return NULL;
		}
	}
	err_set(e, 0, "gdb:%s: out of memory", g->where);
	return NULL;
}

/* Registers have numbers, and 'p' answers, only once the description was read. */
static int read_description(struct gdb *g, struct err *e)
{
	_cleanup_free_ char *top = read_xml(g, "target.xml", e);
	char name[64];

	if (!top)
		return -ENOTSUP;
	regs_init(&g->regs);
	regs_scan(&g->regs, top);
	for (unsigned i = 0; i < XML_FILES_MAX && regs_include(top, i, name, sizeof(name)) == 0; i++) {
		_cleanup_free_ char *part = read_xml(g, name, e);

		if (!part)
			return -ENOTSUP;
		regs_scan(&g->regs, part);
	}
	if (g->regs.num[REG_PC] < 0)
		return err_set(e, ENOTSUP, "gdb:%s: the target description has no program counter",
			g->where);
	return 0;
}

/* The list of threads: one per vCPU, in their order. */
static int read_vcpus(struct gdb *g, struct err *e)
{
	int rc = conn_request(&g->c, "qfThreadInfo", GDB_REPLY_MS, e);

	while (rc == 0 && g->c.len && g->c.pkt[0] == 'm') {
		const char *p = g->c.pkt + 1, *end = g->c.pkt + g->c.len;

		for (;;) {
			if (g->vcpus == GDB_VCPUS_MAX)
				return err_set(e, E2BIG, "gdb:%s: more than %u vCPUs", g->where,
					GDB_VCPUS_MAX);
			if (!rsp_thread(&p, end, &g->vcpu[g->vcpus].pid, &g->vcpu[g->vcpus].tid))
				return err_set(e, EPROTO, "gdb:%s: bad list of vCPUs \"%.40s\"",
					g->where, g->c.pkt);
			g->vcpus++;
			if (p == end || *p != ',')
				break;
			p++;
		}
		rc = conn_request(&g->c, "qsThreadInfo", GDB_REPLY_MS, e);
	}
	if (rc)
		return rc;
	if (g->vcpus == 0)
		return err_set(e, ENOTSUP, "gdb:%s: the stub lists no vCPU", g->where);
	return 0;
}

/* Is there a mark (guardian.h)? A stub that cannot carry one has none. */
static int read_mark(struct gdb *g, bool *marked, struct err *e)
{
	int rc = conn_request(&g->c, "qqemu.sstep", GDB_REPLY_MS, e);

	*marked = rc == 0 && (strcmp(g->c.pkt, "0x0") == 0 || strcmp(g->c.pkt, "0") == 0);
	return rc;
}

/* Take the mark away, by the flags this VMM has: KVM may lack some. */
static void unmark(struct gdb *g)
{
	static const char *const flags[] = {GDB_UNMARK, "Qqemu.sstep=3", "Qqemu.sstep=1"};
	struct err ignored;

	for (unsigned i = 0; i < 3 && conn_request_ok(&g->c, flags[i], &ignored) == -EINVAL; i++)
		;
}

/* QEMU before 8.1 announces to a new client that connecting stopped the VM; later ones do not. */
static bool tells_of_stop(struct gdb *g)
{
	char text[256] = "";
	struct err ignored;
	unsigned major, minor;

	return conn_monitor(&g->c, "info version", text, sizeof(text), &ignored) == 0 &&
		sscanf(text, "%u.%u", &major, &minor) == 2 && (major < 8 || (major == 8 && minor < 1));
}

/*
 * Was the VM stopped before we came? Connecting stops a VM that runs ("paused"); a client that died may
 * have left it so, or at a watchpoint ("paused (debug)"): those we let run in the end. Not ours to overrule
 * is any other reason in parentheses (prelaunch, io-error, guest-panicked, ...), nor its owner's.
 */
static int read_status(struct gdb *g, bool was_running, struct err *e)
{
	char text[256] = "";
	bool marked;
	int rc = read_mark(g, &marked, e);

	if (rc)
		return rc;
	rc = conn_monitor(&g->c, "info status", text, sizeof(text), e);
	if (rc && rc != -ENOTSUP)
		return rc;
	if (strchr(text, '('))
		g->paused = !strstr(text, "(debug)");
	else
		g->paused = !was_running && !marked && tells_of_stop(g);
	guardian_leave_paused(&g->guardian, g->paused);
	rc = conn_request(&g->c, GDB_MARK, GDB_REPLY_MS, e);
	return rc;
}

static void note_stop(void *ctx, const struct rsp_stop *s)
{
	struct gdb *g = ctx;

	g->saw_stop = true;
	if (s->signal == 5) {
		g->rang = true;
		g->ring = *s;
	}
}

/* Send what frees the VM if ours is only the next in the queue, and give up. */
static void retreat(struct gdb *g)
{
	char bytes[128];
	struct err ignored;

	g->c.give_up = clock_mono_ms() + RETREAT_MS;
	if (conn_send(&g->c, bytes, guardian_disarm(bytes), &ignored) == 0)
		conn_send(&g->c, bytes, guardian_detach(bytes), &ignored);
	guardian_end(&g->guardian, true);
	close(g->c.fd);
}

int gdb_open(struct gdb *g, const char *target, struct err *e)
{
	/* Ends what a client that died in the middle of a packet has left (guardian.c). */
	static const char rest[] = "++#00#00#00";
	bool was_running;
	int rc;

	ram_init(&g->ram);
	rc = connect_any(g, target, e);
	if (rc)
		return rc;
	g->held = true;
	g->c.give_up = clock_mono_ms() + ATTACH_MS;
	rc = conn_send(&g->c, rest, sizeof(rest) - 1, e);
	g->c.ctx = g;
	g->c.stop = note_stop;
	/* Its "#00" may be refused, as it should; what follows is not. */
	g->c.ignore_naks = true;
	if (rc == 0)
		rc = conn_request(&g->c, "qSupported:multiprocess+;vContSupported+", HELLO_MS, e);
	if (rc) {
		retreat(g);
		return rc == -ETIMEDOUT ? taken(g, e) : rc;
	}
	if (!strstr(g->c.pkt, "PacketSize=")) {
		rc = err_set(e, EPROTO, "gdb:%s: what answers there is not a GDB stub", g->where);
		retreat(g);
		return rc;
	}
	g->c.ignore_naks = false;
	was_running = g->saw_stop;
	/* Clears every break- and watchpoint, whoever left it. */
	rc = conn_request(&g->c, "?", GDB_REPLY_MS, e);
	g->rang = false;
	if (rc == 0)
		rc = read_status(g, was_running, e);
	if (rc == 0)
		rc = read_description(g, e);
	if (rc == 0)
		rc = read_vcpus(g, e);
	if (rc == 0) {
		g->phys = true; /* unknown: make sure it is off */
		rc = gdb_phys(g, false, e);
	}
	if (rc == 0)
		rc = gdb_map_ram(g, e);
	g->c.give_up = 0;
	if (rc)
		gdb_close(g);
	return rc;
}

void gdb_close(struct gdb *g)
{
	struct err ignored;
	bool clean = false, was;

	/* If the stub does not answer now, the guardian tries on. */
	g->c.give_up = clock_mono_ms() + DETACH_MS;
	if (g->dead) {
		clean = true;
	} else if (gdb_enter(g, &was, &ignored) == 0 && gdb_phys(g, false, &ignored) == 0 &&
		conn_request(&g->c, "?", GDB_REPLY_MS, &ignored) == 0) {
		unmark(g);
		/* Detaching lets the VM run; a VM that others stopped is only left alone. */
		clean = g->paused || conn_request_ok(&g->c, "D;1", &ignored) == 0;
		/* Acknowledged, else the next client's first byte is lost. */
		conn_send(&g->c, "+", 1, &ignored);
	}
	guardian_end(&g->guardian, clean);
	close(g->c.fd);
	ram_unbind(&g->ram);
	free(g->site);
}
