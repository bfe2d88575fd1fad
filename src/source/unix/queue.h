/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * queue.h - one queue of messages in the guest that is watched: the receive queue of a log socket, or audit_queue. A
 * watchpoint stands on its `prev`, which the kernel writes for each message that is added, holding the queue's lock:
 * as long as the VM stands at that write nobody can take the message away.
 *
 *   __skb_queue_tail()  skb->next = list; skb->prev = tail; list->prev = skb [stop]; tail->next = skb; list->qlen++
 *   __skb_unlink()      list->qlen--; skb->next = skb->prev = NULL; next->prev = prev [stop, if the last was taken];
 *                       prev->next = next
 *   (include/linux/skbuff.h, Linux 5.10 to 7.2, in this order by WRITE_ONCE)
 *
 * So at a stop the tail that its predecessor does not know yet is the new message.
 */
#ifndef LOGVISOR_SOURCE_UNIX_QUEUE_H
#define LOGVISOR_SOURCE_UNIX_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/fetch.h"

/* struct sk_buff begins with next and prev, and so does struct sk_buff_head. */
#define QUEUE_NEXT 0
#define QUEUE_PREV 8

#define QUEUE_BACKLOG_MAX 4096 /* messages found waiting in one queue */

enum queue_state {
	QUEUE_EMPTY,
	QUEUE_STILL,  /* messages wait, and nothing is going on */
	QUEUE_ADDING, /* `tail` is being added */
	QUEUE_TAKING, /* the last one was just taken away */
	QUEUE_BROKEN, /* not readable, or no queue */
};

struct queue_look {
	enum queue_state state;
	uint64_t tail;   /* the last message; QUEUE_TAKING: what is the last now, 0: none */
	uint64_t before; /* QUEUE_ADDING: its predecessor, 0: none */
};

/* Look at the queue whose struct sk_buff_head is at @list. */
struct queue_look queue_look(const struct fetch_mem *mem, uint64_t list);

/*
 * The messages waiting, oldest first, at most @max; one being added is left out. How many, or -EFAULT, -EBADMSG: not
 * to be followed (what was found until then is in @skb, *n says how many).
 */
int queue_backlog(const struct fetch_mem *mem, uint64_t list, uint64_t *skb, unsigned max, unsigned *n);

#endif
