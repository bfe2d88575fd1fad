/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/ledgers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "record/record.h"

static int has_name(const struct dirent *d)
{
	return record_name_ok(d->d_name);
}

static bool has_file(const char *store, const char *name)
{
	static const char *const files[] = {"lock", "checkpoint", "log"};
	char path[4096 + RECORD_NAME_MAX + 16];
	struct stat st;

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%.4095s/%.*s/%s", store, RECORD_NAME_MAX, name, files[i]);
		if (!lstat(path, &st))
			return true;
	}
	return false;
}

int ledgers_find(const char *store, struct ledgers *l, struct err *e)
{
	struct dirent **found = NULL;
	int n = scandir(store, &found, has_name, alphasort), r = 0;

	memset(l, 0, sizeof(*l));
	if (n < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "cannot read the store %.200s: %s", store,
			strerror(errno));
	l->name = calloc((size_t)n + 1, sizeof(*l->name));
	for (int i = 0; i < n; i++) {
		if (l->name && !r && has_file(store, found[i]->d_name)) {
			l->name[l->n] = strdup(found[i]->d_name);
			if (l->name[l->n])
				l->n++;
			else
				r = -ENOMEM;
		}
		free(found[i]);
	}
	free(found);
	return r || !l->name ? err_set(e, ENOMEM, "out of memory") : 0;
}

void ledgers_free(struct ledgers *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	memset(l, 0, sizeof(*l));
}

uint64_t ledgers_bytes(const char *dir)
{
	char log[4200];
	struct dirent *d;
	struct stat st;
	uint64_t n = 0;
	DIR *at;

	snprintf(log, sizeof(log), "%s/log", dir);
	at = opendir(log);
	while (at && (d = readdir(at)))
		if (!fstatat(dirfd(at), d->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
			n += (uint64_t)st.st_blocks * 512;
	if (at)
		closedir(at);
	return n;
}

void ledgers_size_text(uint64_t bytes, char out[16])
{
	static const char units[] = "BKMGT";
	double n = (double)bytes;
	int u = 0;

	for (; n >= 1024 && u < 4; u++)
		n /= 1024;
	snprintf(out, 16, n < 10 && u ? "%.1f%c" : "%.0f%c", n, units[u]);
}
