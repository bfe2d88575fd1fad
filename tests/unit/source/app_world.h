/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app_world.h - the source of log sockets over any memory that is said to be a guest's: its own code from the copy at
 * a trap, or the look at a queue, to the record, with the offsets that this small world has. Include it once.
 */
#ifndef LOGVISOR_TESTS_APP_WORLD_H
#define LOGVISOR_TESTS_APP_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "fetch/unix.h"
#include "source/sender/sender.c"
#include "source/unix/unix.h"
#include "source/unix/watch_impl.h"
#include "unit/guest/arena.h"

extern const struct source_ops source_unix;

/* Objects, by their distance from the base of the direct map. */
enum {
	WORLD_TABLE = 0x100, WORLD_SOCK = 0x1000, WORLD_PEER = 0x1100, WORLD_SKB = 0x1400, WORLD_DATA = 0x4000, WORLD_MNT = 0x1800,
	WORLD_DENTRY = 0x1900, WORLD_PARENT = 0x1a00, WORLD_ROOT = 0x1b00, WORLD_TASK = 0x2000, WORLD_CRED = 0x2200,
	WORLD_MM = 0x2300, WORLD_FILE = 0x2400, WORLD_CSS = 0x2500, WORLD_CGROUP = 0x2600, WORLD_KN = 0x2700, WORLD_FP = 0x2800,
	WORLD_GS = 0x2900, WORLD_PID = 0x2a00, WORLD_PAGES = 0x8000,
};

static struct world {
	struct applog l;
	struct fetch_mem mem;
} world;

#define B ARENA_BASE
#define WORLD_TEXT "<14>prog[7]: the message"

static struct arena world_ram;
static struct fetch_mem world_mem;

static inline void world_name(uint64_t dentry, uint64_t parent, const char *name)
{
	arena_u64(&world_ram, dentry + 0x10, B); /* d_pprev: hashed */
	arena_u64(&world_ram, dentry + 0x18, parent);
	arena_u32(&world_ram, dentry + 0x24, (uint32_t)strlen(name));
	arena_u64(&world_ram, dentry + 0x28, dentry + 0x38);
	arena_u64(&world_ram, dentry + 0x30, B + 0x40);
	arena_put(&world_ram, dentry + 0x38, name, strlen(name) + 1);
}

static inline void world_link(uint64_t at, uint64_t next, uint64_t prev)
{
	arena_u64(&world_ram, at, next);
	arena_u64(&world_ram, at + 8, prev);
}

static inline void world_skb(uint64_t skb, uint64_t data, uint32_t len)
{
	arena_u64(&world_ram, skb + 24, B + WORLD_PEER);
	arena_u64(&world_ram, skb + 40, B + WORLD_PID);
	arena_u32(&world_ram, skb + 112, len);
	arena_u32(&world_ram, skb + 184, 0x200);
	arena_u64(&world_ram, skb + 192, data);
	arena_u64(&world_ram, skb + 200, data);
}

/* /dev/log, its queue empty, a message for it, and the task that sends it. */
static inline void world_make(void)
{
	const uint64_t list = B + WORLD_SOCK + 56;
	uint16_t family = 1, type = UNIX_DGRAM;

	memset(&world_ram, 0, sizeof(world_ram));
	world_mem = arena_mem(&world_ram);
	world_name(B + WORLD_DENTRY, B + WORLD_PARENT, "log");
	world_name(B + WORLD_PARENT, B + WORLD_ROOT, "dev");
	world_name(B + WORLD_ROOT, B + WORLD_ROOT, "/");
	arena_u64(&world_ram, B + WORLD_MNT - 0x20 + 0x10, B + WORLD_MNT - 0x20);
	arena_put(&world_ram, B + WORLD_SOCK + 16, &family, 2);
	arena_put(&world_ram, B + WORLD_SOCK + 32, &type, 2);
	world_link(list, list, list);
	arena_u64(&world_ram, B + WORLD_SOCK + 80, B + WORLD_MNT);
	arena_u64(&world_ram, B + WORLD_SOCK + 88, B + WORLD_DENTRY);
	arena_u64(&world_ram, B + WORLD_PEER + 112, B + WORLD_SOCK);
	arena_u64(&world_ram, B + WORLD_TABLE, B + WORLD_SOCK + 40); /* entered by its node */
	arena_put(&world_ram, B + WORLD_DATA, WORLD_TEXT, strlen(WORLD_TEXT));
	world_skb(B + WORLD_SKB, B + WORLD_DATA, (uint32_t)strlen(WORLD_TEXT));
	arena_u64(&world_ram, B + WORLD_GS + 0x40, B + WORLD_TASK);
	arena_u32(&world_ram, B + WORLD_TASK + 100, 7);
	arena_u32(&world_ram, B + WORLD_TASK + 104, 7);
	arena_put(&world_ram, B + WORLD_TASK + 120, "prog", 5);
	arena_u64(&world_ram, B + WORLD_TASK + 136, B + WORLD_CRED);
	arena_u64(&world_ram, B + WORLD_TASK + 144, B + WORLD_MM);
	arena_u64(&world_ram, B + WORLD_TASK + 152, B + WORLD_TASK);
	arena_u64(&world_ram, B + WORLD_TASK + 160, B + WORLD_TASK);
	arena_u64(&world_ram, B + WORLD_TASK + 176, B + WORLD_CSS);
	arena_u64(&world_ram, B + WORLD_MM + 8, B + WORLD_FILE);
	arena_u64(&world_ram, B + WORLD_FILE + 16, B + WORLD_MNT);
	arena_u64(&world_ram, B + WORLD_FILE + 24, B + WORLD_DENTRY);
	arena_u64(&world_ram, B + WORLD_CSS + 8, B + WORLD_CGROUP);
	arena_u64(&world_ram, B + WORLD_CGROUP + 8, B + WORLD_KN);
	arena_u64(&world_ram, B + WORLD_KN + 0x18, B + WORLD_DENTRY + 0x38);
}

