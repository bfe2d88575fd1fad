/* SPDX-License-Identifier: BSD-3-Clause */
/* uploaders.c - the parent of a worker's uploaders: it starts one that died again, and ends when all have. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mirror/push/courier.h"
#include "mirror/push/uploader.h"

#define AGAIN_MS 1000          /* after one, or its courier, was killed */
#define AGAIN_LATER_MS 60000   /* after one that could not begin */

struct family {
	const struct upload_target *target;
	struct uploader of; /* what is common to all */
	pid_t pid[UPLOADERS_MAX];
	unsigned n;
};

/* Ctrl-C at a terminal and a service's stop are the worker's to answer: its end of the pipes is the word. */
static void leave_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static void bear(struct family *f, unsigned i)
{
	f->pid[i] = fork();
	if (f->pid[i] == 0) {
		f->of.target = f->target[i];
		prctl(PR_SET_NAME, "logvisor-push");
		_exit(uploader_run(&f->of));
	}
}

/* Wait a little. True: the worker has ended. */
static bool is_over(const struct family *f, int status)
{
	struct patience p = {.stop = f->of.stop};
	bool soon = WIFSIGNALED(status) || WEXITSTATUS(status) == UPLOADER_AGAIN;

	patience_wait(&p, -1, false, soon ? AGAIN_MS : AGAIN_LATER_MS);
	return p.deadline_ms != 0;
}

static void look_after(struct family *f)
{
	unsigned alive = f->n;
	int status;

	for (unsigned i = 0; i < f->n; i++)
		bear(f, i);
	while (alive) {
		pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno != EINTR)
			return;
		for (unsigned i = 0; i < f->n; i++) {
			if (pid != f->pid[i])
				continue;
			if (status == 0 || is_over(f, status))
				alive--;
			else
				bear(f, i);
		}
	}
}

int uploaders_start(struct uploaders *u, const char *name, const char *dir, const struct upload_target *target,
	unsigned n, struct err *e)
{
	int go[2], stop[2];

	if (n > UPLOADERS_MAX)
		return err_set(e, EINVAL, "more than %d mirrors and witnesses", UPLOADERS_MAX);
	if (pipe2(go, O_CLOEXEC) || pipe2(stop, O_CLOEXEC))
		return err_set(e, errno, "cannot start the uploaders: %s", strerror(errno));
	u->pid = fork();
	if (u->pid < 0)
		return err_set(e, errno, "cannot start the uploaders: %s", strerror(errno));
	if (u->pid == 0) {
		struct family f = {target, {.name = name, .dir = dir, .go = go[0], .stop = stop[0]}, {0}, n};

		close(go[1]);
		close(stop[1]);
		leave_signals();
		look_after(&f);
		_exit(0);
	}
	close(go[0]);
	close(stop[0]);
	u->go = go[1];
	u->stop = stop[1];
	return 0;
}

void uploaders_go(struct uploaders *u)
{
	close(u->go);
	u->go = -1;
}

void uploaders_end(struct uploaders *u)
{
	if (u->go >= 0)
		uploaders_go(u);
	close(u->stop);
	u->stop = -1;
	while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}
