/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/own/own.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* The first 16 digits of the kernel's own name for its boot, a UUID. */
static bool name_boot(char boot[17])
{
	_cleanup_file_ FILE *f = fopen(BOOT_ID, "re");
	unsigned n = 0;
	int c;

	while (f && n < 16 && (c = fgetc(f)) != EOF)
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
			boot[n++] = (char)c;
		else if (c != '-')
			return false;
	boot[n] = 0;
	return n == 16;
}

struct own *own_make(const struct trap_ops *ops, struct err *e)
{
	struct own *o = calloc(1, sizeof(*o));

	if (!o) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	o->t.ops = ops;
	o->t.host = &o->info;
	o->fd = -1;
	o->info.boot_marked = true;
	if (!name_boot(o->info.boot)) {
		err_set(e, EIO, "cannot read the name of this boot in " BOOT_ID);
		free(o);
		return NULL;
	}
	return o;
}

int own_wait(struct trap *t, int timeout_ms, struct trap_event *ev, struct err *e)
{
	struct own *o = (struct own *)t;
	struct pollfd p = {.fd = o->child ? o->fd : -1};

	*ev = (struct trap_event){.type = TRAP_IDLE, .vcpu = UINT32_MAX, .emptied = true};
	if (poll(&p, 1, timeout_ms) > 0)
		return err_set(e, EPIPE, "the process that reads the log has ended; attach again");
	return 0;
}

int own_hold(struct trap *t, struct err *e)
{
	(void)t, (void)e;
	return 0;
}

unsigned own_detach(struct trap *t)
{
	struct own *o = (struct own *)t;

	if (o->fd >= 0)
		close(o->fd);
	while (o->child > 0 && waitpid(o->child, NULL, 0) < 0 && errno == EINTR)
		;
	free(o);
	return 0;
}
