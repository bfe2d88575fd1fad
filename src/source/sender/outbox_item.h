/* SPDX-License-Identifier: BSD-3-Clause */
/* outbox_item.h - what waits in an outbox; for outbox.c and backlog.c only. */
#ifndef LOGVISOR_SOURCE_SENDER_OUTBOX_ITEM_H
#define LOGVISOR_SOURCE_SENDER_OUTBOX_ITEM_H

#include "source/sender/outbox.h"

struct outbox_item {
	struct outbox_item *next;
	bool settled; /* it is not stored yet, or nobody can tell */
	uint64_t part, parts; /* the next one to go out; 0: in one piece */
	struct outbox_message m; /* points into bytes */
	struct app_copy copy; /* without its data */
	char bytes[];
};

/* Take the item at @at out and free it. */
void outbox_drop(struct outbox *o, struct outbox_item **at);

#endif
