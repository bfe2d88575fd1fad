/* SPDX-License-Identifier: BSD-3-Clause */
/* musl.c - syslog(3) as guests have it whose libc is musl: musl TEXT, said by "musl" to facility authpriv. */
#include <stdio.h>
#include <syslog.h>

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: musl TEXT\n");
		return 2;
	}
	openlog("musl", LOG_PID, LOG_AUTHPRIV);
	syslog(LOG_NOTICE, "%s", argv[1]);
	return 0;
}
