/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *usage;
} verbs[] = {
	{ "hello", hello_main, "FIRST COUNT: numbered records to /dev/kmsg" },
	{ "flood", flood_main, "THREADS COUNT [BYTES]: COUNT records from each thread at full speed" },
	{ "records", records_main, ": one record of every special kind" },
	{ "ringend", ringend_main, "COUNT: records that end exactly at the ring's end" },
	{ "kmsg", kmsg_main, ": send all that /dev/kmsg holds to the host" },
	{ "clock", clock_main, "cpuid|msr|outq|kmsg|log|file COUNT: what one costs, in ns" },
	{ "forge", forge_main, "COUNT: hypercalls and INVDs from user space, as if at a trap" },
	{ "desc", desc_main, "COUNT: SLDT, STR, SGDT, SIDT from user space, the same values each time" },
	{ "kexec", kexec_main, "KERNEL INITRD COMMANDLINE: go on as another kernel, without a reset" },
	{ "sock", sock_main, "dgram|stream|splice PATH COUNT [BYTES]: messages to a socket, and taken from there" },
	{ "emit", emit_main, "WAY,...|all|files PROCESSES COUNT [THREADS [BYTES]]: messages to the log sockets, lines to files, by these ways" },
	{ "send", send_main, "dgram|stream PATH: standard input as one message to a socket" },
	{ "sockets", sockets_main, "PATH DIR COUNT: a message from each of so many sockets, bound in DIR" },
	{ "logd", logd_main, "[PATH]: a log daemon that keeps nothing, or one at PATH only; prints its pid" },
	{ "out", out_main, ": send standard input to the host" },
};

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		perror("lab: /dev/kmsg");
		exit(2);
	}
	return fd;
}

int kmsg_put(int fd, const void *text, size_t len)
{
	return write(fd, text, len) == (ssize_t)len ? 0 : errno;
}

/* CPUID leaf 0x40000000, EBX: "KVMK" of KVM, "XenV" of Xen. */
static int without_port(void)
{
	unsigned a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	return b == 0x4b4d564b || b == 0x566e6558;
}

/*
 * On an emulated SVM user space has no access to ports, whatever the TSS says (QEMU's check wants a TSS
 * that is not busy): there what is for the host goes where the command's output goes.
 */
static void stdout_put(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n <= 0) {
			perror("lab: stdout");
			exit(2);
		}
		data += n;
		len -= (size_t)n;
	}
}

void host_put(const void *data, size_t len)
{
	static int allowed;

	if (without_port()) {
		stdout_put(data, len);
		return;
	}
	if (!allowed && ioperm(LAB_PORT, 1, 1)) {
		perror("lab: ioperm");
		exit(2);
	}
	allowed = 1;
	__asm__ volatile("rep outsb" : "+S"(data), "+c"(len) : "d"(LAB_PORT) : "memory");
}

long number(const char *s, long min, long max, const char *what)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*s == '\0' || *end || n < min || n > max) {
		fprintf(stderr, "lab: %s: %s must be %ld..%ld\n", s, what, min, max);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].main(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(stderr, "lab %s %s\n", verbs[i].name, verbs[i].usage);
	return 2;
}
