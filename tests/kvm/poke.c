/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * poke.c - look for bytes in a VM's memory and overwrite them, as an attacker in the guest's kernel would.
 *
 *   poke PID BYTES              print the addresses (in the VMM) at which BYTES, in hex, are found
 *   poke PID BYTES ADDRESS...   write BYTES there
 *   poke PID out                have the host's kernel swap the memory out, as it does when it has none left
 *
 * Looks through the largest anonymous mapping of the VMM's process.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHUNK (1u << 20)

static size_t unhex(const char *s, unsigned char *out, size_t cap)
{
	size_t n = 0;
	unsigned v;

	for (; n < cap && sscanf(s, "%2x", &v) == 1; s += 2)
		out[n++] = (unsigned char)v;
	return n;
}

/* The process's largest mapping without a file: the guest's RAM. */
static void largest(const char *pid, unsigned long *from, unsigned long *to)
{
	char path[64], line[512], perm[8];
	unsigned long a, b, ino;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	f = fopen(path, "r");
	if (!f)
		err(2, "%s", path);
	*from = *to = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %7s %*s %*s %lu", &a, &b, perm, &ino) == 4 && !ino &&
			b - a > *to - *from) {
			*from = a;
			*to = b;
		}
	fclose(f);
}

static void find(int fd, const char *pid, const unsigned char *bytes, size_t n)
{
	unsigned char *buf = malloc(CHUNK);
	unsigned long at, end;

	if (!buf)
		err(2, NULL);
	for (largest(pid, &at, &end); at < end; at += CHUNK - 16) {
		ssize_t k = pread(fd, buf, end - at < CHUNK ? end - at : CHUNK, (off_t)at);
		unsigned char *p = buf;

		/* A match in the overlap belongs to the next chunk. */
		while (k > 0 && (p = memmem(p, (size_t)(buf + k - p), bytes, n))) {
			if (p < buf + CHUNK - 16)
				printf("%lx\n", at + (size_t)(p - buf));
			p++;
		}
	}
	free(buf);
}

static void page_out(const char *pid)
{
	int fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
	unsigned long from, to;
	struct iovec v;

	largest(pid, &from, &to);
	v = (struct iovec){(void *)from, to - from};
	if (fd < 0 || syscall(SYS_process_madvise, fd, &v, 1, MADV_PAGEOUT, 0) < 0)
		err(2, "process_madvise");
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned char bytes[16];
	char path[64];
	size_t n;
	int fd;

	if (argc == 3 && !strcmp(argv[2], "out")) {
		page_out(argv[1]);
		return 0;
	}
	n = argc < 3 ? 0 : unhex(argv[2], bytes, sizeof(bytes));
	if (!n)
		errx(2, "usage: poke PID BYTES [ADDRESS...] | PID out");
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	fd = open(path, O_RDWR);
	if (fd < 0)
		err(2, "%s", path);
	if (argc == 3)
		find(fd, argv[1], bytes, n);
	for (int i = 3; i < argc; i++)
		if (pwrite(fd, bytes, n, (off_t)strtoull(argv[i], NULL, 16)) != (ssize_t)n)
			err(2, "%s", argv[i]);
	return 0;
}
