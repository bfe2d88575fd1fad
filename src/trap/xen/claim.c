/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trap/xen/mem.h"
#include "trap/xen/ring.h"

#define HELD_MAX 4 /* what is nested */

static const char magic[8] = "lvxen 1";

static int open_file(const uint8_t *uuid)
{
	char path[64] = "/run/logvisor-xen-";
	size_t n = strlen(path);
	int fd;

	for (unsigned i = 0; i < 16; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "%02x", uuid[i]);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

/* A file of somebody else than us says nothing. */
static bool trusted(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077);
}

int xen_claim_open(struct xen_claimed *k, const struct xen_dom *d, struct err *e)
{
	void *at = MAP_FAILED;

	*k = (struct xen_claimed){.fd = open_file(d->uuid)};
	errno = k->fd < 0 ? -k->fd : EACCES;
	if (k->fd >= 0 && trusted(k->fd) && !ftruncate(k->fd, sizeof(*k->c)))
		at = mmap(NULL, sizeof(*k->c), PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
	if (at == MAP_FAILED) {
		err_set(e, errno, "cannot write down in /run what is done to domain %u: %s", d->id, strerror(errno));
		xen_claim_close(k);
		return -EACCES;
	}
	k->c = at;
	return 0;
}

void xen_claim_close(struct xen_claimed *k)
{
	if (k->c)
		munmap(k->c, sizeof(*k->c));
	if (k->fd >= 0)
		close(k->fd);
	*k = (struct xen_claimed){.fd = -1};
}

int xen_claim_lock(struct xen_claimed *k)
{
	if (!k->locked && flock(k->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EALREADY : -errno;
	k->locked = true;
	return 0;
}

void xen_claim_begin(struct xen_claimed *k, const struct xen_dom *d)
{
	memset(k->c, 0, sizeof(*k->c));
	memcpy(k->c->uuid, d->uuid, sizeof(d->uuid));
	k->c->domid = d->id;
	memcpy(k->c->magic, magic, sizeof(magic));
}

bool xen_claim_sites(const struct xen_claimed *k)
{
	bool any = false;

	for (unsigned i = 0; i < XEN_SITES_MAX; i++)
		any |= k->c->site[i].used;
	return any;
}

/* Is there anything to undo? */
static bool any(const struct xen_claimed *k)
{
	const struct xen_claim *c = k->c;

	return !memcmp(c->magic, magic, sizeof(magic)) && (c->armed || c->held || xen_claim_sites(k));
}

int xen_claim_restore(const struct xen_claimed *k, struct xen_claim_site *s, int fd)
{
	uint8_t now[XEN_SITE_LEN];
	int r = xen_mem_peek(fd, k->c->domid, s->gpa, now, XEN_SITE_LEN);

	if (!r && xen_code_ours(&s->code, now))
		r = xen_mem_poke(fd, k->c->domid, s->gpa, s->code.original, XEN_SITE_LEN);
	if (!r)
		s->used = false;
	return r;
}

int xen_claim_restore_all(struct xen_claimed *k)
{
	int fd = xen_mem_open(k->c->domid, NULL), r = fd < 0 ? fd : 0;

	for (unsigned i = 0; fd >= 0 && i < XEN_SITES_MAX; i++) {
		int one = k->c->site[i].used ? xen_claim_restore(k, &k->c->site[i], fd) : 0;

		r = r ? r : one;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static void forget(struct xen_claimed *k)
{
	for (unsigned i = 0; i < XEN_SITES_MAX; i++)
		k->c->site[i].used = false;
	k->c->armed = k->c->held = false;
}

int xen_claim_heal(struct xen_claimed *k, const struct xen_lib *l, void *xch)
{
	struct xen_claim *c = k->c;
	struct xen_dom d;
	int r, bytes;

	if (!any(k))
		return 0;
	r = xen_get(l, xch, c->domid, &d, NULL);
	if (r == -ESRCH || (!r && (memcmp(d.uuid, c->uuid, sizeof(c->uuid)) != 0 || d.dying))) {
		forget(k); /* it took all of that with it */
		return 0;
	}
	if (r || l->pause(xch, c->domid))
		return r ? r : -errno;
	if (c->armed && !xen_ring_heeded(l, xch, c->domid, c->remote))
		r = xen_ring_free(l, xch, c->domid, d.vcpus);
	c->armed = c->armed && r;
	bytes = xen_claim_restore_all(k);
	for (c->held = c->held < HELD_MAX ? c->held + 1 : HELD_MAX; c->held; c->held--)
		l->unpause(xch, c->domid);
	return r ? r : bytes;
}
