/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int libc_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return openat(dirfd, path, flags, mode);
}

const struct io_ops io_libc = {
	.openat = libc_openat,
	.pwrite = pwrite,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.renameat = renameat,
	.unlinkat = unlinkat,
	.mkdirat = mkdirat,
	.ftruncate = ftruncate,
	.close = close,
};

const struct io_ops *io = &io_libc;
