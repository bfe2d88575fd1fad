/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/catch.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int xen_catch_make(struct xen_catching *k, struct err *e)
{
	void *at = mmap(NULL, sizeof(*k->c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*k = (struct xen_catching){.rung = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .c = at == MAP_FAILED ? NULL : at};
	if (k->c && k->rung >= 0 && k->done >= 0)
		return 0;
	err_set(e, errno, "cannot share memory with the guardian: %s", strerror(errno));
	xen_catch_drop(k);
	return -ENOMEM;
}

void xen_catch_drop(struct xen_catching *k)
{
	if (k->c)
		munmap(k->c, sizeof(*k->c));
	if (k->rung >= 0)
		close(k->rung);
	if (k->done >= 0)
		close(k->done);
	*k = (struct xen_catching){.rung = -1, .done = -1};
}

void xen_catch_ring(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void xen_catch_heard(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}
