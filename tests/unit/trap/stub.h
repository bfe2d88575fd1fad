/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stub.h - a GDB stub that misbehaves to order, in a process of its own: it knows enough to be attached
 * to (target description, one vCPU, a map with 1 MiB of RAM, memory reads, watchpoints), and breaks
 * what the test asks for.
 */
#ifndef LOGVISOR_TESTS_TRAP_STUB_H
#define LOGVISOR_TESTS_TRAP_STUB_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap/gdb/rsp.h"

enum stub_fault {
	STUB_GOOD,
	STUB_SILENT,       /* accepts, says nothing */
	STUB_NOISE,        /* an endless stream of other bytes */
	STUB_HTTP,         /* is something else altogether */
	STUB_CLOSES,       /* closes instead of answering request number `at` */
	STUB_BAD_SUM,      /* never a right checksum */
	STUB_REFUSES,      /* '-' to everything */
	STUB_NO_END,       /* a packet without end */
	STUB_STOPS,        /* stop replies without end instead of an answer to request number `at` */
	STUB_THREADS,      /* threads without end */
	STUB_BAD_THREADS,
	STUB_XML,          /* a target description without end */
	STUB_XML_EMPTY,    /* ... in steps of nothing */
	STUB_NO_XML,
	STUB_MONITOR,      /* console output without end */
	STUB_BAD_MONITOR,  /* ... that is not hex */
	STUB_NO_RAM,
	STUB_SHORT_MEMORY, /* half of what was asked */
	STUB_NO_MEMORY,    /* E14 */
	STUB_BAD_REGISTER,
	STUB_NO_WATCH,     /* no watchpoint is free */
	STUB_NAK_ONCE,     /* '-' to the first "continue" */
	STUB_DRIBBLE,      /* one byte at a time */
	STUB_BABBLE,       /* E14 to a read of memory, then packets without end */
	STUB_LONG_REGISTER, /* of 16 bytes */
	STUB_NO_REGISTER,  /* an empty answer */
	STUB_BAD_MAP,      /* a map of ranges that wrap, overlap and run backwards, and a good one */
};

struct stub {
	pid_t pid;
	char dir[64], path[80];
};

struct stub_state {
	int fd;
	enum stub_fault fault;
	unsigned at, requests;
	const char *events; /* what comes after each "continue", separated by '|' */
	bool nakked;
};

static inline void stub_raw(struct stub_state *s, const char *p, size_t n)
{
	size_t step = s->fault == STUB_DRIBBLE ? 1 : n;

	while (n) {
		ssize_t k = send(s->fd, p, step < n ? step : n, MSG_NOSIGNAL);

		if (k <= 0)
			_exit(0);
		p += k;
		n -= (size_t)k;
	}
}

static inline void stub_put(struct stub_state *s, const char *payload)
{
	char frame[8192];
	size_t n = rsp_frame(frame, payload, strlen(payload));

	if (s->fault == STUB_BAD_SUM)
		frame[n - 1] ^= 1;
	stub_raw(s, frame, n);
}

static inline void stub_console(struct stub_state *s, const char *text)
{
	char hex[8000] = "O";
	size_t n = 1;

	for (; *text && n + 3 < sizeof(hex); text++)
		n += (size_t)snprintf(hex + n, sizeof(hex) - n, "%02x", (unsigned char)*text);
	stub_put(s, hex);
}

static inline void stub_monitor(struct stub_state *s, const char *hex)
{
	char line[256];
	int n = rsp_unhex(hex, strlen(hex), line, sizeof(line) - 1);

	line[n < 0 ? 0 : n] = '\0';
	while (s->fault == STUB_MONITOR && s->requests > s->at) {
		char more[3500];

		memset(more, 'm', sizeof(more) - 1);
		more[sizeof(more) - 1] = '\0';
		stub_console(s, more);
	}
	if (s->fault == STUB_BAD_MONITOR)
		stub_put(s, "Oxyz");
	if (strcmp(line, "info status") == 0)
		stub_console(s, "VM status: paused\r\n");
	else if (strcmp(line, "info version") == 0)
		stub_console(s, "9.0.0\r\n");
	else if (strcmp(line, "info mtree -f") == 0 && s->fault == STUB_BAD_MAP)
		stub_console(s, " AS \"memory\", root: s\r\n Root memory region: s\r\n"
			"  0000000000000000-ffffffffffffffff (prio 0, ram): all\r\n"
			"  0000000000002000-0000000000001fff (prio 0, ram): back\r\n"
			"  0000000000000000-00000000000fffff (prio 0, ram): good\r\n"
			"  0000000000001000-ffffffffffff0000 (prio 0, ram): over\r\n"
			"  fffffffffffff000-ffffffffffffffff (prio 0, ram): last\r\n"
			"  1 (prio 99999999999999999999999, ram): x @zz\r\n");
	else if (strcmp(line, "info mtree -f") == 0 && s->fault != STUB_NO_RAM)
		stub_console(s, "FlatView #0\r\n AS \"memory\", root: system\r\n"
			" Root memory region: system\r\n"
			"  0000000000000000-00000000000fffff (prio 0, ram): pc.ram\r\n\r\n");
	else if (strncmp(line, "gpa2hva ", 8) == 0)
		stub_console(s, "Memory at address is not RAM\r\n");
	stub_put(s, "OK");
}

