/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xenmon.c - for tests in Domain 0, beside Logvisor:
 *
 *   xenmon text DOMID GPA   the five bytes there, in hexadecimal
 *   xenmon free DOMID       exit status 0: nobody monitors the domain (and it is not paused)
 *   xenmon hold DOMID       monitor it as another program would, say "held", until standard input ends
 *   xenmon poke DOMID GPA HEX10   write five bytes there, as an attacker in the guest's kernel would
 *   xenmon kill DOMID GPA PID     kill -9 PID, and say after how many microseconds the NOP stands there again
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trap/xen/dom.h"
#include "trap/xen/mem.h"
#include "trap/xen/ring.h"
#include "util/clock.h"

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

static int poke(const struct xen_lib *l, void *xch, uint32_t domid, const char *gpa, const char *hex)
{
	int r;

	l->pause(xch, domid); /* no vCPU is to meet half of it */
	r = text(domid, gpa, hex);
	l->unpause(xch, domid);
	return r;
}

static int healed(uint32_t domid, const char *gpa, pid_t pid)
{
	static const uint8_t nop[5] = {0x0f, 0x1f, 0x44, 0, 0};
	const uint64_t at[2] = {strtoull(gpa, NULL, 16), 0};
	int fd = xen_mem_open(domid, NULL);
	int64_t start = clock_mono_ns(), took = 0;
	uint8_t b[5] = {0};

	if (fd < 0 || kill(pid, SIGKILL))
		return 2;
	while (memcmp(b, nop, sizeof(nop)) != 0 && took < 60000000000) {
		if (xen_mem_peek(fd, domid, at, b, sizeof(b)))
			return 2;
		took = clock_mono_ns() - start;
	}
	printf("%lld\n", (long long)took / 1000);
	return 0;
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
	l->monitor_disable(xch, domid);
	xen_ring_drop(&ring);
	if (d.paused)
		puts("paused");
	return d.paused;
}
