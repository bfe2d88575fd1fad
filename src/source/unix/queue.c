/* SPDX-License-Identifier: BSD-3-Clause */
#include "source/unix/queue.h"

#include <errno.h>

static int word(const struct fetch_mem *mem, uint64_t gva, uint64_t *v)
{
	return mem->read(mem->ctx, gva, v, sizeof(*v)) ? -EFAULT : 0;
}

struct queue_look queue_look(const struct fetch_mem *mem, uint64_t list)
{
	const struct queue_look broken = {.state = QUEUE_BROKEN};
	uint64_t head[2], tail[2], next;

	if (mem->read(mem->ctx, list, head, sizeof(head)) || !head[1])
		return broken;
	if (head[1] == list)
		return (struct queue_look){.state = head[0] == list ? QUEUE_EMPTY : QUEUE_TAKING};
	if (mem->read(mem->ctx, head[1], tail, sizeof(tail)))
		return broken;
	if (tail[0] != list)
		return (struct queue_look){.state = QUEUE_TAKING, .tail = head[1]};
	if (word(mem, tail[1] + QUEUE_NEXT, &next))
		return broken;
	if (next == head[1])
		return (struct queue_look){.state = QUEUE_STILL, .tail = head[1]};
	if (next != list)
		return broken;
	return (struct queue_look){QUEUE_ADDING, head[1], tail[1] == list ? 0 : tail[1]};
}

int queue_backlog(const struct fetch_mem *mem, uint64_t list, uint64_t *skb, unsigned max, unsigned *n)
{
	uint64_t at, prev = list, back;

	*n = 0;
	if (word(mem, list + QUEUE_NEXT, &at))
		return -EFAULT;
	while (at != list && *n < max) {
		if (word(mem, at + QUEUE_PREV, &back))
			return -EFAULT;
		if (back != prev) /* so no chain can bite its own tail */
			return -EBADMSG;
		skb[(*n)++] = prev = at;
		if (word(mem, at + QUEUE_NEXT, &at))
			return -EFAULT;
	}
	return (int)*n;
}
