/* SPDX-License-Identifier: BSD-3-Clause */
/* confine.c - own user, no capabilities, one directory, a short list of system calls. */
#include "worker/confine.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/sandbox.h"

/*
 * Directories and plain files with one name only: a link that a former worker may have made is not
 * followed, and nothing is given away that has a name elsewhere.
 */
static int give_tree(const char *dir, uid_t uid, gid_t gid, struct err *e)
{
	char *const paths[] = {(char *)dir, NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	const FTSENT *f;
	int r = 0;

	if (!tree)
		return err_set(e, errno, "%.300s: %s", dir, strerror(errno));
	while (!r && (f = fts_read(tree))) {
		bool file = f->fts_info == FTS_F && f->fts_statp->st_nlink == 1;

		if (!file && f->fts_info != FTS_D)
			continue;
		if (f->fts_statp->st_uid != uid && lchown(f->fts_accpath, uid, gid))
			r = err_set(e, errno, "cannot give %.300s to user %u: %s", f->fts_path, (unsigned)uid,
				strerror(errno));
	}
	fts_close(tree);
	return r;
}

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
