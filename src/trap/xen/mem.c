/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/clock.h"

/*
 * Linux's include/uapi/xen/privcmd.h, since 4.14. The header that is installed of it wants one that is not
 * (xen/interface/xen.h), so it is said again here: domid_t is 16 bits long, xen_pfn_t is a long.
 */
struct map_batch {
	unsigned num; /* of pages */
	uint16_t domid;
	uint64_t at; /* in an area of mmap() */
	const unsigned long *gfn;
	int *err; /* of each: 0 or -errno */
};
#define MAP_BATCH _IOC(_IOC_NONE, 'P', 4, sizeof(struct map_batch)) /* IOCTL_PRIVCMD_MMAPBATCH_V2 */
#define RESTRICT _IOC(_IOC_NONE, 'P', 6, sizeof(uint16_t))          /* IOCTL_PRIVCMD_RESTRICT */

#define PAGE 4096u
#define CHUNK (XEN_CHUNK_PAGES * PAGE)
#define KEEP_MS 5000
#define GFN_MAX (1ull << 40) /* 52 bits of physical addresses */

void xen_mem_init(struct xen_mem *m)
{
	memset(m, 0, sizeof(*m));
	m->fd = -1;
}

int xen_mem_open(uint32_t domid, struct err *e)
{
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC), code;
	uint16_t only = (uint16_t)domid;

	if (fd < 0)
		return err_set(e, errno, "cannot open /dev/xen/privcmd: %s", strerror(errno));
	if (!ioctl(fd, RESTRICT, &only))
		return fd;
	code = errno;
	close(fd);
	return err_set(e, code, "cannot confine /dev/xen/privcmd to one domain: %s; Linux 4.14 or newer is needed in "
		"Domain 0", strerror(code));
}

static void unmap(struct xen_chunk *c)
{
	if (c->at)
		munmap(c->at, CHUNK);
	c->at = NULL;
}

static void unmap_page(struct xen_page *p)
{
	if (p->at)
		munmap(p->at, PAGE);
	p->at = NULL;
}

