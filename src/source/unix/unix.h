/* SPDX-License-Identifier: BSD-3-Clause */
/* unix.h - what becomes of a message to a log socket; source_unix is in ops.c. */
#ifndef LOGVISOR_SOURCE_UNIX_UNIX_H
#define LOGVISOR_SOURCE_UNIX_UNIX_H

#include "source/unix/impl.h"

void unix_take(struct applog *l, const struct applog_message *m);

#endif
