/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * preload.c - what an attacker puts before a program with LD_PRELOAD: syslog(3) that swallows every message or, with
 * LAB_SAY in the environment, sends that text to /dev/log instead of it. Linked with nothing but libc, for guests.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void instead(void)
{
	const struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	const char *text = getenv("LAB_SAY");
	int fd = text ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&a, sizeof(a));
	close(fd);
}

/* The names that programs have for it (glibc, with and without _FORTIFY_SOURCE). */
void syslog(int pri, const char *fmt, ...);
void vsyslog(int pri, const char *fmt, va_list ap);
void __syslog_chk(int pri, int flag, const char *fmt, ...);
void __vsyslog_chk(int pri, int flag, const char *fmt, va_list ap);

void syslog(int pri, const char *fmt, ...)
{
	(void)pri;
	(void)fmt;
	instead();
}

void vsyslog(int pri, const char *fmt, va_list ap)
{
	(void)pri;
	(void)fmt;
	(void)ap;
	instead();
}

void __syslog_chk(int pri, int flag, const char *fmt, ...)
{
	(void)pri;
	(void)flag;
	(void)fmt;
	instead();
}

void __vsyslog_chk(int pri, int flag, const char *fmt, va_list ap)
{
	(void)pri;
	(void)flag;
	(void)fmt;
	(void)ap;
	instead();
}
