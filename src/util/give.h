/* SPDX-License-Identifier: BSD-3-Clause */
/* give.h - hand a directory of ours to the user that this process is about to become. */
#ifndef LOGVISOR_UTIL_GIVE_H
#define LOGVISOR_UTIL_GIVE_H

#include <sys/types.h>

#include "util/err.h"

/*
 * Directories below @dir and plain files with one name only: a link that a former process of that user may have
 * made is not followed, and nothing is given away that has a name elsewhere. 0 or -errno with @e.
 */
int give_tree(const char *dir, uid_t uid, gid_t gid, struct err *e);

#endif
