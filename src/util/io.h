/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io.h - the file operations on which durability rests, through one table, so that tests can make any
 * of them fail or stop the world between two of them.
 */
#ifndef LOGVISOR_UTIL_IO_H
#define LOGVISOR_UTIL_IO_H

#include <sys/types.h>

struct io_ops {
	int (*openat)(int dirfd, const char *path, int flags, mode_t mode);
	ssize_t (*pwrite)(int fd, const void *buf, size_t n, off_t off);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*renameat)(int olddir, const char *oldp, int newdir, const char *newp);
	int (*unlinkat)(int dirfd, const char *path, int flags);
	int (*mkdirat)(int dirfd, const char *path, mode_t mode);
	int (*ftruncate)(int fd, off_t size);
	int (*close)(int fd);
};

extern const struct io_ops io_libc; /* the system calls themselves */
extern const struct io_ops *io;     /* in force; tests replace it */

#endif
