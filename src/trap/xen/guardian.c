/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/guardian.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap/xen/talk.h"
#include "util/pass.h"

#define ANSWER_MS 30000 /* on a host that is short of processors */

/* Start the process whose life is @life. Its number, or -errno. */
static pid_t start(struct xen_talk *k, void (*life)(struct xen_talk *k))
{
	pid_t pid = fork();

	if (!pid)
		life(k);
	return pid < 0 ? -errno : pid;
}

static int start_both(struct xen_guardian *g, struct xen_talk *k)
{
	g->pid = start(k, xen_serve);
	if (g->pid < 0)
		return g->pid;
	k->guardian = (int)syscall(SYS_pidfd_open, g->pid, 0);
	if (k->guardian < 0)
		return -errno;
	g->second = start(k, xen_second);
	close(k->guardian);
	return g->second < 0 ? g->second : 0;
}

int xen_guardian_start(struct xen_guardian *g, const struct xen_dom *d, struct err *e)
{
	struct xen_talk k = {.lib = xen_lib(e), .dom = *d};
	int pair[2], r;

	xen_guardian_init(g);
	if (!k.lib)
		return -ENODEV;
	r = xen_claim_open(&k.claim, d, e);
	if (r)
		return r;
	r = xen_catch_make(&g->catching, e);
	if (r)
		goto out;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		r = err_set(e, errno, "cannot start the guardian of domain %u: %s", d->id, strerror(errno));
		goto out;
	}
	g->ctl = pair[0];
	k.ctl = pair[1];
	k.catching = g->catching;
	r = start_both(g, &k);
	close(pair[1]);
	if (r)
		err_set(e, -r, "cannot start the guardian of domain %u: %s", d->id, strerror(-r));
out:
	xen_claim_close(&k.claim);
	if (r)
		xen_guardian_end(g);
	return r;
}

static int ask(struct xen_guardian *g, const struct xen_question *q, struct xen_answer *a, int *fd, struct err *e)
{
	struct pollfd p = {.fd = g->ctl, .events = POLLIN};
	int r;

	*fd = -1;
	do
		r = (int)send(g->ctl, q, sizeof(*q), MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r != sizeof(*q))
		return err_set(e, EPIPE, "the guardian process is gone; attach again");
	do
		r = poll(&p, 1, ANSWER_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return err_set(e, EPIPE, "the guardian process does not answer (%d s); attach again", ANSWER_MS / 1000);
	if (!pass_take(g->ctl, a, sizeof(*a), fd))
		return err_set(e, EPIPE, "the guardian process has ended; attach again");
	if (a->r == -ESRCH)
		return err_set(e, ESRCH, "the domain is gone");
	return a->r;
}

int xen_guardian_state(struct xen_guardian *g, struct xen_dom *d, struct err *e)
{
	const struct xen_question q = {.what = ASK_STATE};
	struct xen_answer a;
	int fd, r = ask(g, &q, &a, &fd, e);

	if (r && r != -EPIPE && r != -ESRCH)
		return err_set(e, -r, "the state of the domain cannot be asked: %s", strerror(-r));
	if (!r)
		*d = a.dom;
	return r;
}

int xen_guardian_regs(struct xen_guardian *g, unsigned vcpu, struct gcpu *out, struct err *e)
{
	const struct xen_question q = {.what = ASK_REGS, .vcpu = vcpu};
	struct xen_answer a;
	int fd, r = ask(g, &q, &a, &fd, e);

	if (r == -EAGAIN)
		return err_set(e, EAGAIN, "vCPU %u is off: the domain is being built, or not booted yet", vcpu);
	if (r && r != -EPIPE && r != -ESRCH)
		return err_set(e, -r, "registers of vCPU %u cannot be read: %s", vcpu, strerror(-r));
	if (!r)
		*out = a.regs;
	return r;
}

static int plain(struct xen_guardian *g, enum xen_ask what, const char *doing, struct err *e)
{
	const struct xen_question q = {.what = what};
	struct xen_answer a;
	int fd, r = ask(g, &q, &a, &fd, e);

	return !r || r == -EPIPE || r == -ESRCH ? r : err_set(e, -r, "cannot %s the domain: %s", doing, strerror(-r));
}

int xen_guardian_hold(struct xen_guardian *g, struct err *e)
{
	return plain(g, ASK_HOLD, "pause", e);
}

int xen_guardian_let_go(struct xen_guardian *g, struct err *e)
{
	return plain(g, ASK_LET_GO, "unpause", e);
}

int xen_guardian_next(struct xen_guardian *g, struct xen_dom *d, struct err *e)
{
	const struct xen_question q = {.what = ASK_NEXT};
	struct xen_answer a;
	int fd, r = ask(g, &q, &a, &fd, e);

	if (r && r != -EPIPE && r != -ESRCH)
		return err_set(e, -r, "the domain cannot be followed: %s", strerror(-r));
	if (r)
		return r;
	if (fd < 0)
		return err_set(e, EPIPE, "the guardian process gave no descriptor; attach again");
	*d = a.dom;
	return fd;
}

int xen_guardian_plant(struct xen_guardian *g, const struct xen_want *w, struct err *e)
{
	const struct xen_question q = {.what = ASK_PLANT, .want = *w};
	struct xen_answer a;
	int fd;

	return ask(g, &q, &a, &fd, e);
}

int xen_guardian_unplant(struct xen_guardian *g, uint32_t site, struct err *e)
{
	const struct xen_question q = {.what = ASK_UNPLANT, .want = {.site = site}};
	struct xen_answer a;
	int fd;

	return ask(g, &q, &a, &fd, e);
}

static void reap(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void xen_guardian_end(struct xen_guardian *g)
{
	if (g->ctl >= 0)
		close(g->ctl);
	reap(g->pid);
	reap(g->second);
	xen_catch_drop(&g->catching);
	xen_guardian_init(g);
}

void xen_guardian_init(struct xen_guardian *g)
{
	*g = (struct xen_guardian){.ctl = -1, .catching = {.rung = -1, .done = -1}};
}
