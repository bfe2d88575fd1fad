/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * disk.h - a model of what a disk holds after the power fails, fed by the operations of util/io.h.
 *
 * Nothing is durable but what was synced: written bytes by fdatasync of their file, names by fsync of
 * their directory (POSIX promises no more). At a crash each unsynced write may have reached the disk whole,
 * in some of its 512-byte sectors, or not at all, and each unsynced change of a name may have happened or
 * not, independent of each other. After a failed fdatasync its writes are lost, and the next one succeeds over
 * nothing, as Linux does it: either the page cache still shows them (disk.drop false), or the pages are dropped
 * and what is read is what the disk has (disk.drop true).
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/io.h"

#define DISK_SECTOR 512
#define DISK_PAGE 4096

/* From one operation to stop at, or to let fail, to the next one: LOGVISOR_FAST looks at every third only. */
static inline uint64_t disk_stride(void)
{
	const char *fast = getenv("LOGVISOR_FAST");

	return fast && *fast ? 3 : 1;
}

enum disk_op { DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_FSYNC, DISK_RENAME, DISK_UNLINK, DISK_MKDIR,
	DISK_TRUNCATE, DISK_CLOSE };

struct disk_write {
	uint64_t off;
	size_t n;     /* SIZE_MAX: a truncation to off */
	uint8_t *data;
	bool lost;    /* by a failed sync */
	bool dropped; /* and not even in the page cache any more */
};

struct disk_file {
	uint8_t *data; /* durable */
	size_t n, cap;
	struct disk_write *w;
	size_t n_w, cap_w;
};

struct disk_name {
	char path[64];
	int file; /* -1: a directory */
};

struct disk_change {
	char path[64]; /* created, removed, or the old name */
	char to[64];   /* renamed to, or "" */
	int file;      /* -1: directory; -2: removal */
};

#define DISK_FILES 4096
#define DISK_NAMES 256

static struct {
	char root[256];
	struct disk_file *files;
	int n_files;
	struct disk_name now[DISK_NAMES], durable[DISK_NAMES];
	int n_now, n_durable;
	struct disk_change changes[DISK_NAMES];
	int n_changes;

	uint64_t ops;               /* so far */
	void (*before)(enum disk_op op); /* called before each */
	uint64_t fail_at;           /* this op fails, 0: none */
	uint64_t fail_n;            /* and so many in all from there on */
	int fail_errno;
	enum disk_op failed;
	bool fail_syncs;            /* only DISK_SYNCs count */
	uint64_t syncs;
	bool drop;
	bool busy;                  /* inside `before` */
} disk;

/* The path of an open file below the root; "" the root itself; NULL: elsewhere. */
static const char *disk_path(int fd)
{
	static char path[512];
	char link[64];
	size_t n = strlen(disk.root);
	ssize_t r;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = readlink(link, path, sizeof(path) - 1);
	if (r < 0 || strncmp(path, disk.root, n))
		return NULL;
	path[r] = '\0';
	return path[n] == '/' ? path + n + 1 : path[n] ? NULL : path + n;
}

static int disk_find(const struct disk_name *v, int n, const char *path)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(v[i].path, path))
			return i;
	return -1;
}

static void disk_set(struct disk_name *v, int *n, const char *path, int file)
{
	int i = disk_find(v, *n, path);

	if (i < 0) {
		i = (*n)++;
		if (i >= DISK_NAMES)
			abort();
		snprintf(v[i].path, sizeof(v[i].path), "%s", path);
	}
	v[i].file = file;
}

static void disk_drop(struct disk_name *v, int *n, const char *path)
{
	int i = disk_find(v, *n, path);

	if (i >= 0)
		v[i] = v[--*n];
}

static void disk_apply_name(struct disk_name *v, int *n, const struct disk_change *c)
{
	if (c->to[0]) {
		disk_drop(v, n, c->path);
		disk_set(v, n, c->to, c->file);
	} else if (c->file == -2) {
		disk_drop(v, n, c->path);
	} else {
		disk_set(v, n, c->path, c->file);
	}
}

static void disk_change(const char *path, const char *to, int file)
{
	struct disk_change *c = &disk.changes[disk.n_changes++];

	if (disk.n_changes >= DISK_NAMES)
		abort();
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->to, sizeof(c->to), "%s", to);
	c->file = file;
	disk_apply_name(disk.now, &disk.n_now, c);
}

