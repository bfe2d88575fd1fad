/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kmsg.c - what the guest itself can read of its kernel log, sent to the host byte for byte.
 *
 * Each read of /dev/kmsg gives one record, "PRI,SEQ,USEC,FLAGS[,caller=ID];TEXT\n" with control
 * bytes and bytes above 126 written \xNN, then " KEY=VALUE\n" lines (Documentation/ABI/testing/
 * dev-kmsg). Records overwritten before they were read show up as a line "!overwritten".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

int kmsg_main(int argc, char **argv)
{
	static char buf[32768];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	(void)argc, (void)argv;
	if (fd < 0) {
		perror("lab: /dev/kmsg");
		return 2;
	}
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n > 0)
			host_put(buf, n);
		else if (n < 0 && errno == EPIPE)
			host_put("!overwritten\n", 13);
		else if (n < 0 && errno == EAGAIN)
			return 0;
		else {
			fprintf(stderr, "lab: /dev/kmsg: %s\n", n ? strerror(errno) : "end of file");
			return 2;
		}
	}
}

int out_main(int argc, char **argv)
{
	char buf[4096];
	ssize_t n;

	(void)argc, (void)argv;
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		host_put(buf, n);
	return n ? 2 : 0;
}
