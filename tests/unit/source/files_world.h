/* SPDX-License-Identifier: BSD-3-Clause */
/* files_world.h - a guest's memory with one log file in it, and the source that follows it. */
#ifndef TESTS_UNIT_SOURCE_FILES_WORLD_H
#define TESTS_UNIT_SOURCE_FILES_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/files/impl.h"
#include "source/sender/sender.c"
#include "unit/guest/arena.h"

#define B ARENA_BASE
enum { INODE = 0x2000, DIR = 0x2200, MAPPING = 0x2400, NODE = 0x2800, DENTRY = 0x3000, PARENT = 0x3100, ROOT = 0x3200,
	MNT = 0x3400, PAGES = 0x8000, TASK = 0x4000, OTHER = 0x4200, GROUP = 0x4400, FIRST_PFN = 16 };

static struct arena a;
static struct files f;

static inline void word(uint64_t at, uint64_t v)
{
	arena_u64(&a, B + at, v);
}

static inline void name(uint64_t dentry, uint64_t parent, const char *text)
{
	word(dentry + 0x10, B);
	word(dentry + 0x18, B + parent);
	arena_u32(&a, B + dentry + 0x24, (uint32_t)strlen(text));
	word(dentry + 0x28, B + dentry + 0x38);
	arena_put(&a, B + dentry + 0x38, text, strlen(text) + 1);
}

static inline void task(uint64_t at, uint32_t pid, const char *comm)
{
	arena_u32(&a, B + at + 100, pid);
	arena_u32(&a, B + at + 104, pid);
	arena_put(&a, B + at + 120, comm, strlen(comm) + 1);
}

static inline void owner(uint64_t who)
{
	word(INODE + 0xa0, who ? B + who : 0);
}

static inline void size(uint64_t n)
{
	word(INODE + 0x50, n);
}

static inline void text_at(uint64_t off, const void *text, size_t n)
{
	arena_put(&a, B + FIRST_PFN * FILEPAGES_PAGE + off, text, n);
}

/* /var/NAME, open by two processes, of four pages. */
static inline void world_begin(const char *file, const struct source_sink *sink)
{
	static const struct path_layout paths = {.d_parent = 0x18, .d_name = 0x20, .d_pprev = 0x10, .q_len = 4, .q_name = 8,
		.mount_mnt = 0x20, .mount_parent = 0x10, .mount_point = 0x18, .kn_name = 0x18, .kn_parent = 8};
	char path[64];

	memset(&a, 0, sizeof(a));
	memset(&f, 0, sizeof(f));
	f.mem = arena_mem(&a);
	f.paths = paths;
	f.dcache = (struct dcache_layout){.parent = 0x18, .seq = 4, .kids = 0xa0, .sib = 0x90, .i_nlink = 0x48, .i_size = 0x50,
		.mtime = 0x68, .mtime_nsec = 0x70, .i_mapping = 0x30, .i_owner = 0xa0, .state = 0x48, .state_len = 0x30,
		.writable = 0x20};
	f.pages = (struct filepages_layout){.page_offset = B, .vmemmap = B + PAGES, .page_size = 64, .page_index = 32,
		.pages = 16, .node_slots = 40};
	f.geo = (struct app_geometry){.page_offset = B, .t_pid = 100, .t_comm = 120, .t_cred = 136, .t_mm = 144,
		.t_parent = 152, .t_leader = 160, .t_login = APP_ABSENT, .t_css = APP_ABSENT, .d_parent = 0x18};
	f.sender = calloc(1, sizeof(*f.sender));
	if (!f.sender)
		abort();
	*f.sender = (struct sender){.geo = &f.geo, .mem = f.mem, .layout = paths};
	outbox_init(&f.out, sink);
	streams_init_plain(&f.streams, &f.out);
	name(DENTRY, PARENT, file);
	name(PARENT, ROOT, "var");
	name(ROOT, ROOT, "/");
	word(DENTRY + 0x30, B + INODE);
	word(PARENT + 0x30, B + DIR);
	word(MNT - 0x20 + 0x10, B + MNT - 0x20);
	arena_u32(&a, B + INODE, 0100644);
	arena_u32(&a, B + INODE + 0x48, 1);
	word(INODE + 0x30, B + MAPPING);
	word(MAPPING + 16, (B + NODE) | 2);
	for (unsigned i = 0; i < 4; i++) {
		word(NODE + 40 + 8 * i, B + PAGES + 64 * (FIRST_PFN + i));
		word(PAGES + 64 * (FIRST_PFN + i) + 32, i);
	}
	task(TASK, 7, "daemon");
	task(OTHER, 8, "attacker");
	snprintf(path, sizeof(path), "/var/%s", file);
	f.e = calloc(1, sizeof(*f.e));
	if (!f.e)
		abort();
	f.n = f.cap = 1;
	f.e[0] = (struct files_entry){.mnt = B + MNT, .dentry = B + DENTRY, .wanted = true, .path = strdup(path)};
	if (dcache_knot_read(&f.mem, &f.dcache, B + DENTRY, &f.e[0].knot))
		abort();
	files_adopt(&f, &f.e[0]);
	if (!f.e[0].follows)
		abort();
}

static inline void world_finish(void)
{
	streams_free(&f.streams);
	outbox_free(&f.out);
	files_free(&f);
	sender_close(f.sender);
}

#endif