static void disk_apply_write(uint8_t **data, size_t *n, size_t *cap, const struct disk_write *w,
	size_t from, size_t to)
{
	size_t end = w->n == SIZE_MAX ? w->off : w->off + to;

	if (end > *cap) {
		*cap = end * 2;
		*data = realloc(*data, *cap);
	}
	if (end > *n || w->n == SIZE_MAX) {
		if (end > *n)
			memset(*data + *n, 0, end - *n);
		*n = end;
	}
	if (w->n != SIZE_MAX)
		memcpy(*data + w->off + from, w->data + from, to - from);
}

static void disk_write(int file, uint64_t off, const void *data, size_t n)
{
	struct disk_file *f = &disk.files[file];

	if (f->n_w == f->cap_w) {
		f->cap_w = f->cap_w ? 2 * f->cap_w : 8;
		f->w = realloc(f->w, f->cap_w * sizeof(*f->w));
	}
	f->w[f->n_w] = (struct disk_write){.off = off, .n = n};
	if (n != SIZE_MAX) {
		f->w[f->n_w].data = malloc(n);
		memcpy(f->w[f->n_w].data, data, n);
	}
	f->n_w++;
}

static void disk_synced(int file, bool ok)
{
	struct disk_file *f = &disk.files[file];

	if (!ok) {
		for (size_t i = 0; i < f->n_w; i++)
			f->w[i].lost = true;
		return;
	}
	for (size_t i = 0; i < f->n_w; i++) {
		if (!f->w[i].lost)
			disk_apply_write(&f->data, &f->n, &f->cap, &f->w[i], 0, f->w[i].n);
		free(f->w[i].data);
	}
	f->n_w = 0;
}

/* Is this operation one that is to fail? Sets errno. */
static bool disk_step(enum disk_op op)
{
	uint64_t at;

	disk.ops++;
	disk.syncs += op == DISK_SYNC;
	if (disk.before && !disk.busy) {
		disk.busy = true;
		disk.before(op);
		disk.busy = false;
	}
	at = disk.fail_syncs ? disk.syncs : disk.ops;
	if (!disk.fail_at || at < disk.fail_at || at >= disk.fail_at + disk.fail_n ||
		(disk.fail_syncs && op != DISK_SYNC))
		return false;
	disk.failed = op;
	errno = disk.fail_errno;
	return true;
}

static int disk_file_of(int fd)
{
	const char *path = disk_path(fd);
	int i = path ? disk_find(disk.now, disk.n_now, path) : -1;

	return i < 0 ? -1 : disk.now[i].file;
}

static int disk_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	const char *p;
	int fd, i;

	if ((flags & O_CREAT) && disk_step(DISK_OPEN))
		return -1;
	fd = openat(dirfd, path, flags, mode);
	p = fd < 0 ? NULL : disk_path(fd);
	if (!p)
		return fd;
	i = disk_find(disk.now, disk.n_now, p);
	if (i < 0) {
		if (disk.n_files == DISK_FILES)
			abort();
		memset(&disk.files[disk.n_files], 0, sizeof(struct disk_file));
		disk_change(p, "", disk.n_files++);
	} else if (flags & O_TRUNC) {
		disk_write(disk.now[i].file, 0, NULL, SIZE_MAX);
	}
	return fd;
}

static ssize_t disk_pwrite(int fd, const void *buf, size_t n, off_t off)
{
	bool fails = disk_step(DISK_WRITE);
	int file = disk_file_of(fd);
	ssize_t r;

	/* A disk runs full in the middle of a write. */
	if (fails && n < 2)
		return -1;
	r = pwrite(fd, buf, fails ? n / 2 : n, off);
	if (file >= 0 && r > 0)
		disk_write(file, (uint64_t)off, buf, (size_t)r);
	if (!fails)
		return r;
	errno = disk.fail_errno;
	return -1;
}

