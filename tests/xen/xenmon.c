/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xenmon.c - for tests in Domain 0, beside Logvisor:
 *
 *   xenmon text DOMID GPA   the five bytes there, in hexadecimal
 *   xenmon free DOMID       exit status 0: nobody monitors the domain (and it is not paused)
 *   xenmon hold DOMID       monitor it as another program would, say "held", until standard input ends
 *   xenmon poke DOMID GPA HEX10   write five bytes there, as an attacker in the guest's kernel would
 *   xenmon kill DOMID GPA PID     kill -9 PID, and say after how many microseconds the NOP stands there again
 *   xenmon int3 DOMID GPA   catch who comes to the NOP there by INT3, as other programs do, until standard input ends;
 *                           say "caught" first, and how many at the end
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trap/xen/dom.h"
#include "trap/xen/mem.h"
#include "trap/xen/ring.h"

static int text(uint32_t domid, const char *gpa, const char *hex)
{
	const uint64_t at[2] = {strtoull(gpa, NULL, 16), 0};
	struct err e = {""};
	int fd = xen_mem_open(domid, &e), r = fd < 0 ? fd : 0;
	uint8_t b[5];

	for (unsigned i = 0; hex && i < 5; i++) {
		unsigned v = 0;

		sscanf(hex + 2 * i, "%2x", &v);
		b[i] = (uint8_t)v;
	}
	if (!r)
		r = hex ? xen_mem_poke(fd, domid, at, b, 5) : xen_mem_peek(fd, domid, at, b, 5);
	if (r)
		fprintf(stderr, "xenmon: %s %s\n", e.text, strerror(-r));
	else if (!hex)
		printf("%02x%02x%02x%02x%02x\n", b[0], b[1], b[2], b[3], b[4]);
	return r != 0;
}

/* xc_monitor_software_breakpoint(), which Logvisor has no use for. 0 or -1. */
static int breakpoints(void *xch, uint32_t domid, bool on)
{
	unsigned major = 0, minor = 0;
	char file[40];
	int (*set)(void *, uint32_t, bool);

	xen_version(&major, &minor);
	snprintf(file, sizeof(file), "libxenctrl.so.%u.%u", major, minor);
	*(void **)&set = dlsym(dlopen(file, RTLD_NOW), "xc_monitor_software_breakpoint");
	return set ? set(xch, domid, on) : -1;
}

static int poke(const struct xen_lib *l, void *xch, uint32_t domid, const char *gpa, const char *hex)
{
	int r;

	l->pause(xch, domid); /* no vCPU is to meet half of it */
	r = text(domid, gpa, hex);
	l->unpause(xch, domid);
	return r;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int healed(uint32_t domid, const char *gpa, pid_t pid)
{
	static const uint8_t nop[5] = {0x0f, 0x1f, 0x44, 0, 0};
	const uint64_t at[2] = {strtoull(gpa, NULL, 16), 0};
	int fd = xen_mem_open(domid, NULL);
	int64_t start = now_us(), took = 0;
	uint8_t b[5] = {0};

	if (fd < 0 || kill(pid, SIGKILL))
		return 2;
	while (memcmp(b, nop, sizeof(nop)) != 0 && took < 60000000) {
		if (xen_mem_peek(fd, domid, at, b, sizeof(b)))
			return 2;
		took = now_us() - start;
	}
	printf("%lld\n", (long long)took);
	return 0;
}

/* Whoever comes is told to go on behind the NOP: nothing is copied, so this is the least that it can cost. */
static int int3(const struct xen_lib *l, void *xch, uint32_t domid, struct xen_ring *ring, const char *gpa)
{
	unsigned long n = 0;
	char c;
	int r = breakpoints(xch, domid, true) || poke(l, xch, domid, gpa, "cc1f440000");

	puts(r ? "no breakpoints" : "caught");
	fflush(stdout);
	while (!r) {
		struct pollfd p[] = {{.fd = 0, .events = POLLIN}, {.fd = ring->channel, .events = POLLIN}};
		struct xen_event ev;

		if (poll(p, 2, -1) < 0)
			continue;
		xen_ring_heard(ring);
		for (; xen_ring_next(ring, &ev); n++) {
			ev.flags = (ev.flags & XEN_EVENT_PAUSED) | XEN_EVENT_SET_REGS;
			ev.regs.rip += 5;
			xen_ring_answer(ring, &ev);
			xen_ring_notify(ring);
		}
		if (p[0].revents && read(0, &c, 1) <= 0)
			break;
	}
	if (!r)
		r = poke(l, xch, domid, gpa, "0f1f440000") || breakpoints(xch, domid, false);
	printf("%lu\n", n);
	return r;
}

int main(int argc, char **argv)
{
	const struct xen_lib *l;
	struct err e = {""};
	struct xen_ring ring;
	struct xen_dom d;
	uint32_t domid;
	void *xch;
	char c;
	int r;

	if (argc < 3)
		return 2;
	domid = (uint32_t)strtoul(argv[2], NULL, 10);
	if (!strcmp(argv[1], "text"))
		return text(domid, argc > 3 ? argv[3] : "", NULL);
	if (!strcmp(argv[1], "kill"))
		return argc > 4 ? healed(domid, argv[3], (pid_t)strtol(argv[4], NULL, 10)) : 2;
	l = xen_lib(&e);
	xch = l ? xen_control(l, &e) : NULL;
	if (!xch || xen_get(l, xch, domid, &d, &e)) {
		fprintf(stderr, "xenmon: %s\n", e.text);
		return 2;
	}
	if (!strcmp(argv[1], "poke"))
		return argc > 4 ? poke(l, xch, domid, argv[3], argv[4]) : 2;
	r = xen_ring_open(&ring, l, xch, domid);
	if (r) {
		printf("taken: %s\n", strerror(-r));
		return 1;
	}
	if (!strcmp(argv[1], "hold")) {
		puts("held");
		fflush(stdout);
		while (read(0, &c, 1) > 0)
			;
	}
	r = strcmp(argv[1], "int3") != 0 ? 0 : argc > 3 ? int3(l, xch, domid, &ring, argv[3]) : 2;
	l->monitor_disable(xch, domid);
	xen_ring_drop(&ring);
	if (d.paused)
		puts("paused");
	return r ? r : d.paused;
}