void xen_mem_drop(struct xen_mem *m)
{
	for (unsigned i = 0; i < XEN_CHUNKS; i++)
		unmap(&m->chunk[i]);
	for (unsigned i = 0; i < XEN_PAGES; i++)
		unmap_page(&m->page[i]);
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

void xen_mem_limit(struct xen_mem *m, uint64_t max_gfn)
{
	m->chunks = (max_gfn < GFN_MAX ? max_gfn : GFN_MAX) / XEN_CHUNK_PAGES + 1;
}

void xen_mem_use(struct xen_mem *m, int fd, uint32_t domid, uint64_t max_gfn)
{
	xen_mem_drop(m);
	m->fd = fd;
	m->domid = domid;
	xen_mem_limit(m, max_gfn);
}

/*
 * Have the @n page frames at @gfn of domain @domid at @at, an error for each of them in @err, by its descriptor @fd.
 * 0 or
 * -errno.
 */
static int map_at(int fd, uint32_t domid, void *at, const unsigned long *gfn, unsigned n, int *err)
{
	struct map_batch b = {.num = n, .domid = (uint16_t)domid, .at = (uintptr_t)at, .gfn = gfn, .err = err};

	/* ENOENT: a page is paged out, and its own error says so */
	return ioctl(fd, MAP_BATCH, &b) && errno != ENOENT ? -errno : 0;
}

static int map_frames(const struct xen_mem *m, void *at, const unsigned long *gfn, unsigned n, int *err)
{
	return map_at(m->fd, m->domid, at, gfn, n, err);
}

static void *area(const struct xen_mem *m, unsigned pages)
{
	void *at = mmap(NULL, (size_t)pages * PAGE, PROT_READ, MAP_SHARED, m->fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Is any of a few pages of chunk @number there? Holes are large, and each page asked for in one costs a hypercall. */
static bool any_there(const struct xen_mem *m, uint64_t number)
{
	static const unsigned probe[] = {0, XEN_CHUNK_PAGES / 2, XEN_CHUNK_PAGES - 1, XEN_CHUNK_PAGES - 8};
	const unsigned n = sizeof(probe) / sizeof(probe[0]);
	unsigned long gfn[sizeof(probe) / sizeof(probe[0])];
	int err[sizeof(probe) / sizeof(probe[0])];
	void *at = area(m, n);
	bool any = false;

	for (unsigned i = 0; i < n; i++)
		gfn[i] = number * XEN_CHUNK_PAGES + probe[i];
	if (at && !map_frames(m, at, gfn, n, err))
		for (unsigned i = 0; i < n; i++)
			any = any || !err[i];
	if (at)
		munmap(at, (size_t)n * PAGE);
	return any;
}

static bool absent(const struct xen_chunk *c, unsigned page)
{
	return c->absent[page / 64] >> page % 64 & 1;
}

/* 0, or -ESRCH: the domain is gone; -ENOMEM. */
static int map(const struct xen_mem *m, struct xen_chunk *c, uint64_t number)
{
	unsigned long gfn[XEN_CHUNK_PAGES];
	int err[XEN_CHUNK_PAGES], r;
	unsigned there = 0;

	unmap(c);
	c->at = area(m, XEN_CHUNK_PAGES);
	if (!c->at)
		return -ENOMEM;
	for (unsigned i = 0; i < XEN_CHUNK_PAGES; i++)
		gfn[i] = number * XEN_CHUNK_PAGES + i;
	r = map_frames(m, c->at, gfn, XEN_CHUNK_PAGES, err);
	memset(c->absent, 0, sizeof(c->absent));
	for (unsigned i = 0; !r && i < XEN_CHUNK_PAGES; i++) {
		if (err[i])
			c->absent[i / 64] |= 1ull << i % 64;
		there += !err[i];
	}
	if (!r && !there && err[0] == -ESRCH)
		r = -ESRCH;
	if (r) {
		unmap(c);
		return r;
	}
	c->number = number;
	c->since_ms = clock_mono_ms();
	return 0;
}

static int chunk_of(struct xen_mem *m, uint64_t number, struct xen_chunk **out)
{
	struct xen_chunk *c = &m->chunk[number & (XEN_CHUNKS - 1)];

	*out = c;
	if (m->fd < 0)
		return -ESRCH;
	if (number >= m->chunks)
		return -EFAULT;
	if (c->at && c->number == number && clock_mono_ms() - c->since_ms < KEEP_MS)
		return 0;
	return map(m, c, number);
}

int xen_mem_read(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	struct xen_mem *m = ctx;
	uint8_t *to = buf;

	while (len) {
		const uint32_t off = (uint32_t)(gpa % CHUNK), in_page = PAGE - off % PAGE;
		const size_t n = in_page < len ? in_page : len;
		struct xen_chunk *c;
		int r = chunk_of(m, gpa / CHUNK, &c);

		if (r)
			return r == -ENOMEM ? -EFAULT : r;
		if (absent(c, off / PAGE))
			return -EFAULT;
		memcpy(to, c->at + off, n);
		gpa += n;
		to += n;
		len -= n;
	}
	return 0;
}

/* The page frame @gfn of domain @domid, mapped with @prot. NULL with errno. */
static uint8_t *one_page(int fd, uint32_t domid, unsigned long gfn, int prot)
{
	void *at = mmap(NULL, PAGE, prot, MAP_SHARED, fd, 0);
	int err = 0, r;

	if (at == MAP_FAILED)
		return NULL;
	r = map_at(fd, domid, at, &gfn, 1, &err);
	r = r ? r : err;
	if (!r)
		return at;
	munmap(at, PAGE);
	errno = -r;
	return NULL;
}

static int page_of(struct xen_mem *m, uint64_t gfn, struct xen_page **out)
{
	struct xen_page *p = &m->page[gfn & (XEN_PAGES - 1)];

	*out = p;
	if (m->fd < 0)
		return -ESRCH;
	if (gfn / XEN_CHUNK_PAGES >= m->chunks)
		return -EFAULT;
	if (p->at && p->gfn == gfn && clock_mono_ms() - p->since_ms < KEEP_MS)
		return 0;
	unmap_page(p);
	p->at = one_page(m->fd, m->domid, gfn, PROT_READ);
	p->gfn = gfn;
	p->since_ms = clock_mono_ms();
	return p->at ? 0 : -EFAULT;
}

int xen_mem_read_pages(void *ctx, uint64_t gpa, void *buf, size_t len)
{
	struct xen_mem *m = ctx;
	uint8_t *to = buf;

	while (len) {
		const uint32_t off = (uint32_t)(gpa % PAGE), room = PAGE - off;
		const size_t n = room < len ? room : len;
		struct xen_page *p;
		int r = page_of(m, gpa / PAGE, &p);

		if (r)
			return r;
		memcpy(to, p->at + off, n);
		gpa += n;
		to += n;
		len -= n;
	}
	return 0;
}

/* The next page at or after @page of chunk @number that is there, or is not. XEN_CHUNK_PAGES: none in it. */
static unsigned next_page(struct xen_mem *m, uint64_t number, unsigned page, bool there)
{
	struct xen_chunk *c = &m->chunk[number & (XEN_CHUNKS - 1)];

	if (!(c->at && c->number == number) && (!any_there(m, number) || chunk_of(m, number, &c)))
		return there ? XEN_CHUNK_PAGES : page;
	while (page < XEN_CHUNK_PAGES && absent(c, page) == there)
		page++;
	return page;
}

static bool find(struct xen_mem *m, uint64_t from, bool there, uint64_t *gfn)
{
	uint64_t number = from / XEN_CHUNK_PAGES;
	unsigned page = (unsigned)(from % XEN_CHUNK_PAGES);

	for (; m->fd >= 0 && number < m->chunks; number++, page = 0) {
		page = next_page(m, number, page, there);
		if (page < XEN_CHUNK_PAGES) {
			*gfn = number * XEN_CHUNK_PAGES + page;
			return true;
		}
	}
	*gfn = m->chunks * XEN_CHUNK_PAGES;
	return false;
}

int xen_mem_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end)
{
	struct xen_mem *m = ctx;
	uint64_t first, last;

	if (!find(m, (gpa + PAGE - 1) / PAGE, true, &first))
		return -ENOENT;
	find(m, first, false, &last);
	*start = first * PAGE;
	*end = last * PAGE;
	return 0;
}

/* One of @to and @from is the guest's. */
static int text(int fd, uint32_t domid, const uint64_t gpa[2], uint8_t *to, const uint8_t *from, unsigned n)
{
	for (unsigned done = 0, page = 0; done < n; page++) {
		const unsigned off = page ? 0 : (unsigned)(gpa[0] % PAGE), room = PAGE - off;
		const unsigned part = n - done < room ? n - done : room;
		uint8_t *at = page < 2 ? one_page(fd, domid, gpa[page] / PAGE, PROT_READ | PROT_WRITE) : NULL;

		if (!at)
			return errno ? -errno : -EFAULT;
		memcpy(to ? to + done : at + off, to ? at + off : from + done, part);
		munmap(at, PAGE);
		done += part;
	}
	return 0;
}

int xen_mem_peek(int fd, uint32_t domid, const uint64_t gpa[2], uint8_t *buf, unsigned n)
{
	return text(fd, domid, gpa, buf, NULL, n);
}

int xen_mem_poke(int fd, uint32_t domid, const uint64_t gpa[2], const uint8_t *buf, unsigned n)
{
	return text(fd, domid, gpa, NULL, buf, n);
}
