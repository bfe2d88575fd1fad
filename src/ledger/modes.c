/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/modes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS_READ (S_IRGRP | S_IROTH)
#define OTHERS_WRITE (S_IWGRP | S_IWOTH)

struct check {
	void (*tell)(void *ctx, const char *text);
	void *ctx;
	uid_t owner; /* of the ledger's directory */
};

static bool look(int dir, const char *name, struct stat *st)
{
	return !fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) && !S_ISLNK(st->st_mode);
}

/* A file of the ledger, or its directory 'log', shown as @shown. True if something was told. */
static bool check_file(const struct check *c, const char *shown, const struct stat *st)
{
	unsigned int mode = st->st_mode & 07777;
	bool key = !strcmp(shown, "key");
	char text[400];

	if (key && (mode & (OTHERS_READ | OTHERS_WRITE)))
		snprintf(text, sizeof(text), "others than its owner can read the private key (file 'key', mode %04o): "
			"whoever has it can sign another history; chmod 600 it, and trust only what a checkpoint "
			"kept elsewhere covers", mode);
	else if (mode & OTHERS_WRITE)
		snprintf(text, sizeof(text), "others than its owner can write '%.64s' (mode %04o); chmod go-w it",
			shown, mode);
	else if (st->st_uid != c->owner)
		snprintf(text, sizeof(text), "'%.64s' belongs to user %u, the ledger to user %u: whoever put it "
			"there, or can write it, is another than the ledger's writer", shown,
			(unsigned int)st->st_uid, (unsigned int)c->owner);
	else
		return false;
	c->tell(c->ctx, text);
	return true;
}

/* Of log's files the first that is loose: a chmod that went wrong hits them all. */
static void check_log(const struct check *c, int dir)
{
	int fd = openat(dir, "log", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool told = false;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (!told && (d = readdir(list))) {
		char shown[64];
		struct stat st;

		if (*d->d_name == '.' || !look(fd, d->d_name, &st))
			continue;
		snprintf(shown, sizeof(shown), "log/%.58s", d->d_name);
		told = check_file(c, shown, &st);
	}
	closedir(list);
}

void modes_check(int dir, void (*tell)(void *ctx, const char *text), void *ctx)
{
	static const char *const files[] = {"key", "vkey", "checkpoint", "size", "first", "log"};
	struct check c = {tell, ctx, 0};
	char text[300];
	struct stat st;

	if (fstat(dir, &st))
		return;
	c.owner = st.st_uid;
	if (st.st_mode & OTHERS_WRITE) {
		snprintf(text, sizeof(text), "others than its owner can write the ledger's directory (mode %04o): they "
			"can exchange any of its files; chmod 700 it", (unsigned int)st.st_mode & 07777);
		tell(ctx, text);
	}
	if (look(dir, "..", &st) && (st.st_mode & OTHERS_WRITE) && !(st.st_mode & S_ISVTX)) {
		snprintf(text, sizeof(text), "others than its owner can write the store's directory (mode %04o): they "
			"can put another ledger in this one's place; chmod go-w it",
			(unsigned int)st.st_mode & 07777);
		tell(ctx, text);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (look(dir, files[i], &st))
			check_file(&c, files[i], &st);
	check_log(&c, dir);
}
