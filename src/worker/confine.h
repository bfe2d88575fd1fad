/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * confine.h - what the worker does with its privileges once it is attached: give them up.
 */
#ifndef LOGVISOR_WORKER_CONFINE_H
#define LOGVISOR_WORKER_CONFINE_H

#include <stdbool.h>

#include "util/err.h"

/*
 * Hand the ledger in @dir to the user workers run as (if this process is root's), become that user
 * and enter the sandbox. From now on what the guest's memory may do to this process ends at this VM's
 * ledger and its open descriptors. *@alone: no other file can be reached; false where the kernel has no
 * Landlock, and only owner and mode keep the other ledgers apart. 0, or -errno with @e.
 */
int worker_confine(const char *dir, bool *alone, struct err *e);

#endif
