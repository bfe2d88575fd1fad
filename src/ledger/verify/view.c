/* SPDX-License-Identifier: BSD-3-Clause */
#include "ledger/verify/view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/layout.h"
#include "ledger/ledger.h"
#include "util/cleanup.h"

#define RETAKE 1000    /* times to begin again because of a pruning */
#define SETTLE 250     /* and for what a writer leaves for an instant to be complete, this long apart: */
#define SETTLE_MS 2
#define HOLES 65536    /* missing segments that are looked for one by one */
#define SPARE_FILES 64 /* descriptors left to everything else */
#define LATER (-EMFILE)

static int open_kind(int dir, uint64_t segment, enum view_kind kind)
{
	static const char *const kinds[VIEW_KINDS] = {"entries", "index", "hashes"};
	char name[LAYOUT_NAME];

	layout_segment(name, segment, kinds[kind]);
	return file_open(dir, name);
}

/* How many files the process may have open, now that it may have as many as it can. */
static uint64_t file_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return 0;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l))
		getrlimit(RLIMIT_NOFILE, &l);
	return l.rlim_cur;
}

static int hold_files(struct view *v, struct err *e)
{
	uint64_t limit = file_limit(), held = SPARE_FILES;

	if (!v->count)
		return 0;
	v->from = v->low;
	v->n = v->high - v->low + 1;
	if (v->n > v->count + HOLES) {
		v->n = 0;
		return err_set(e, EBADMSG, "'log' holds a file of segment %" PRIu64 " and only %" PRIu64
			" segments: foreign files?", v->high, v->count);
	}
	v->fd = malloc(v->n * sizeof(*v->fd));
	if (!v->fd) {
		v->n = 0;
		return err_set(e, ENOMEM, "out of memory");
	}
	for (uint64_t i = 0; i < v->n; i++)
		for (unsigned k = 0; k < VIEW_KINDS; k++) {
			v->fd[i][k] = held < limit ? open_kind(v->dir, v->from + i, k) : LATER;
			held += v->fd[i][k] >= 0;
		}
	return 0;
}

static void look_at_size(struct view *v)
{
	_cleanup_fd_ int fd = file_open(v->dir, "size");

	memset(&v->slots, 0, sizeof(v->slots));
	v->on_size = fd < 0 ? fd : slots_read(fd, &v->slots);
}

/* The log ends where segments no longer follow one on another, whatever else has a number. */
static void find_end(struct view *v)
{
	uint64_t size = v->seal.on_checkpoint.error ? 0 : v->seal.checkpoint.size;

	v->high = survey_start(&v->survey, v->pruned.first, size);
	if (!survey_has(&v->survey, v->high)) /* `first` names what there is nothing of: it is judged, not followed */
		v->high = survey_start(&v->survey, 0, size);
	while (survey_has(&v->survey, v->high + 1))
		v->high++;
	v->count = survey_next(&v->survey, 0, &v->low) ? survey_count(&v->survey, v->low, v->high + 1) : 0;
	if (!v->count)
		v->low = v->high = 0;
}

static int look(struct view *v, int dir, const struct vkey *pin, struct err *e)
{
	memset(v, 0, sizeof(*v));
	v->dir = dir;
	v->on_first = pruned_load(dir, &v->pruned);
	seal_load(dir, pin, &v->seal, NULL);
	look_at_size(v);
	v->on_log = survey_load(dir, &v->survey);
	if (v->on_log)
		return v->on_log == -ENOMEM ? err_set(e, ENOMEM, "out of memory") : 0;
	find_end(v);
	return hold_files(v, e);
}

/* Was something pruned while the files were opened? What is missing since was there a moment before. */
static bool overtaken(const struct view *v)
{
	bool missing = v->count && v->low * LEDGER_SEGMENT > v->pruned.first;
	struct pruned now;

	for (uint64_t i = 0; i < v->n && !missing; i++)
		for (unsigned k = 0; k < VIEW_KINDS; k++)
			missing = missing || v->fd[i][k] == -ENOENT;
	return missing && !pruned_load(v->dir, &now) && now.first != v->pruned.first;
}

/* What a writer leaves for an instant: a ledger being made, a slot of `size` being written. */
static bool unsettled(const struct view *v)
{
	return v->seal.on_checkpoint.error || v->on_size || v->on_log ||
		slots_most(&v->slots) < v->seal.checkpoint.size;
}

static bool has_writer(int dir)
{
	char path[32];
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return ledger_writer(path, &pid) == 1;
}

int view_take(struct view *v, int dir, const struct vkey *pin, struct err *e)
{
	const struct timespec pause = {.tv_nsec = SETTLE_MS * 1000000};
	unsigned waited = 0;
	bool again = false; /* looked again since there was no writer: the last one may just have ended */
	int r = look(v, dir, pin, e);

	for (unsigned i = 0; i < RETAKE && !r; i++) {
		if (!overtaken(v)) {
			bool writer;

			if (!unsettled(v))
				break;
			writer = has_writer(dir);
			if (!writer && again)
				break;
			again = !writer;
			if (writer && waited++ == SETTLE)
				break;
			if (writer)
				nanosleep(&pause, NULL);
		}
		view_release(v);
		r = look(v, dir, pin, e);
	}
	return r;
}

void view_release(struct view *v)
{
	for (uint64_t i = 0; i < v->n; i++)
		for (unsigned k = 0; k < VIEW_KINDS; k++)
			if (v->fd[i][k] >= 0)
				close(v->fd[i][k]);
	free(v->fd);
	v->fd = NULL;
	v->n = 0;
	seal_free(&v->seal);
	survey_free(&v->survey);
}

int view_open(const struct view *v, uint64_t segment, enum view_kind kind)
{
	bool held = segment >= v->from && segment - v->from < v->n;
	int fd = held ? v->fd[segment - v->from][kind] : LATER;
	struct pruned now;

	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	/* Of a segment that has lost its entries the other files may be there. */
	if (fd == LATER)
		fd = open_kind(v->dir, segment, kind);
	if (held && fd == -ENOENT && segment >= v->pruned.first / LEDGER_SEGMENT && !pruned_load(v->dir, &now) &&
		now.first / LEDGER_SEGMENT > segment)
		return -ESTALE;
	return fd;
}
