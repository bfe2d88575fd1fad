/* SPDX-License-Identifier: BSD-3-Clause */
#include "trap/xen/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap/xen/mem.h"
#include "util/clock.h"
#include "util/pass.h"
#include "util/sandbox.h"

#define ANSWER_MS 30000 /* on a host that is short of processors */

enum what { ASK_STATE, ASK_REGS, ASK_HOLD, ASK_LET_GO, ASK_NEXT };

struct question {
	uint32_t what; /* enum what */
	uint32_t vcpu;
};

struct answer {
	int r;
	struct xen_dom dom;
	struct gcpu regs;
};

/* ---- the child ---- */

struct state {
	const struct xen_lib *lib;
	void *xch;
	int ctl;
	struct xen_dom dom;
	int64_t held_ms; /* since then, monotonic; 0: it is not */
};

static int let_go(struct state *s)
{
	if (!s->held_ms)
		return 0;
	s->held_ms = 0;
	return s->lib->unpause(s->xch, s->dom.id) ? -errno : 0;
}

static int hold(struct state *s)
{
	if (s->held_ms)
		return 0;
	if (s->lib->pause(s->xch, s->dom.id))
		return -errno;
	s->held_ms = clock_mono_ms();
	return 0;
}

/* To the domain that took the place of ours; *@fd is for its memory. */
static int next(struct state *s, int *fd)
{
	struct xen_dom d;
	int r = xen_of_uuid(s->lib, s->xch, s->dom.uuid, &d, NULL);

	if (r)
		return r;
	r = xen_refuse(&d, NULL);
	if (r)
		return r;
	*fd = xen_mem_open(d.id, NULL);
	if (*fd < 0)
		return *fd;
	let_go(s);
	memcpy(d.name, s->dom.name, sizeof(d.name));
	s->dom = d;
	return 0;
}

static void execute(struct state *s, const struct question *q, struct answer *a, int *fd)
{
	struct xen_dom d;

	switch (q->what) {
	case ASK_STATE:
		a->r = xen_get(s->lib, s->xch, s->dom.id, &d, NULL);
		/* a number is given away again, after all others */
		if (!a->r && memcmp(d.uuid, s->dom.uuid, sizeof(d.uuid)) != 0)
			a->r = -ESRCH;
		if (!a->r)
			a->dom = d;
		break;
	case ASK_REGS:
		a->r = xen_regs(s->lib, s->xch, s->dom.id, q->vcpu, &a->regs);
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
	default:
		a->r = -EINVAL;
	}
}

static void serve(struct state *s)
{
	struct pollfd p = {.fd = s->ctl, .events = POLLIN};
	struct question q;

	for (;;) {
		int64_t left = s->held_ms ? s->held_ms + XEN_HOLD_MS - clock_mono_ms() : -1;
		struct answer a;
		int fd = -1, sent;

		if (s->held_ms && left <= 0) {
			let_go(s);
			continue;
		}
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		if (recv(s->ctl, &q, sizeof(q), 0) != sizeof(q))
			break;
		memset(&a, 0, sizeof(a));
		execute(s, &q, &a, &fd);
		sent = pass_send(s->ctl, &a, sizeof(a), fd);
		if (fd >= 0)
			close(fd);
		if (sent)
			break;
	}
	let_go(s);
}

/* Only the channel is left of what the worker has open: its ledger's lock must not live on here. */
static int only_ours(struct state *s)
{
	s->ctl = dup3(s->ctl, 3, O_CLOEXEC) < 0 && s->ctl != 3 ? -1 : 3;
	return s->ctl < 0 ? -1 : (int)syscall(SYS_close_range, 4u, ~0u, 0);
}

/*
 * It stays root, for the device that each domain's memory is opened by belongs to root; without capabilities, and with
 * few system calls. Xen asks for neither: who has the device may do everything.
 */
static void guardian_main(struct state *s)
{
	struct err e;

	setsid();
	prctl(PR_SET_NAME, "logvisor-guard");
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD)
			signal(sig, SIG_IGN);
	if (only_ours(s))
		_exit(1);
	s->xch = xen_control(s->lib, &e);
	if (!s->xch || sandbox_enter(SANDBOX_GUARDIAN, geteuid(), getegid(), 0, &e))
		_exit(1); /* the worker finds the channel closed */
	serve(s);
	_exit(0);
}

/* ---- the worker ---- */

int xen_guardian_start(struct xen_guardian *g, const struct xen_dom *d, struct err *e)
{
	struct state s = {.lib = xen_lib(e), .dom = *d};
	int pair[2], code;

	*g = (struct xen_guardian){.ctl = -1};
	if (!s.lib)
		return -ENODEV;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return err_set(e, errno, "cannot start the guardian of domain %u: %s", d->id, strerror(errno));
	s.ctl = pair[1];
	g->pid = fork();
	if (!g->pid)
		guardian_main(&s);
	code = errno;
	close(pair[1]);
	if (g->pid < 0) {
		close(pair[0]);
		return err_set(e, code, "cannot start the guardian of domain %u: %s", d->id, strerror(code));
	}
	g->ctl = pair[0];
	return 0;
}

static int ask(struct xen_guardian *g, const struct question *q, struct answer *a, int *fd, struct err *e)
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
	const struct question q = {.what = ASK_STATE};
	struct answer a;
	int fd, r = ask(g, &q, &a, &fd, e);

	if (r && r != -EPIPE && r != -ESRCH)
		return err_set(e, -r, "the state of the domain cannot be asked: %s", strerror(-r));
	if (!r)
		*d = a.dom;
	return r;
}

int xen_guardian_regs(struct xen_guardian *g, unsigned vcpu, struct gcpu *out, struct err *e)
{
	const struct question q = {.what = ASK_REGS, .vcpu = vcpu};
	struct answer a;
	int fd, r = ask(g, &q, &a, &fd, e);

	if (r == -EAGAIN)
		return err_set(e, EAGAIN, "vCPU %u is off: the domain is being built, or not booted yet", vcpu);
	if (r && r != -EPIPE && r != -ESRCH)
		return err_set(e, -r, "registers of vCPU %u cannot be read: %s", vcpu, strerror(-r));
	if (!r)
		*out = a.regs;
	return r;
}

static int plain(struct xen_guardian *g, enum what what, const char *doing, struct err *e)
{
	const struct question q = {.what = what};
	struct answer a;
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
	const struct question q = {.what = ASK_NEXT};
	struct answer a;
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

void xen_guardian_end(struct xen_guardian *g)
{
	if (g->ctl < 0)
		return;
	close(g->ctl);
	g->ctl = -1;
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
