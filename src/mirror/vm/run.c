/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.c - a log VM that runs: its connections carried, its word that it is ready heard, its end seen.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/vm/vm.h"
#include "util/clock.h"
#include "util/cleanup.h"

#define STOP_MS 30000 /* for the VM to power off by itself */
#define SLOW_MS 30000 /* it boots in seconds; with TCG on a busy host in half a minute */

struct run {
	struct vm *v;
	const struct vm_told *told;
	int signals;
	bool ready, slow, stopping, ended;
	int status;
	int64_t kill_at, slow_at;
	char word[16];
	size_t n_word;
};

/* The control port's lines from the VM: hostile, and of interest is one word. */
static void hear(struct run *r)
{
	char c;
	ssize_t n;

	while ((n = read(r->v->control, &c, 1)) == 1) {
		if (c != '\n') {
			r->word[r->n_word] = c;
			r->n_word = r->n_word < sizeof(r->word) - 1 ? r->n_word + 1 : r->n_word;
			continue;
		}
		r->word[r->n_word] = '\0';
		r->n_word = 0;
		if (r->ready || strcmp(r->word, "ready"))
			continue;
		r->ready = true;
		r->told->ready(r->told->ctx);
	}
	if (!n) {
		close(r->v->control);
		r->v->control = -1;
	}
}

static void stop(struct run *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->kill_at = clock_mono_ms() + STOP_MS;
	if (r->v->control >= 0 && write(r->v->control, "stop\n", 5) != 5)
		r->kill_at = 0;
}

static void signalled(struct run *r)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo != SIGCHLD)
			stop(r);
		else if (waitpid(r->v->qemu, &r->status, WNOHANG) == r->v->qemu)
			r->ended = true;
	}
}

static struct port *free_port(struct vm *v)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (v->ports[i].fd >= 0 && !v->ports[i].open && !v->ports[i].out_n)
			return &v->ports[i];
	return NULL;
}

/* Connections wait in the listener's queue until a port is free. */
static void turn(struct run *r)
{
	struct vm *v = r->v;
	struct pollfd fds[3 + 2 * PORTS];
	struct port *p = r->ready ? free_port(v) : NULL;
	int fd;

	fds[0] = (struct pollfd){.fd = r->signals, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = v->control, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = p ? v->listener : -1, .events = POLLIN};
	for (unsigned i = 0; i < PORTS; i++)
		port_poll(&v->ports[i], fds + 3 + 2 * i);
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), r->stopping || !(r->ready || r->slow) ? 1000 : -1) < 0)
		return;
	if (fds[0].revents)
		signalled(r);
	if (fds[1].revents)
		hear(r);
	if (fds[2].revents && (fd = accept4(v->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		port_open(p, fd);
	for (unsigned i = 0; i < PORTS; i++) {
		int was = v->ports[i].fd;

		if ((fds[3 + 2 * i].revents || fds[4 + 2 * i].revents || v->ports[i].out_n) &&
			port_step(&v->ports[i], NULL, NULL))
			close(was);
	}
}

int vm_run(struct vm *v, const struct vm_told *told, struct err *e)
{
	struct run r = {.v = v, .told = told, .slow_at = clock_mono_ms() + SLOW_MS};
	sigset_t set, before;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &before);
	r.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r.signals < 0)
		return err_set(e, errno, "signalfd: %s", strerror(errno));
	/* It may have ended before its signal was blocked. */
	r.ended = waitpid(v->qemu, &r.status, WNOHANG) == v->qemu;
	while (!r.ended) {
		turn(&r);
		if (!r.ready && !r.slow && !r.stopping && clock_mono_ms() > r.slow_at) {
			r.slow = true;
			told->slow(told->ctx);
		}
		if (r.stopping && clock_mono_ms() > r.kill_at)
			kill(v->qemu, SIGKILL);
	}
	v->qemu = 0;
	close(r.signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r.stopping && WIFEXITED(r.status) && !WEXITSTATUS(r.status))
		return 0;
	if (r.stopping)
		return err_set(e, ETIMEDOUT, "the log VM did not power off within %d s and was killed; what it has "
			"acknowledged is on its disk", STOP_MS / 1000);
	if (WIFSIGNALED(r.status))
		return err_set(e, EIO, "%s was killed by signal %d; start it again, nothing acknowledged is lost",
			v->xen ? "xl" : "QEMU", WTERMSIG(r.status));
	return err_set(e, EIO, "the log VM ended by itself (%s's status %d); its %s says why", v->xen ? "xl" : "QEMU",
		WEXITSTATUS(r.status), v->xen ? "console (xenconsoled's log)" : "file 'console'");
}