/* Memory holds at each address the low byte of its number. */
static inline void stub_memory(struct stub_state *s, const char *p)
{
	char hex[4200] = "";
	unsigned long gpa, len;

	if (sscanf(p, "m%lx,%lx", &gpa, &len) != 2 || len > 2048 || s->fault == STUB_NO_MEMORY ||
		s->fault == STUB_BABBLE) {
		stub_put(s, "E14");
		return;
	}
	if (s->fault == STUB_SHORT_MEMORY)
		len /= 2;
	for (unsigned long i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02lx", (gpa + i) & 255);
	stub_put(s, hex);
}

static inline void stub_events(struct stub_state *s)
{
	const char *bar = strchr(s->events, '|');
	char one[6000];
	size_t n = bar ? (size_t)(bar - s->events) : strlen(s->events);

	snprintf(one, sizeof(one), "%.*s", (int)n, s->events);
	s->events += n + (bar != NULL);
	if (!n)
		return;
	if (strcmp(one, "close") == 0)
		_exit(0);
	stub_put(s, one);
}

static inline void stub_answer(struct stub_state *s, const char *p)
{
	enum stub_fault f = s->fault;

	if (f == STUB_CLOSES && s->requests == s->at)
		_exit(0);
	s->requests++;
	if (f == STUB_REFUSES || (f == STUB_NAK_ONCE && *p == 'c' && !s->nakked)) {
		s->nakked = true;
		stub_raw(s, "-", 1);
		return;
	}
	stub_raw(s, "+", 1);
	while (f == STUB_NO_END)
		stub_raw(s, "$xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32);
	while (f == STUB_STOPS && s->requests > s->at)
		stub_put(s, "T05thread:01;watch:9000;");
	if (strncmp(p, "qSupported", 10) == 0)
		stub_put(s, "PacketSize=1000;qXfer:features:read+;multiprocess+");
	else if (*p == '?')
		stub_put(s, "T05thread:p01.01;");
	else if (strncmp(p, "qRcmd,", 6) == 0)
		stub_monitor(s, p + 6);
	else if (strncmp(p, "qXfer:features:read:target.xml:", 31) == 0)
		stub_put(s, f == STUB_NO_XML ? "" : f == STUB_XML ? "m<reg name=\"r\"/>" :
			f == STUB_XML_EMPTY ? "m" :
			"l<target><reg name=\"rip\"/><reg name=\"cr3\"/></target>");
	else if (strcmp(p, "qfThreadInfo") == 0)
		stub_put(s, f == STUB_BAD_THREADS ? "mpx.1" : "mp01.01");
	else if (strcmp(p, "qsThreadInfo") == 0)
		stub_put(s, f == STUB_THREADS ? "m1,2,3,4,5,6,7,8" : "l");
	else if (*p == 'm')
		stub_memory(s, p);
	else if (*p == 'p')
		stub_put(s, f == STUB_BAD_REGISTER ? "E14" : f == STUB_NO_REGISTER ? "" :
			f == STUB_LONG_REGISTER ? "88776655443322118877665544332211" : "8877665544332211");
	else if (*p == 'Z')
		stub_put(s, f == STUB_NO_WATCH ? "E22" : "OK");
	else if (*p == 'c')
		stub_events(s);
	else if (strcmp(p, "qC") == 0)
		do
			stub_put(s, f == STUB_BABBLE ? "00" : "QCp01.01");
		while (f == STUB_BABBLE);
	else
		stub_put(s, "OK");
}

static inline _Noreturn void stub_serve(int listener, enum stub_fault fault, unsigned at, const char *events)
{
	static uint8_t in[65536];
	static char payload[RSP_MAX + 1];
	struct stub_state s = {.fault = fault, .at = at, .events = events ? events : ""};
	size_t n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.fd = accept(listener, NULL, NULL);
	while (fault == STUB_NOISE)
		stub_raw(&s, "abcdefghijklmnopqrstuvwxyz ", 27);
	if (fault == STUB_HTTP) {
		stub_raw(&s, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 47);
		_exit(0);
	}
	for (;;) {
		ssize_t k = recv(s.fd, in + n, sizeof(in) - n, 0);
		size_t used, len;
		enum rsp_token t;

		if (k <= 0)
			_exit(0);
		n += (size_t)k;
		while ((t = rsp_next(in, n, &used, payload, &len)) != RSP_MORE) {
			/* Interrupted: say so, as QEMU does. */
			if (t == RSP_JUNK && memchr(in, 3, used) && fault != STUB_SILENT)
				stub_put(&s, "T02thread:p01.01;");
			memmove(in, in + used, n - used);
			n -= used;
			if (t == RSP_PACKET && fault != STUB_SILENT)
				stub_answer(&s, payload);
		}
	}
}

/* Start one; @at and @events as in struct stub_state. */
static inline void stub_start(struct stub *b, enum stub_fault fault, unsigned at, const char *events)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const char *tmp = getenv("TMPDIR");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(b->dir, sizeof(b->dir), "%.40s/stubXXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(b->dir))
		abort();
	snprintf(b->path, sizeof(b->path), "%s/s", b->dir);
	memcpy(un.sun_path, b->path, sizeof(b->path));
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, 4) != 0)
		abort();
	b->pid = fork();
	if (b->pid == 0)
		stub_serve(fd, fault, at, events);
	close(fd);
}

static inline void stub_stop(struct stub *b)
{
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	unlink(b->path);
	rmdir(b->dir);
}

#endif
