/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "util/cleanup.h"
#include "util/span.h"

#define CURSOR_PLACES 10000      /* ledgers; each is looked up among all of them */
#define CURSOR_MAX (1024 * 1024) /* bytes: room for as many */

static int malformed(struct err *e)
{
	return err_set(e, EINVAL, "not a cursor: one is vm=NAME;i=INDEX, as --show-cursor prints it");
}

/* What stands before the next ';', which is taken too. */
static struct span part(struct span *s)
{
	const char *p = s->n ? memchr(s->p, ';', s->n) : NULL;
	struct span out = {s->p, p ? (size_t)(p - s->p) : s->n};
	size_t taken = out.n + (p != NULL);

	s->p += taken;
	s->n -= taken;
	return out;
}

static bool key(struct span *s, const char *name)
{
	size_t n = strlen(name);

	if (s->n < n || memcmp(s->p, name, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

int cursor_set(struct cursor *c, const char *name, uint64_t index)
{
	struct cursor_place *grown;

	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->place[i].name, name) != 0)
			continue;
		c->place[i].index = index;
		return 0;
	}
	grown = realloc(c->place, (c->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->place = grown;
	snprintf(grown[c->n].name, sizeof(grown[c->n].name), "%s", name);
	grown[c->n++].index = index;
	return 0;
}

int cursor_parse(const char *text, struct cursor *c, struct err *e)
{
	struct span s = span_of(text);
	uint64_t index;

	memset(c, 0, sizeof(*c));
	do {
		struct span vm = part(&s), i = part(&s);
		char name[RECORD_NAME_MAX + 1];

		if (!key(&vm, "vm=") || !key(&i, "i=") || !record_name_span_ok(vm) ||
		    !span_decimal(i, &index))
			return malformed(e);
		if (c->n == CURSOR_PLACES)
			return err_set(e, E2BIG, "a cursor of more than %d ledgers", CURSOR_PLACES);
		memcpy(name, vm.p, vm.n);
		name[vm.n] = 0;
		if (cursor_set(c, name, index))
			return err_set(e, ENOMEM, "out of memory");
	} while (s.n);
	return 0;
}

void cursor_free(struct cursor *c)
{
	free(c->place);
	memset(c, 0, sizeof(*c));
}

bool cursor_find(const struct cursor *c, const char *name, uint64_t *index)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->place[i].name, name) != 0)
			continue;
		*index = c->place[i].index;
		return true;
	}
	return false;
}

char *cursor_text(const struct cursor *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		fprintf(f, "%svm=%s;i=%" PRIu64, i ? ";" : "", c->place[i].name, c->place[i].index);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

int cursor_load(const char *file, struct cursor *c, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = file_load(AT_FDCWD, file, CURSOR_MAX, &text, &n);

	memset(c, 0, sizeof(*c));
	if (r == -ENOENT)
		return 0;
	if (r)
		return err_set(e, -r, "--cursor-file %.200s: %s", file, file_strerror(r));
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	if (!n)
		return 0;
	if (strlen(text) < n)
		r = malformed(e);
	text[n] = 0;
	if (!r)
		r = cursor_parse(text, c, e);
	if (r)
		err_prefix(e, "--cursor-file %.200s", file);
	return r ? r : 1;
}

int cursor_save(const char *file, const struct cursor *c, struct err *e)
{
	_cleanup_free_ char *text = cursor_text(c), *temp = NULL;
	_cleanup_fd_ int fd = -1;
	int r = 0;

	if (!text || asprintf(&temp, "%s.XXXXXX", file) < 0)
		return err_set(e, ENOMEM, "out of memory");
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "--cursor-file %.200s: %s", file, strerror(errno));
	if (dprintf(fd, "%s\n", text) < 0 || fsync(fd) || rename(temp, file)) {
		r = err_set(e, errno, "--cursor-file %.200s: %s", file, strerror(errno));
		unlink(temp);
	}
	return r;
}
