/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mem.h - a domain's memory, mapped piece by piece as it is read, through a descriptor of /dev/xen/privcmd that can do
 * nothing else (IOCTL_PRIVCMD_RESTRICT: no hypercalls, no other domain).
 *
 * What is mapped is kept for a while: the ring of a kernel's log is read again and again. Not for ever, since a page
 * that the guest gave back to Xen (ballooning) stays as it was in a mapping, while the guest has another in its place;
 * and not a moment longer than the domain lives, which as long as somebody maps it does not end.
 */
#ifndef LOGVISOR_TRAP_XEN_MEM_H
#define LOGVISOR_TRAP_XEN_MEM_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/gmem.h"
#include "util/err.h"

#define XEN_CHUNK_PAGES 512u /* mapped at once: 2 MiB */
#define XEN_CHUNKS 128u      /* kept; power of two */

struct xen_chunk {
	uint8_t *at;     /* NULL: nothing is mapped */
	uint64_t number; /* of the chunk in guest-physical memory */
	int64_t since_ms;
	uint64_t absent[XEN_CHUNK_PAGES / 64]; /* pages that are no RAM, a bit each */
};

#define XEN_PAGES 256u /* mapped one by one; power of two */

struct xen_page {
	uint8_t *at; /* NULL: nothing is mapped */
	uint64_t gfn;
	int64_t since_ms;
};

struct xen_mem {
	int fd; /* -1: there is no domain */
	uint32_t domid;
	uint64_t chunks; /* of them its memory has, holes included */
	struct xen_chunk chunk[XEN_CHUNKS];
	struct xen_page page[XEN_PAGES];
};

void xen_mem_init(struct xen_mem *m);
/* A new descriptor for domain @domid alone, to be closed. -errno with @e. */
int xen_mem_open(uint32_t domid, struct err *e);
/* Read domain @domid through @fd, which is taken; up to page frame @max_gfn. Another that was read is let go. */
void xen_mem_use(struct xen_mem *m, int fd, uint32_t domid, uint64_t max_gfn);
/* Its highest page frame is another by now: it has just been built. */
void xen_mem_limit(struct xen_mem *m, uint64_t max_gfn);
/* Let go of the domain. */
void xen_mem_drop(struct xen_mem *m);

/*
 * Read, or write, the @n bytes of text in domain @domid that begin at @gpa[0], by its descriptor @fd, which may be
 * another process's too: at most a page; what does not find room in the first page is at @gpa[1]. Nothing stays
 * mapped. 0 or
 * -errno.
 */
int xen_mem_peek(int fd, uint32_t domid, const uint64_t gpa[2], uint8_t *buf, unsigned n);
int xen_mem_poke(int fd, uint32_t domid, const uint64_t gpa[2], const uint8_t *buf, unsigned n);

/* Of struct gmem. */
int xen_mem_read(void *ctx, uint64_t gpa, void *buf, size_t len);
/* The same as read, for few bytes here and there while a vCPU waits: a chunk takes 512 times as long to map. */
int xen_mem_read_pages(void *ctx, uint64_t gpa, void *buf, size_t len);
int xen_mem_next(void *ctx, uint64_t gpa, uint64_t *start, uint64_t *end);

#endif