static const struct applog_kind world_kind = {&source_unix, "log sockets", TRAPS_SOCKETS, unix_take};

static inline struct app_geometry world_geometry(uint64_t base)
{
	return (struct app_geometry){.page_offset = base, .vmemmap = base + WORLD_PAGES, .per_cpu = base, .current_at = 0x40,
		.cpus = 1, .page_size = 64, .sk_queue = 56, .sk_path = 80, .sk_peer = 112, .d_parent = 0x18, .d_iname = 0x38,
		.skb_len = 112, .skb_sk = 24, .skb_words = 184, .cb_pid = 40, .cb_fp = 56, .pid_nr = 32, .t_pid = 100,
		.t_comm = 120, .t_cred = 136, .t_mm = 144, .t_parent = 152, .t_leader = 160, .t_login = 168, .t_css = 176,
		.c_uid = 8, .mm_exe = 8, .f_path = 16, .css_cgrp = 8, .cg_kn = 8, .kn_id = 16, .sh_frags = 48, .sh_nr = 2,
		.frag_size = 16, .frag_len = 8, .frag_off = 12};
}

/* @mem is a guest whose direct map begins at @base; @at: where its sites are. Emits into @sink. */
static inline void world_open(const struct fetch_mem *mem, uint64_t base, enum app_at at, const struct source_sink *sink)
{
	static const struct path_layout paths = {.d_parent = 0x18, .d_name = 0x20, .d_pprev = 0x10, .q_len = 4, .q_name = 8,
		.mount_mnt = 0x20, .mount_parent = 0x10, .mount_point = 0x18, .kn_name = 0x18, .kn_parent = 8};
	struct applog *l = &world.l;
	struct watch *w = calloc(1, sizeof(*w));
	static struct sender *s; /* a megabyte: once for all */

	s = s ? s : calloc(1, sizeof(*s));
	if (!w || !s)
		abort();
	world.mem = *mem;
	*l = (struct applog){.s.ops = &source_unix, .kind = &world_kind, .channels = source_unix.channels, .mem = *mem,
		.geo = world_geometry(base), .has_files = true, .trapped = true, .retry_ms = INT64_MAX, .watch = w, .sender = s};
	l->files = (struct filepages_layout){.page_offset = base, .vmemmap = base + WORLD_PAGES, .page_size = 64,
		.page_index = 32, .f_inode = 32, .f_mapping = 40, .i_size = 80, .pages = 16, .node_slots = 40, .fp_files = 40};
	for (unsigned i = 0; i < TRAPS_TAGS; i++) {
		l->traps.geometry[i] = l->geo;
		l->traps.geometry[i].at = at;
	}
	outbox_init(&l->out, sink);
	streams_init(&l->streams, &l->out);
	s->geo = &l->geo;
	s->mem = *mem;
	s->layout = paths;
	for (unsigned i = 0; i < EXES; i++)
		s->exe[i].len = 0;
	for (unsigned i = 0; i < CGROUPS; i++)
		s->cgroup[i].len = 0;
	for (unsigned i = 0; i < SOCKS; i++)
		s->sock[i].len = 0;
	*w = (struct watch){.mem = *mem, .geometry = l->geo, .paths = paths, .channels = l->channels, .limit = UINT32_MAX,
		.tags = WATCH_TAG_TABLE, .tasks = {.pid_tasks = 8, .pid_links = 16},
		.socks = {.table = base + WORLD_TABLE, .bound = base + WORLD_TABLE, .bound_len = 2048, .net_list = 8,
			.net_buckets = 24, .family = 16, .state = 18, .type = 32, .node = 40, .bind_node = 48, .queue = 56,
			.path = 80, .span = 96}};
	w->geometry.at = APP_AT_QUEUE;
}

/* The attachment: the queues are looked into. */
static inline void world_planted(void)
{
	const struct moment m = {.now_us = 1, .now_ms = 1, .held = true};

	source_unix.planted(&world.l.s, true, &m);
}

/* A trap at tag @tag with these registers, as the backend brings it, which holds the VM for a copy that wants it. */
static inline void world_trap(uint32_t tag, const struct fetch_regs *regs)
{
	static struct app_copy copy;
	const struct moment m = {.now_us = 2, .now_ms = 2};
	struct trap_event ev = {.type = TRAP_COPY, .tag = tag, .time_us = 2, .data = &copy};
	int n = fetch_unix.run(&world.mem, regs, &world.l.traps.geometry[tag], &copy, sizeof(copy));
	struct err e;

	ev.len = n > 0 ? (size_t)n : 0;
	ev.held = n > 0 && copy.flags & APP_COPY_HOLD;
	if (n < 0) {
		ev.type = TRAP_LOST;
		ev.failed = 1;
	}
	world.l.astray_us = -1000000000;
	source_unix.event(&world.l.s, &ev, &m, &e);
}

/* Out with all there is. */
static inline void world_end(void)
{
	const struct moment m = {.now_us = 3, .now_ms = 3};
	struct err e;

	source_unix.end(&world.l.s, &m, true, &e);
}

static inline void world_close(void)
{
	struct applog *l = &world.l;

	watch_close(l->watch);
	streams_free(&l->streams);
	outbox_free(&l->out);
}

#endif
