/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/io.h"

int file_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	const char *p = buf;

	while (n) {
		ssize_t w = io->pwrite(fd, p, n, (off_t)off);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		if (w == 0)
			return -ENOSPC;
		p += w;
		n -= (size_t)w;
		off += (uint64_t)w;
	}
	return 0;
}

long file_pread(int fd, void *buf, size_t n, uint64_t off)
{
	char *p = buf;
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, p + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (long)done;
}

int64_t file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : st.st_size;
}

int file_load(int dir, const char *name, size_t max, char **data, size_t *n)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *p;
	long got;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return -EFBIG;
	p = malloc((size_t)st.st_size + 1);
	if (!p)
		return -ENOMEM;
	got = file_pread(fd, p, (size_t)st.st_size, 0);
	if (got < 0) {
		free(p);
		return (int)got;
	}
	p[got] = '\0';
	*data = p;
	*n = (size_t)got;
	return 0;
}

int file_replace(int dir, const char *name, const void *data, size_t n, mode_t mode)
{
	char tmp[64];
	int fd, r;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	fd = io->openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = file_pwrite(fd, data, n, 0);
	if (!r && io->fdatasync(fd))
		r = -errno;
	if (io->close(fd) && !r)
		r = -errno;
	if (!r && io->renameat(dir, tmp, dir, name))
		r = -errno;
	if (!r && io->fsync(dir))
		r = -errno;
	return r;
}
