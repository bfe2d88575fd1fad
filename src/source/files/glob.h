/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * glob.h - which paths a pattern means: "/var/log/" and a name with `*` (any bytes), `?` (one) and `[a-z]` or `[!a-z]`
 * in it, none of which means a slash; a component `**` is any number of directories, none too, and at the end of the
 * pattern all files below.
 */
#ifndef LOGVISOR_SOURCE_FILES_GLOB_H
#define LOGVISOR_SOURCE_FILES_GLOB_H

#include <stdbool.h>

#include "util/err.h"
#include "util/span.h"

#define GLOB_MAX 1024 /* bytes of a pattern */

/* Is it one? 0, or -EINVAL with @e. */
int glob_check(struct span pattern, struct err *e);

/* Does @pattern mean @path, which begins with a slash? The time is bounded by the product of their lengths. */
bool glob_match(struct span pattern, struct span path);

/* Can there be, below the directory @dir ("/" is the root), a path that @pattern means? */
bool glob_below(struct span pattern, struct span dir);

#endif
