/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mirror_run.c - logvisor mirror run: serve until SIGTERM or SIGINT; SIGHUP reads rights and certificates again. Who
 * waits for the server to be ready waits for its line "ready" on standard output.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/mirror.h"
#include "mirror/server/server.h"
#include "util/pages.h"

static void say(const char *text)
{
	cli_failf("mirror: %s", text);
}

/* Signals that are waited for, in every thread. */
static void hold_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int wait_signal(const sigset_t *set)
{
	const struct timespec second = {.tv_sec = 1};

	return sigtimedwait(set, NULL, &second);
}

/* Each by itself: a certificate that is broken keeps no right from being taken away. */
static void reload(struct server *s)
{
	struct err e;
	int r;

	if (server_reload(s, &e))
		say(e.text);
	else
		puts("rights read again");
	r = server_renew(s, &e);
	if (r < 0) {
		err_prefix(&e, "the certificates in use stay");
		say(e.text);
	} else if (r) {
		puts("certificates exchanged");
	}
	fflush(stdout);
}

static void serve(struct server *s, const sigset_t *set)
{
	int sig;

	while ((sig = wait_signal(set)) != SIGTERM && sig != SIGINT) {
		server_tick(s);
		if (sig == SIGHUP)
			reload(s);
	}
}

static int start(struct server *s, struct err *e)
{
	int r = server_confine(s, e);

	if (r == 0)
		say("warning: this kernel has no Landlock; the server is confined by its user and system calls only");
	if (r < 0)
		return r;
	r = server_start(s, e);
	pages_release();
	for (unsigned i = 0; !r && server_url(s, i); i++)
		printf("listening at %s\n", server_url(s, i));
	if (!r)
		puts("ready");
	fflush(stdout);
	return r;
}

int mirror_run(const struct mirror_options *o)
{
	struct server_options q = {.config = o->config, .store = o->store, .listen = o->listen, .n_listen = o->n_listen,
		.say = say};
	struct server *s;
	struct err e, why;
	sigset_t set;
	int r;

	if (!o->n_listen)
		return cli_failf("mirror run: --listen is missing: where clients reach it");
	if (mkdir(o->store, 0750) && errno != EEXIST)
		return cli_failf("%s: %s", o->store, strerror(errno));
	hold_signals(&set);
	if (server_open(&s, &q, &e))
		return cli_fail(&e);
	r = start(s, &e);
	if (!r)
		serve(s, &set);
	if (server_close(s, &why) && !r) {
		r = -EIO;
		e = why;
	}
	return r ? cli_fail(&e) : EXIT_OK;
}
