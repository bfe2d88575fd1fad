/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * poke.c - overwrite bytes in a VM's memory, as an attacker in the guest's kernel would:
 *   poke PID FROM TO    FROM and TO in hex, of equal length; prints how often FROM was found
 * Looks through the largest anonymous mapping of the VMM's process.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv)
{
	unsigned char from[16], to[16], *buf = malloc(CHUNK);
	unsigned long at, end;
	unsigned found = 0;
	char path[64];
	size_t n;
	int fd;

	if (argc != 4 || !buf)
		errx(2, "usage: poke PID FROM TO");
	n = unhex(argv[2], from, sizeof(from));
	if (!n || unhex(argv[3], to, sizeof(to)) != n)
		errx(2, "FROM and TO must be hex and of equal length");
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	fd = open(path, O_RDWR);
	if (fd < 0)
		err(2, "%s", path);
	for (largest(argv[1], &at, &end); at < end; at += CHUNK - 16) {
		ssize_t k = pread(fd, buf, end - at < CHUNK ? end - at : CHUNK, (off_t)at);
		unsigned char *p = buf;

		while (k > 0 && (p = memmem(p, (size_t)(buf + k - p), from, n))) {
			if (pwrite(fd, to, n, (off_t)(at + (size_t)(p - buf))) == (ssize_t)n)
				found++;
			p++;
		}
	}
	printf("%u\n", found);
	free(buf);
	return 0;
}
