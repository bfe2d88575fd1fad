/* SPDX-License-Identifier: BSD-3-Clause */
/* dirs.c - directories that have to be there before what is made in them. */
#include "util/dirs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int dirs_above(int dir, const char *path, mode_t mode)
{
	const size_t n = strlen(path);
	char copy[PATH_MAX];

	if (!n || n >= sizeof(copy))
		return n ? -ENAMETOOLONG : 0;
	memcpy(copy, path, n + 1);
	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdirat(dir, copy, mode) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}
