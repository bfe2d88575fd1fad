/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/io.h"

/* @fd if it is a regular file's; otherwise it is closed. -errno. */
static int regular(int fd)
{
	struct stat st;
	int r;

	if (fd < 0) /* a socket, a device without a driver */
		return errno == ENXIO || errno == ENODEV ? -EMEDIUMTYPE : -errno;
	r = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EMEDIUMTYPE;
	if (!r)
		return fd;
	io->close(fd);
	return r;
}

int file_open(int dir, const char *name)
{
	return regular(openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
}

int file_create(int dir, const char *name)
{
	return regular(io->openat(dir, name,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644));
}

bool file_absent(int error)
{
	return error == -ENOENT || error == -ELOOP || error == -EISDIR || error == -EMEDIUMTYPE;
}

const char *file_strerror(int error)
{
	switch (error < 0 ? -error : error) {
	case ELOOP:
		return "it is a symbolic link";
	case EISDIR:
		return "it is a directory";
	case EMEDIUMTYPE:
		return "it is no regular file";
	case EFBIG:
		return "it is too long";
	default:
		return strerror(error < 0 ? -error : error);
	}
}

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
	_cleanup_fd_ int fd = file_open(dir, name);
	int64_t size = fd < 0 ? fd : file_size(fd);
	char *p;
	long got;

	if (size < 0)
		return (int)size;
	if ((uint64_t)size > max)
		return -EFBIG;
	p = malloc((size_t)size + 1);
	if (!p)
		return -ENOMEM;
	got = file_pread(fd, p, (size_t)size, 0);
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
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	char tmp[128];
	int fd, r;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	fd = regular(io->openat(dir, tmp, flags, mode));
	/* What was left there means nothing, whatever it is. */
	if (fd < 0 && file_absent(fd) && !io->unlinkat(dir, tmp, fd == -EISDIR ? AT_REMOVEDIR : 0))
		fd = regular(io->openat(dir, tmp, flags, mode));
	if (fd < 0)
		return fd;
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
