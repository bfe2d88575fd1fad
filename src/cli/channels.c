/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/channels.h"

#include <errno.h>
#include <string.h>

#include "cli/who.h"
#include "record/record.h"
#include "source/files/glob.h"

#define NAME_MAX_LEN 16

static int add_pattern(struct channels *c, struct span pattern, struct err *e)
{
	if (c->files == CHANNELS_FILES_MAX)
		return err_set(e, EINVAL, "more than %d times files=", CHANNELS_FILES_MAX);
	c->file[c->files++] = pattern;
	c->set |= RECORD_FILES;
	return glob_check(pattern, e);
}

static int add_channel(struct channels *c, struct span name, struct err *e)
{
	char word[NAME_MAX_LEN + 1];
	unsigned int one;
	int r;

	name.n = name.n < NAME_MAX_LEN ? name.n : NAME_MAX_LEN;
	memcpy(word, name.p, name.n);
	word[name.n] = 0;
	r = who_channels(word, &one, e);
	if (!r && one & RECORD_FILES)
		return err_set(e, EINVAL, "'%s' wants to know which files: files=/var/log/**", word);
	c->set |= r ? 0 : one;
	return r;
}

int channels_parse(struct channels *c, const char *list, struct err *e)
{
	static const char files[] = "files=";
	int r = 0;

	*c = (struct channels){.set = 0};
	while (!r) {
		const size_t n = strcspn(list, ","), skip = sizeof(files) - 1;

		if (n >= skip && !strncmp(list, files, skip))
			r = add_pattern(c, (struct span){list + skip, n - skip}, e);
		else
			r = add_channel(c, (struct span){list, n}, e);
		if (!list[n])
			break;
		list += n + 1;
	}
	return r;
}
