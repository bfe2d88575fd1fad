/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "util/span.h"

/* "NNNNNNNN.KIND" of one of the three kinds. */
static const char *segment_kind(const char *name, uint64_t *segment)
{
	static const char *const kinds[] = {"entries", "index", "hashes"};

	if (strlen(name) < 10 || name[8] != '.' || !span_digits((struct span){name, 8}, segment))
		return NULL;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(name + 9, kinds[i]))
			return kinds[i];
	return NULL;
}

static int add(uint64_t **v, size_t *n, size_t *cap, uint64_t segment)
{
	if (*n == *cap) {
		size_t more = *cap ? 2 * *cap : 64;
		uint64_t *p = realloc(*v, more * sizeof(*p));

		if (!p)
			return -ENOMEM;
		*v = p;
		*cap = more;
	}
	(*v)[(*n)++] = segment;
	return 0;
}

static bool is_regular(int log, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_REG;
	return !fstatat(log, d->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

static int take(struct survey *s, int log, const struct dirent *d)
{
	uint64_t segment;
	const char *kind = segment_kind(d->d_name, &segment);

	if (!kind)
		return 0;
	if (!is_regular(log, d)) {
		if (!*s->odd_name || segment >= s->odd) {
			s->odd = segment;
			snprintf(s->odd_name, sizeof(s->odd_name), "log/%.20s", d->d_name);
		}
		return 0;
	}
	return !strcmp(kind, "entries") ? add(&s->segment, &s->n, &s->cap, segment) :
		add(&s->stray, &s->n_stray, &s->cap_stray, segment);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sorted; of .index and .hashes files those that have no .entries beside them, once each. */
static void put_in_order(struct survey *s)
{
	size_t kept = 0;

	if (s->n)
		qsort(s->segment, s->n, sizeof(*s->segment), by_number);
	if (s->n_stray)
		qsort(s->stray, s->n_stray, sizeof(*s->stray), by_number);
	for (size_t i = 0; i < s->n_stray; i++)
		if (!survey_has(s, s->stray[i]) && (!kept || s->stray[kept - 1] != s->stray[i]))
			s->stray[kept++] = s->stray[i];
	s->n_stray = kept;
}

int survey_load(int dir, struct survey *s)
{
	int fd = openat(dir, "log", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	struct dirent *d;
	DIR *list;

	memset(s, 0, sizeof(*s));
	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -ENOMEM;
	}
	while (!r && (errno = 0, d = readdir(list)))
		r = take(s, fd, d);
	if (!r && errno)
		r = -errno;
	closedir(list);
	put_in_order(s);
	return r;
}

void survey_free(struct survey *s)
{
	free(s->segment);
	free(s->stray);
	memset(s, 0, sizeof(*s));
}

/* How many segments there are below @segment. */
static size_t below(const struct survey *s, uint64_t segment)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->segment[mid] < segment)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool survey_has(const struct survey *s, uint64_t segment)
{
	size_t i = below(s, segment);

	return i < s->n && s->segment[i] == segment;
}

int survey_add(struct survey *s, uint64_t segment)
{
	size_t i = below(s, segment);
	int r;

	if (i < s->n && s->segment[i] == segment)
		return 0;
	r = add(&s->segment, &s->n, &s->cap, segment);
	if (r)
		return r;
	memmove(s->segment + i + 1, s->segment + i, (s->n - 1 - i) * sizeof(*s->segment));
	s->segment[i] = segment;
	return 0;
}

uint64_t survey_count(const struct survey *s, uint64_t from, uint64_t to)
{
	return below(s, to) - below(s, from);
}

bool survey_next(const struct survey *s, uint64_t from, uint64_t *segment)
{
	size_t i = below(s, from);

	if (i < s->n)
		*segment = s->segment[i];
	return i < s->n;
}

bool survey_before(const struct survey *s, uint64_t to, uint64_t *segment)
{
	size_t i = below(s, to);

	if (i)
		*segment = s->segment[i - 1];
	return i;
}

uint64_t survey_start(const struct survey *s, uint64_t first, uint64_t signed_size)
{
	uint64_t low = first / LEDGER_SEGMENT, last = signed_size ? (signed_size - 1) / LEDGER_SEGMENT : 0, at;

	if (survey_before(s, last + 1, &at) && at >= low)
		return at;
	/* Nothing of what is signed is there; if nobody knows what is, all that is there may be. */
	return survey_next(s, low, &at) && (!signed_size || at == last + 1) ? at : low;
}

int survey_foreign(const struct survey *s, int dir, uint64_t last, char *name)
{
	uint64_t other;
	int fd = 0;

	if (survey_next(s, last + 1, &other)) {
		layout_segment(name, other, "entries");
		return -EEXIST;
	}
	if (*s->odd_name && s->odd > last) {
		strcpy(name, s->odd_name);
		fd = file_open(dir, name);
	}
	for (unsigned level = 1; level < LAYOUT_LEVELS && fd >= 0; level++) {
		layout_level(name, level);
		fd = file_open(dir, name);
		if (fd >= 0)
			close(fd);
		fd = fd == -ENOENT ? 0 : fd;
	}
	return fd < 0 ? fd : 0;
}
