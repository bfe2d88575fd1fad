/* SPDX-License-Identifier: BSD-3-Clause */
/* dirs.h - directories that have to be there before what is made in them. */
#ifndef LOGVISOR_UTIL_DIRS_H
#define LOGVISOR_UTIL_DIRS_H

#include <sys/types.h>

/*
 * Make all of @path, relative to @dir (AT_FDCWD), before its last slash, each directory that is not there with @mode
 * less the umask. 0, or -errno: -ENAMETOOLONG, or as mkdirat(2) but -EEXIST; what was made stays.
 */
int dirs_above(int dir, const char *path, mode_t mode);

#endif
