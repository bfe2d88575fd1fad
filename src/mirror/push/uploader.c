/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror/push/uploader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/push/courier.h"
#include "mirror/push/state.h"
#include "record/harmless.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/sandbox.h"

#define BACK_OFF_MS 250
#define BACK_OFF_MAX_MS 60000
#define LOOK_MS 5000          /* the checkpoint is looked at so often if inotify does not tell */
#define BUSY_MAX_MS 30000     /* how long `once` waits for a peer that is busy */

struct work {
	const struct uploader *o;
	struct upload u;
	struct courier courier;
	struct patience patience;
	int watch, lock;
	struct push_state said;  /* in the state file */
	bool any;                /* something was cosigned in this run */
	int back_off_ms;
};

static void say(const struct work *w, const char *text)
{
	fprintf(stderr, "logvisor: %s: ", w->o->name);
	harmless_put(stderr, span_of(text), false, HARMLESS_ONE_LINE);
	fputc('\n', stderr);
}

static void tell(void *ctx, const char *text)
{
	say(ctx, text);
}

static int send_by_courier(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct work *w = ctx;
	int r;

	memset(a, 0, sizeof(*a));
	r = courier_ask(&w->courier, q, &w->patience, e);
	if (r)
		return r;
	upload_ahead(&w->u);
	return courier_answer(&w->courier, q, a, &w->patience, e);
}

/* The directory for what comes back, and that no other uploader of this target is at work on this machine. */
static int prepare(struct work *w, struct err *e)
{
	_cleanup_fd_ int dir = open(w->o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), sub = -1;
	char id[COSIGNED_ID + 1], name[COSIGNED_ID + 8];
	struct stat st;

	if (dir < 0)
		return err_set(e, errno, "%.300s: %s", w->o->dir, strerror(errno));
	if (mkdirat(dir, COSIGNED_DIR, 0755) && errno != EEXIST)
		return err_set(e, errno, "%.300s/" COSIGNED_DIR ": %s", w->o->dir, strerror(errno));
	sub = openat(dir, COSIGNED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cosigned_id(&w->o->target.key, id);
	snprintf(name, sizeof(name), "%s.lock", id);
	w->lock = sub < 0 ? -errno : file_create(sub, name);
	if (w->lock < 0)
		return err_set(e, -w->lock, "%.300s/" COSIGNED_DIR ": %s", w->o->dir, file_strerror(w->lock));
	if (flock(w->lock, LOCK_EX | LOCK_NB))
		return err_set(e, EBUSY, "%.200s: this ledger is being uploaded there already ('logvisor attach --mirror')",
			w->o->target.url);
	if (geteuid() == 0 && (fstat(dir, &st) || fchown(sub, st.st_uid, st.st_gid) || fchown(w->lock, st.st_uid, st.st_gid)))
		return err_set(e, errno, "%.300s/" COSIGNED_DIR ": %s", w->o->dir, strerror(errno));
	w->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->watch >= 0)
		inotify_add_watch(w->watch, w->o->dir, IN_MOVED_TO);
	return 0;
}

/* The ledger's directory, as its owner, and one socket are all that is left. */
static int confine(const struct work *w, struct err *e)
{
	int r = sandbox_only_dir(w->o->dir, e);
	struct stat st;

	if (r >= 0 && fstat(w->u.fd, &st))
		r = err_set(e, errno, "%.300s: %s", w->o->dir, strerror(errno));
	return r < 0 ? r : sandbox_enter(SANDBOX_WORKER, st.st_uid, st.st_gid, 0, e);
}

static void drain(const struct work *w)
{
	char events[4096];

	while (w->watch >= 0 && read(w->watch, events, sizeof(events)) > 0)
		continue;
}

