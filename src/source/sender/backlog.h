/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * backlog.h - messages found waiting in a queue of the guest, which a worker before this one may have stored when
 * they were sent. Of one socket both are in the order in which they were sent: so the end of what is stored,
 * where it is the beginning of what waits, is the same messages.
 */
#ifndef LOGVISOR_SOURCE_SENDER_BACKLOG_H
#define LOGVISOR_SOURCE_SENDER_BACKLOG_H

#include "source/sender/outbox.h"

#define BACKLOG_LOOK 4096 /* of the newest that are stored in a channel */

/* Take out of @o what was found waiting and is stored. Where that cannot be told it stays: twice is better than never. */
void backlog_settle(struct outbox *o);

#endif
