/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.c - own user, no capabilities, one directory, a short list of system calls. */
#include "worker/confine.h"

#include <stdbool.h>
#include <unistd.h>

#include "util/give.h"
#include "util/sandbox.h"

int worker_confine(const char *dir, bool *alone, struct err *e)
{
	uid_t uid;
	gid_t gid;
	int r;

	sandbox_user(&uid, &gid);
	r = geteuid() == 0 ? give_tree(dir, uid, gid, e) : 0;
	if (!r)
		r = sandbox_only_dir(dir, e);
	if (r < 0)
		return r;
	*alone = r > 0;
	return sandbox_enter(SANDBOX_WORKER, uid, gid, 0, e);
}
