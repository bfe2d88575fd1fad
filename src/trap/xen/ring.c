/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Linux's include/uapi/xen/evtchn.h. The header that is installed of it wants one that is not (xen/xen.h), so it is
 * said again here.
 */
struct bind_interdomain {
	uint32_t remote_domain, remote_port;
};
struct notify {
	uint32_t port;
};
#define BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct bind_interdomain)) /* returns the port here */
#define NOTIFY _IOC(_IOC_NONE, 'E', 4, sizeof(struct notify))

#define PAGE 4096
#define CAN_DESCRIPTOR (1u << 9) /* XEN_DOMCTL_MONITOR_EVENT_DESC_ACCESS, xen/domctl.h */

/* The page's head: DEFINE_RING_TYPES of xen/io/ring.h. Requests and answers share the slots behind it. */
struct head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	uint8_t rest[48];
};

_Static_assert(sizeof(struct head) + XEN_RING_SLOTS * sizeof(struct xen_event) <= PAGE, "as many as find room");

/* struct evtchn_status of xen/event_channel.h */
struct channel_status {
	uint16_t dom; /* whose port is asked for */
	uint32_t port;
	uint32_t status, vcpu;
	struct {
		uint16_t dom;
		uint32_t port;
	} remote;
};
#define DOMID_SELF 0x7ff0
#define INTERDOMAIN 2
#define PORTS_MAX 131072 /* EVTCHN_FIFO_NR_CHANNELS */

static struct head *head(const struct xen_ring *r)
{
	return (struct head *)(void *)r->page;
}

static uint8_t *slot(const struct xen_ring *r, uint32_t n)
{
	return r->page + sizeof(struct head) + (n & (XEN_RING_SLOTS - 1)) * sizeof(struct xen_event);
}

void xen_ring_init(struct xen_ring *r)
{
	*r = (struct xen_ring){.channel = -1};
}

void xen_ring_drop(struct xen_ring *r)
{
	if (r->page)
		munmap(r->page, PAGE);
	if (r->channel >= 0)
		close(r->channel);
	xen_ring_init(r);
}

/* As SHARED_RING_INIT() has it. */
static void clean(void *page)
{
	struct head *h = page;

	memset(page, 0, PAGE);
	h->req_event = h->rsp_event = 1;
}

static int listen_to(struct xen_ring *r, uint32_t domid)
{
	struct bind_interdomain b = {.remote_domain = domid, .remote_port = r->remote};
	int port;

	r->channel = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	port = r->channel < 0 ? -1 : ioctl(r->channel, BIND_INTERDOMAIN, &b);
	if (port < 0)
		return -errno;
	r->port = (uint32_t)port;
	return 0;
}

int xen_ring_open(struct xen_ring *r, const struct xen_lib *l, void *xch, uint32_t domid)
{
	uint32_t can = 0;
	int code;

	xen_ring_init(r);
	if (l->monitor_capabilities(xch, domid, &can))
		return errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL ? -ENOTSUP : -errno;
	if (!(can & CAN_DESCRIPTOR))
		return -ENOTSUP;
	r->page = l->monitor_enable(xch, domid, &r->remote);
	if (!r->page)
		return errno ? -errno : -EIO;
	clean(r->page);
	code = listen_to(r, domid);
	if (!code)
		return 0;
	l->monitor_disable(xch, domid);
	xen_ring_drop(r);
	return code;
}

void xen_ring_heard(struct xen_ring *r)
{
	uint32_t port;

	while (read(r->channel, &port, sizeof(port)) == sizeof(port))
		if (write(r->channel, &port, sizeof(port)) < 0) /* unmasks it */
			return;
}

bool xen_ring_next(struct xen_ring *r, struct xen_event *ev)
{
	if (!r->page || __atomic_load_n(&head(r)->req_prod, __ATOMIC_ACQUIRE) == r->taken)
		return false;
	memcpy(ev, slot(r, r->taken), sizeof(*ev));
	r->taken++;
	return true;
}

void xen_ring_answer(struct xen_ring *r, const struct xen_event *ev)
{
	memcpy(slot(r, r->answered), ev, sizeof(*ev));
	__atomic_store_n(&head(r)->rsp_prod, ++r->answered, __ATOMIC_RELEASE);
}

void xen_ring_notify(struct xen_ring *r)
{
	struct notify n = {.port = r->port};

	ioctl(r->channel, NOTIFY, &n);
}

bool xen_ring_heeded(const struct xen_lib *l, void *xch, uint32_t domid, uint32_t remote)
{
	for (uint32_t port = 1; port < PORTS_MAX; port++) {
		struct channel_status s = {.dom = DOMID_SELF, .port = port};

		if (l->evtchn_status(xch, &s)) {
			if (errno == EINVAL || errno == ENOENT)
				return false; /* there are no more */
			continue;
		}
		if (s.status == INTERDOMAIN && s.remote.dom == domid && s.remote.port == remote)
			return true;
	}
	return false;
}

/*
 * Disabling alone lets nobody go whose request was taken and not answered. So a new ring is made, in which each vCPU
 * is told to go on: those that do not wait are not changed by it (vm_event_vcpu_unpause(), xen/arch/x86/vm_event.c).
 * Turning descriptor events on is what makes turning them off reach the processors.
 */
int xen_ring_free(const struct xen_lib *l, void *xch, uint32_t domid, unsigned vcpus)
{
	struct xen_ring r;
	int code;

	xen_ring_init(&r);
	l->monitor_disable(xch, domid);
	r.page = l->monitor_enable(xch, domid, &r.remote);
	if (!r.page)
		return errno ? -errno : -EIO;
	clean(r.page);
	l->monitor_descriptor_access(xch, domid, true);
	code = l->monitor_descriptor_access(xch, domid, false) ? -errno : 0;
	for (unsigned v = 0; v < vcpus; v++) {
		const struct xen_event go = {.version = XEN_EVENT_VERSION, .flags = XEN_EVENT_PAUSED,
			.reason = XEN_EVENT_DESCRIPTOR, .vcpu = v};

		xen_ring_answer(&r, &go);
		if (l->monitor_resume(xch, domid))
			code = code ? code : -errno;
	}
	if (l->monitor_disable(xch, domid))
		code = code ? code : -errno;
	xen_ring_drop(&r);
	return code;
}
