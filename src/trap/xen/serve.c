/* SPDX-License-Identifier: BSD-3-Clause */
/* serve.c - the guardian's life, and the second one's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trap/xen/guardian.h"
#include "trap/xen/mem.h"
#include "trap/xen/talk.h"
#include "util/clock.h"
#include "util/pass.h"
#include "util/sandbox.h"

struct state {
	struct xen_dom dom;
	int ctl;
	int64_t held_ms; /* since then, monotonic; 0: it is not */
	struct xen_arm arm;
};

static int let_go(struct state *s)
{
	if (!s->held_ms)
		return 0;
	s->held_ms = 0;
	return xen_arm_unpause(&s->arm);
}

static int hold(struct state *s)
{
	int r = s->held_ms ? 0 : xen_arm_pause(&s->arm);

	if (!r && !s->held_ms)
		s->held_ms = clock_mono_ms();
	return r;
}

/* To the domain that took the place of ours; *@fd is for its memory. */
static int next(struct state *s, int *fd)
{
	struct xen_dom d;
	int r = xen_of_uuid(s->arm.lib, s->arm.xch, s->dom.uuid, &d, NULL);

	if (r)
		return r;
	r = xen_refuse(&d, NULL);
	if (r)
		return r;
	*fd = xen_mem_open(d.id, NULL);
	if (*fd < 0)
		return *fd;
	xen_arm_end(&s->arm);
	let_go(s);
	memcpy(d.name, s->dom.name, sizeof(d.name));
	s->dom = d;
	xen_arm_begin(&s->arm); /* should it fail, planting will say so */
	return 0;
}

static int look(struct state *s, struct xen_dom *d)
{
	int r = xen_get(s->arm.lib, s->arm.xch, s->dom.id, d, NULL);

	/* a number is given away again, after all others */
	if (!r && memcmp(d->uuid, s->dom.uuid, sizeof(d->uuid)) != 0)
		r = -ESRCH;
	if (r == -ESRCH || (!r && d->dying))
		xen_arm_end(&s->arm); /* for as long as its page is mapped here it does not end */
	return r;
}

static void execute(struct state *s, const struct xen_question *q, struct xen_answer *a, int *fd)
{
	switch (q->what) {
	case ASK_STATE:
		a->r = look(s, &a->dom);
		break;
	case ASK_REGS:
		a->r = xen_regs(s->arm.lib, s->arm.xch, s->dom.id, q->vcpu, &a->regs);
		break;
	case ASK_HOLD:
		a->r = hold(s);
		break;
	case ASK_LET_GO:
		a->r = let_go(s);
		break;
	case ASK_NEXT:
		a->r = next(s, fd);
		a->dom = s->dom;
		break;
	case ASK_PLANT:
		a->r = xen_arm_plant(&s->arm, &q->want);
		break;
	case ASK_UNPLANT:
		a->r = xen_arm_unplant(&s->arm, q->want.site);
		break;
	default:
		a->r = -EINVAL;
	}
}

/* Answer one question. False: the worker is gone. */
static bool answer(struct state *s)
{
	struct xen_question q;
	struct xen_answer a;
	int fd = -1, sent;

	if (recv(s->ctl, &q, sizeof(q), 0) != sizeof(q))
		return false;
	memset(&a, 0, sizeof(a));
	s->arm.behind = false;
	execute(s, &q, &a, &fd);
	sent = pass_send(s->ctl, &a, sizeof(a), fd);
	if (fd >= 0)
		close(fd);
	return !sent;
}

static int until_due(const struct state *s)
{
	const int64_t now = clock_mono_ms(), hold_end = s->held_ms ? s->held_ms + XEN_HOLD_MS : INT64_MAX;
	int64_t due = xen_arm_due(&s->arm);

	due = due < hold_end ? due : hold_end;
	return due == INT64_MAX ? -1 : due > now ? (int)(due - now) : 0;
}

static void serve(struct state *s)
{
	for (;;) {
		struct pollfd p[] = {{.fd = s->ctl, .events = POLLIN}, {.fd = s->arm.ring.channel, .events = POLLIN},
			{.fd = s->arm.catching.done, .events = POLLIN}};

		if (poll(p, 3, until_due(s)) < 0)
			continue;
		if (p[2].revents)
			xen_arm_copied(&s->arm);
		if (p[1].revents)
			xen_arm_events(&s->arm);
		xen_arm_tick(&s->arm);
		if (s->held_ms && clock_mono_ms() - s->held_ms >= XEN_HOLD_MS)
			let_go(s);
		if (p[0].revents && !answer(s))
			break;
	}
	xen_arm_end(&s->arm);
	let_go(s);
}

/*
 * Only these are left of what the worker has open: its ledger's lock must not live on here. They get the numbers from 3
 * on.
 */
static bool only(int **fds, unsigned n)
{
	int high[8];

	for (unsigned i = 0; i < n; i++)
		high[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 64);
	for (unsigned i = 0; i < n; i++) {
		if (high[i] < 0 || dup3(high[i], 3 + (int)i, O_CLOEXEC) < 0)
			return false;
		*fds[i] = 3 + (int)i;
	}
	return !syscall(SYS_close_range, 3u + n, ~0u, 0);
}

/*
 * It stays root, for the device that each domain's memory is opened by belongs to root; without capabilities, and with
 * few system calls. Xen asks for neither: who has the device may do everything.
 */
void *xen_child(const struct xen_lib *l, const char *name, int **fds, unsigned n)
{
	struct err e;
	void *xch;

	setsid();
	prctl(PR_SET_NAME, name);
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD)
			signal(sig, SIG_IGN);
	if (!only(fds, n))
		return NULL;
	xch = xen_control(l, &e);
	return xch && !sandbox_enter(SANDBOX_GUARDIAN, geteuid(), getegid(), 0, &e) ? xch : NULL;
}

void xen_serve(struct xen_talk *k)
{
	struct state s = {.dom = k->dom};
	int *fds[] = {&k->ctl, &k->claim.fd, &k->catching.rung, &k->catching.done};
	void *xch = xen_child(k->lib, "logvisor-guard", fds, 4);

	if (!xch)
		_exit(1); /* the worker finds the channel closed */
	s.ctl = k->ctl;
	s.arm = (struct xen_arm){.lib = k->lib, .xch = xch, .dom = &s.dom, .claim = k->claim, .catching = k->catching};
	xen_ring_init(&s.arm.ring);
	xen_arm_begin(&s.arm); /* should it fail, planting will say so */
	serve(&s);
	_exit(0);
}

/* It sleeps until the first one ends; if that left anything, it was killed. */
void xen_second(struct xen_talk *k)
{
	int *fds[] = {&k->guardian, &k->claim.fd};
	void *xch = xen_child(k->lib, "logvisor-second", fds, 2);
	struct pollfd p = {.fd = k->guardian, .events = POLLIN};

	if (!xch)
		_exit(1);
	while (poll(&p, 1, -1) <= 0)
		;
	if (!xen_claim_lock(&k->claim)) /* which is the first one's, if that had it */
		xen_claim_heal(&k->claim, k->lib, xch);
	_exit(0);
}