/* Make the pages of @file's lost writes show what the disk has; the file's size stays. */
static void disk_drop_pages(int fd, int file)
{
	struct disk_file *f = &disk.files[file];
	struct stat st;

	for (size_t i = 0; i < f->n_w; i++) {
		struct disk_write *w = &f->w[i];
		uint64_t at = w->off / DISK_PAGE * DISK_PAGE, end = w->off + w->n;

		w->dropped = w->n != SIZE_MAX;
		for (; w->dropped && at < end; at += DISK_PAGE) {
			uint8_t page[DISK_PAGE] = {0};
			size_t n = DISK_PAGE;

			if (at < f->n)
				memcpy(page, f->data + at, f->n - at < DISK_PAGE ? f->n - at : DISK_PAGE);
			if (fstat(fd, &st) || at >= (uint64_t)st.st_size)
				continue;
			if (at + n > (uint64_t)st.st_size)
				n = (size_t)((uint64_t)st.st_size - at);
			if (pwrite(fd, page, n, (off_t)at) != (ssize_t)n)
				abort();
		}
	}
}

static int disk_fdatasync(int fd)
{
	bool fails = disk_step(DISK_SYNC);
	int file = disk_file_of(fd);

	if (file >= 0 && fails && disk.drop)
		disk_drop_pages(fd, file);
	if (file >= 0)
		disk_synced(file, !fails);
	if (fails)
		errno = disk.fail_errno;
	return fails ? -1 : 0;
}

/* Of a directory: its names. */
static int disk_fsync(int fd)
{
	const char *dir;
	char prefix[64];
	int kept = 0;

	if (disk_step(DISK_FSYNC))
		return -1;
	dir = disk_path(fd);
	if (!dir)
		return 0;
	snprintf(prefix, sizeof(prefix), "%s%s", dir, *dir ? "/" : "");
	for (int i = 0; i < disk.n_changes; i++) {
		const char *rest = disk.changes[i].path + strlen(prefix);

		if (!strncmp(disk.changes[i].path, prefix, strlen(prefix)) && !strchr(rest, '/'))
			disk_apply_name(disk.durable, &disk.n_durable, &disk.changes[i]);
		else
			disk.changes[kept++] = disk.changes[i];
	}
	disk.n_changes = kept;
	return 0;
}

static int disk_renameat(int olddir, const char *oldp, int newdir, const char *newp)
{
	char dir[64], from[64], to[64];
	const char *p;
	int i;

	if (disk_step(DISK_RENAME))
		return -1;
	if (renameat(olddir, oldp, newdir, newp))
		return -1;
	p = disk_path(olddir);
	if (!p)
		return 0;
	snprintf(dir, sizeof(dir), "%s%s", p, *p ? "/" : "");
	snprintf(from, sizeof(from), "%.20s%.40s", dir, oldp);
	snprintf(to, sizeof(to), "%.20s%.40s", dir, newp);
	i = disk_find(disk.now, disk.n_now, from);
	disk_change(from, to, disk.now[i].file);
	return 0;
}

static int disk_unlinkat(int dirfd, const char *path, int flags)
{
	const char *p;
	char full[64];

	if (disk_step(DISK_UNLINK))
		return -1;
	if (unlinkat(dirfd, path, flags))
		return -1;
	p = disk_path(dirfd);
	if (p) {
		snprintf(full, sizeof(full), "%.20s%s%.40s", p, *p ? "/" : "", path);
		disk_change(full, "", -2);
	}
	return 0;
}

static int disk_mkdirat(int dirfd, const char *path, mode_t mode)
{
	const char *p;
	char full[64];

	if (disk_step(DISK_MKDIR))
		return -1;
	if (mkdirat(dirfd, path, mode))
		return -1;
	p = disk_path(dirfd);
	if (p) {
		snprintf(full, sizeof(full), "%.20s%s%.40s", p, *p ? "/" : "", path);
		disk_change(full, "", -1);
	}
	return 0;
}

static int disk_ftruncate(int fd, off_t size)
{
	int file = disk_file_of(fd);

	if (disk_step(DISK_TRUNCATE))
		return -1;
	if (ftruncate(fd, size))
		return -1;
	if (file >= 0)
		disk_write(file, (uint64_t)size, NULL, SIZE_MAX);
	return 0;
}

static const struct io_ops disk_io = {
	.openat = disk_openat,
	.pwrite = disk_pwrite,
	.fdatasync = disk_fdatasync,
	.fsync = disk_fsync,
	.renameat = disk_renameat,
	.unlinkat = disk_unlinkat,
	.mkdirat = disk_mkdirat,
	.ftruncate = disk_ftruncate,
	.close = close,
};

static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

/* The real calls but without waiting for a disk: for looking at what a crash left. */
static struct io_ops disk_fast(void)
{
	struct io_ops ops = io_libc;

