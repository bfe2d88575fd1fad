/* SPDX-License-Identifier: BSD-3-Clause */
/* ram.c - read guest RAM out of the VMM process, and tell which of it was ever touched. */
#include "trap/vmm/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PAGE 4096ULL
/* /proc/PID/pagemap (kernel Documentation/admin-guide/mm/pagemap.rst): present, or swapped out. */
#define PM_TOUCHED (1ULL << 63 | 1ULL << 62)

void ram_init(struct ram *r)
{
	memset(r, 0, sizeof(*r));
	r->pidfd = r->mem = r->pagemap = -1;
	for (unsigned i = 0; i < RAM_SEGS_MAX; i++)
		r->file[i].fd = -1;
}

static int open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int ram_open(struct ram *r, pid_t pid, struct err *e)
{
	r->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (r->pidfd < 0)
		return err_set(e, errno, "process %d: %s", (int)pid, strerror(errno));
	r->mem = open_proc(pid, "mem");
	if (r->mem < 0) {
		int err = errno;

		close_fd(&r->pidfd);
		return err_set(e, err, "cannot read the memory of process %d: %s", (int)pid,
			strerror(err));
	}
	r->pagemap = open_proc(pid, "pagemap");
	r->pid = pid;
	return 0;
}

void ram_unbind(struct ram *r)
{
	for (unsigned i = 0; i < RAM_SEGS_MAX; i++) {
		close_fd(&r->file[i].fd);
		r->file[i].residency_unknown = false;
	}
	close_fd(&r->pidfd);
	close_fd(&r->mem);
	close_fd(&r->pagemap);
	r->pid = 0;
}

/* Open the file that the process maps at [start, end), or -1. */
static int open_mapped(pid_t pid, uint64_t start, uint64_t end)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		(unsigned long long)start, (unsigned long long)end);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int ram_bind(struct ram *r, struct err *e)
{
	_cleanup_file_ FILE *maps = NULL;
	char path[64], line[512];
	uint64_t covered[RAM_SEGS_MAX];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)r->pid);
	maps = fopen(path, "re");
	if (!maps)
		return err_set(e, errno, "%s: %s", path, strerror(errno));
	for (unsigned i = 0; i < r->n; i++)
		covered[i] = r->seg[i].hva;
	/* In the order of their addresses; one segment may lie in several, if their policies differ. */
	while (fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, off, ino;
		char perm[5];

		if (sscanf(line, "%llx-%llx %4s %llx %*s %llu", &start, &end, perm, &off, &ino) != 5)
			continue;
		for (unsigned i = 0; i < r->n; i++) {
			const struct ram_seg *s = &r->seg[i];

			if (covered[i] < start || covered[i] >= end)
				continue;
			if (perm[3] == 's' && covered[i] == s->hva && s->len <= end - s->hva) {
				r->file[i].fd = open_mapped(r->pid, start, end);
				r->file[i].off = off + (s->hva - start);
			} else if (ino) {
				r->file[i].residency_unknown = true;
			}
			covered[i] = end;
		}
	}
	for (unsigned i = 0; i < r->n; i++)
		if (covered[i] - r->seg[i].hva < r->seg[i].len)
			return err_set(e, ENXIO, "process %d does not map %s of the guest at 0x%llx",
				(int)r->pid, r->seg[i].name, (unsigned long long)r->seg[i].hva);
	return 0;
}

uint64_t ram_total(const struct ram *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->n; i++)
		sum += r->seg[i].len;
	return sum;
}

const struct ram_seg *ram_find(const struct ram *r, uint64_t gpa)
{
	for (unsigned i = 0; i < r->n; i++)
		if (gpa >= r->seg[i].gpa && gpa - r->seg[i].gpa < r->seg[i].len)
			return &r->seg[i];
	return NULL;
}

bool ram_vmm_gone(const struct ram *r)
{
	struct pollfd p = {.fd = r->pidfd, .events = POLLIN};

	return r->pidfd >= 0 && poll(&p, 1, 0) == 1;
}

