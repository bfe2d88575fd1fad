/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/give.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int give_tree(const char *dir, uid_t uid, gid_t gid, struct err *e)
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