	ops.fdatasync = ops.fsync = no_sync;
	return ops;
}

/* Begin with what is below @root now as durable. */
static void disk_begin(const char *root);

static void disk_adopt(const char *rel)
{
	char path[512];
	struct stat st;
	int fd, i;

	snprintf(path, sizeof(path), "%.250s/%.250s", disk.root, rel);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		abort();
	if (S_ISDIR(st.st_mode)) {
		i = -1;
	} else {
		struct disk_file *f = &disk.files[i = disk.n_files++];

		memset(f, 0, sizeof(*f));
		f->n = f->cap = (size_t)st.st_size;
		f->data = malloc(f->n + 1);
		if (pread(fd, f->data, f->n, 0) != (ssize_t)f->n)
			abort();
	}
	close(fd);
	disk_set(disk.now, &disk.n_now, rel, i);
	disk_set(disk.durable, &disk.n_durable, rel, i);
}

static void disk_end(void)
{
	for (int i = 0; i < disk.n_files; i++) {
		for (size_t k = 0; k < disk.files[i].n_w; k++)
			free(disk.files[i].w[k].data);
		free(disk.files[i].w);
		free(disk.files[i].data);
	}
	free(disk.files);
	memset(&disk, 0, sizeof(disk));
}

static void disk_begin(const char *root)
{
	char cmd[600], rel[512];
	FILE *list;

	disk_end();
	snprintf(disk.root, sizeof(disk.root), "%s", root);
	disk.files = calloc(DISK_FILES, sizeof(*disk.files));
	snprintf(cmd, sizeof(cmd), "cd '%s' && find . -mindepth 1 -printf '%%P\\n' | sort", root);
	list = popen(cmd, "r");
	while (list && fgets(rel, sizeof(rel), list)) {
		rel[strcspn(rel, "\n")] = '\0';
		disk_adopt(rel);
	}
	if (!list || pclose(list))
		abort();
}

/*
 * Write below @out what the disk may hold after a crash now. @how 0: nothing unsynced; 1: all of it, as
 * after a kill; else by chance, from that seed.
 */
static void disk_crash(const char *out, unsigned how)
{
	struct disk_name names[DISK_NAMES];
	int n_names = disk.n_durable;
	unsigned seed = how * 2654435761u + 1;
	char path[512];

	memcpy(names, disk.durable, sizeof(names));
	for (int i = 0; i < disk.n_changes; i++)
		if (how == 1 || (how > 1 && rand_r(&seed) % 2))
			disk_apply_name(names, &n_names, &disk.changes[i]);
	mkdir(out, 0755);
	/* Parents first: "log" is shorter than all that is in it. */
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < n_names; i++) {
			const struct disk_file *f;
			uint8_t *data;
			size_t n, cap;
			int fd;

			snprintf(path, sizeof(path), "%.400s/%.64s", out, names[i].path);
			if (pass == 0 && names[i].file == -1)
				mkdir(path, 0755);
			if (pass == 0 || names[i].file < 0)
				continue;
			f = &disk.files[names[i].file];
			n = cap = f->n;
			data = malloc(cap + 1);
			if (n)
				memcpy(data, f->data, n);
			for (size_t k = 0; k < f->n_w && how; k++) {
				const struct disk_write *w = &f->w[k];
				size_t at = 0;

				if (how == 1 && w->dropped)
					continue;
				if (how == 1 || w->n == SIZE_MAX) {
					if (how == 1 || rand_r(&seed) % 2)
						disk_apply_write(&data, &n, &cap, w, 0, w->n);
					continue;
				}
				switch (rand_r(&seed) % 3) {
				case 0:
					break;
				case 1:
					disk_apply_write(&data, &n, &cap, w, 0, w->n);
					break;
				default: /* some sectors of it */
					while (at < w->n) {
						size_t end = (w->off + at) / DISK_SECTOR * DISK_SECTOR +
							DISK_SECTOR - w->off;

						if (end > w->n)
							end = w->n;
						if (rand_r(&seed) % 2)
							disk_apply_write(&data, &n, &cap, w, at, end);
						at = end;
					}
				}
			}
			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
			/* Its directory may not have survived; then neither has it. */
			if (fd >= 0) {
				if (write(fd, data, n) != (ssize_t)n)
					abort();
				close(fd);
			}
			free(data);
		}
	}
}

#endif
