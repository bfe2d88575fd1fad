/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cleanup.h - ownership by scope: a local marked _cleanup_*_ is released when it goes out of scope.
 */
#ifndef LOGVISOR_UTIL_CLEANUP_H
#define LOGVISOR_UTIL_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_fd_ __attribute__((cleanup(cleanup_fd)))
#define _cleanup_file_ __attribute__((cleanup(cleanup_file)))

#endif