/* To stderr what is new, to the state file what has changed. */
static void report(struct work *w, const struct err *why)
{
	const struct upload *u = &w->u;
	struct push_state now;
	char text[sizeof(now.text) + 64];

	push_state_of(u, why, &now);
	if (now.trouble[0] && (strcmp(now.trouble, w->said.trouble) ||
		(u->trouble != UPLOAD_AWAY && strcmp(now.text, w->said.text)))) {
		snprintf(text, sizeof(text), "%s%s", now.text, u->trouble == UPLOAD_AWAY && !w->o->once ?
			"; records stay here until it answers" : "");
		say(w, text);
	} else if (!now.trouble[0] && u->done.size && (!w->any || w->said.trouble[0])) {
		w->any = true;
		snprintf(text, sizeof(text), "%s: %" PRIu64 " records are cosigned by %s", u->target->url, u->done.size,
			u->target->key.name);
		say(w, text);
	}
	if (memcmp(&now, &w->said, sizeof(now)) && !push_state_put(u->fd, &u->target->key, &now))
		w->said = now;
}

/* Wait before the next attempt. False: no patience is left. */
static bool back_off(struct work *w)
{
	int ms = w->back_off_ms;

	if (w->u.retry_after * 1000 > ms)
		ms = (int)w->u.retry_after * 1000;
	w->back_off_ms = w->back_off_ms * 2 < BACK_OFF_MAX_MS ? w->back_off_ms * 2 : BACK_OFF_MAX_MS;
	return patience_wait(&w->patience, -1, false, ms) != -ETIMEDOUT;
}

static int verdict(const struct work *w)
{
	switch (w->u.trouble) {
	case UPLOAD_FORK:
	case UPLOAD_AHEAD:
	case UPLOAD_LIES:
		return 1;
	default:
		return 2;
	}
}

/* The last words of one that could not wait any longer. */
static int gave_up(const struct work *w)
{
	char text[512];

	if (w->u.signed_size <= w->u.done.size)
		return 0;
	snprintf(text, sizeof(text), "%s: %" PRIu64 " signed records are not cosigned there yet; 'logvisor push' brings them "
		"over", w->u.target->url, w->u.signed_size - w->u.done.size);
	say(w, text);
	return 0;
}

static int loop(struct work *w)
{
	int64_t begun = clock_due_ms();
	struct err e = {""};

	for (;;) {
		/* What was signed before the end was told is what this round begins with; else another one follows. */
		bool last = w->o->once || w->patience.deadline_ms;
		int r = upload_round(&w->u, &e);

		if (r == -ECHILD)
			return UPLOADER_AGAIN; /* with another courier */
		if (r == -EAGAIN)
			continue;
		report(w, &e);
		if (!r)
			w->back_off_ms = BACK_OFF_MS;
		if (!r && last)
			return 0;
		if (!r && w->patience.deadline_ms)
			continue;
		if (r && w->o->once && !(w->u.retry_after && clock_due_ms() - begun < BUSY_MAX_MS))
			return verdict(w);
		if (!r && patience_wait(&w->patience, w->watch, false, LOOK_MS) == 1)
			drain(w);
		if (r && !back_off(w))
			return gave_up(w);
	}
}

int uploader_run(const struct uploader *o)
{
	struct work w = {.o = o, .courier.fd = -1, .watch = -1, .lock = -1, .back_off_ms = BACK_OFF_MS,
		.patience = {.stop = o->stop, .last_ms = UPLOADER_LAST_MS}};
	struct patience forever = {.stop = -1};
	struct err e = {""};
	int r;

	if (o->go >= 0)
		patience_wait(&forever, o->go, false, -1);
	if (o->go >= 0 && access(o->dir, F_OK))
		return 0; /* the worker ended before there was a ledger */
	w.u = (struct upload){.dir = o->dir, .target = &o->target, .send = send_by_courier, .tell = tell, .ctx = &w, .fd = -1};
	r = prepare(&w, &e);
	if (!r)
		r = courier_start(&w.courier, o->target.url, o->target.identity, &e);
	if (!r)
		r = upload_open(&w.u, &e);
	if (!r)
		r = confine(&w, &e);
	if (r) {
		say(&w, e.text);
		return 2;
	}
	return loop(&w);
}
