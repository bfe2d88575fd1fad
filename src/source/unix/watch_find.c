/* SPDX-License-Identifier: BSD-3-Clause */
/* watch_find.c - which of a guest's sockets are logs. */
#include <string.h>

#include "source/unix/kind.h"
#include "source/unix/watch_impl.h"

static const char deleted[] = " (deleted)";

/* The last names of paths that can be a log's: most sockets are told from logs by that. */
static bool may_be(const struct watch *w, uint64_t dentry)
{
	static const char *const names[] = {"log", "dev-log", "socket", "stdout"};
	char name[PATH_NAME_MAX + 1];

	if (path_last(&w->mem, &w->paths, dentry, name, sizeof(name)) < 0)
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The channel of what comes to @s; RECORD_META: it is no log, or not one that is wanted. */
static enum record_channel channel_of(const struct watch *w, const struct unix_socket *s)
{
	const size_t tail = sizeof(deleted) - 1;
	char text[PATH_LEN_MAX];
	enum record_channel channel;
	int n;

	if (!s->dentry || (s->type != UNIX_DGRAM && s->type != UNIX_STREAM) || !may_be(w, s->dentry))
		return RECORD_META;
	n = path_of(&w->mem, &w->paths, s->mnt, s->dentry, text, sizeof(text));
	if (n < 0)
		return RECORD_META;
	/* Who is connected to it goes on sending when its name is gone. */
	if ((size_t)n > tail && !strcmp(text + n - tail, deleted))
		n -= (int)tail;
	channel = unix_channel((struct span){text, (size_t)n});
	if (!(w->channels & 1U << channel) || (channel == RECORD_STREAM) != (s->type == UNIX_STREAM))
		return RECORD_META;
	return channel;
}

static bool same(const struct watch_queue *q, const struct unix_socket *s)
{
	return q->sock == s->gva && q->dentry == s->dentry && q->mnt == s->mnt && q->type == s->type;
}

static void found(void *ctx, const struct unix_socket *s)
{
	struct watch *w = ctx;
	enum record_channel channel = channel_of(w, s);

	if (channel == RECORD_META)
		return;
	for (unsigned i = 0; i < w->n; i++)
		if (same(&w->q[i], s))
			return;
	watch_add(w, &(struct watch_queue){.list = s->gva + w->socks.queue, .sock = s->gva, .mnt = s->mnt,
		.dentry = s->dentry, .type = s->type, .channel = channel});
}

void watch_rescan(struct watch *w)
{
	struct unix_walk walk;

	if (w->audit)
		return;
	unix_walk_all(&w->mem, &w->socks, &walk, found, w);
	w->walk_over |= walk.over;
}

void watch_rescan_bound(struct watch *w)
{
	struct unix_walk walk;

	if (w->audit)
		return;
	unix_walk_bound(&w->mem, &w->socks, w->bound, &walk, found, w);
	w->walk_over |= walk.over;
}

bool watch_is_there(const struct watch *w, struct watch_queue *q)
{
	struct unix_socket s;

	if (!q->sock)
		return true;
	if (unix_socket_read(&w->mem, &w->socks, q->sock, &s) || !same(q, &s))
		return false;
	q->listener = s.type == UNIX_STREAM && s.state == UNIX_LISTEN; /* bound first, and listening a moment later */
	return true;
}