uint64_t ram_hva(const struct ram *r, uint64_t gpa, uint64_t *left)
{
	const struct ram_seg *s = ram_find(r, gpa);

	if (!s || !s->hva)
		return 0;
	*left = s->len - (gpa - s->gpa);
	return s->hva + (gpa - s->gpa);
}

int ram_read(const struct ram *r, uint64_t gpa, void *buf, size_t len)
{
	char *to = buf;

	while (len) {
		const struct ram_seg *s = ram_find(r, gpa);
		uint64_t at, part;
		unsigned i;
		ssize_t k;

		if (!s)
			return -EFAULT;
		i = (unsigned)(s - r->seg);
		at = gpa - s->gpa;
		part = s->len - at < len ? s->len - at : len;
		if (r->file[i].fd >= 0)
			k = pread(r->file[i].fd, to, part, (off_t)(r->file[i].off + at));
		else
			k = pread(r->mem, to, part, (off_t)(s->hva + at));
		if (k < 0 && errno == EINTR)
			continue;
		/* The memory of a process that ended reads as end of file. */
		if (k <= 0)
			return k == 0 || ram_vmm_gone(r) ? -ESRCH : -EFAULT;
		to += k;
		gpa += (uint64_t)k;
		len -= (size_t)k;
	}
	return 0;
}

/*
 * The first touched run at or after byte @at of segment @i, as offsets into the segment; false if there
 * is none. Without any knowledge all of it counts as touched.
 */
static bool next_in_anon(const struct ram *r, unsigned i, uint64_t at, uint64_t *from, uint64_t *to)
{
	const struct ram_seg *s = &r->seg[i];
	uint64_t map[512], page = (s->hva + at) / PAGE, last = (s->hva + s->len + PAGE - 1) / PAGE;
	bool in = false;

	while (page < last) {
		uint64_t want = last - page < 512 ? last - page : 512;
		ssize_t k = pread(r->pagemap, map, want * 8, (off_t)(page * 8));

		if (k < 8) {
			/* Unreadable: better to read too much than to miss something. */
			if (!in)
				*from = at;
			*to = s->len;
			return true;
		}
		for (unsigned j = 0; j < (size_t)k / 8; j++, page++) {
			uint64_t off = page * PAGE > s->hva ? page * PAGE - s->hva : 0;

			if (!in && map[j] & PM_TOUCHED) {
				*from = off > at ? off : at;
				in = true;
			} else if (in && !(map[j] & PM_TOUCHED)) {
				*to = off;
				return true;
			}
		}
	}
	*to = s->len;
	return in;
}

static bool next_in_file(const struct ram *r, unsigned i, uint64_t at, uint64_t *from, uint64_t *to)
{
	const struct ram_seg *s = &r->seg[i];
	uint64_t base = r->file[i].off;
	off_t data = lseek(r->file[i].fd, (off_t)(base + at), SEEK_DATA), hole;

	*from = at;
	*to = s->len;
	if (data < 0)
		return errno != ENXIO;
	if ((uint64_t)data - base >= s->len)
		return false;
	*from = (uint64_t)data - base;
	hole = lseek(r->file[i].fd, data, SEEK_HOLE);
	if (hole > data && (uint64_t)hole - base < s->len)
		*to = (uint64_t)hole - base;
	return true;
}

int ram_next(const struct ram *r, uint64_t gpa, uint64_t *start, uint64_t *end)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct ram_seg *s = &r->seg[i];
		uint64_t at, from, to;
		bool any;

		if (gpa >= s->gpa + s->len)
			continue;
		at = gpa > s->gpa ? gpa - s->gpa : 0;
		if (r->file[i].fd >= 0) {
			any = next_in_file(r, i, at, &from, &to);
		} else if (r->pagemap >= 0 && !r->file[i].residency_unknown) {
			any = next_in_anon(r, i, at, &from, &to);
		} else {
			any = true;
			from = at;
			to = s->len;
		}
		if (any) {
			*start = s->gpa + from;
			*end = s->gpa + to;
			return 0;
		}
	}
	return -ENOENT;
}
