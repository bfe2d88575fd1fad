/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * from.c - three processes at most: who was called waits, and removes the directory at the end; its child carries
 * the command out; with --follow another one keeps fetching.
 */
#include "cli/from.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "ledger/copy.h"
#include "ledger/cosign.h"
#include "ledger/file.h"
#include "record/record.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LISTED_MAX 10000
#define FOLLOW_MS 1000 /* between two looks at a mirror, which cosigns about so often */

bool from_option(struct from *o, int c)
{
	if (c == OPTION_FROM)
		o->url = optarg;
	else if (c == OPTION_MIRROR_CLIENT)
		o->client = optarg;
	else
		return false;
	return true;
}

/* The cosigner's key, where the client directory names one: then nothing counts that it has not cosigned. */
static int load_cosigner(struct from_mirror *m, const char *client, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int dir = client ? open(client, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	size_t n = 0;
	int r;

	if (!client)
		return 0;
	r = dir < 0 ? -errno : file_load(dir, "mirror.vkey", 1024, &text, &n);
	if (r == -ENOENT && dir >= 0)
		return 0;
	if (r)
		return err_set(e, -r, "%.200s/mirror.vkey: %s", client, file_strerror(r));
	r = cosign_vkey_parse(text, n, &m->cosigner, e);
	if (r) {
		err_prefix(e, "%.200s/mirror.vkey", client);
		return r;
	}
	m->trust.cosigner = &m->cosigner;
	return 0;
}

int from_mirror_open(struct from_mirror *m, const struct from *o, struct err *e)
{
	const char *client = o->client ? o->client : getenv("LOGVISOR_MIRROR_CLIENT");
	int r;

	memset(m, 0, sizeof(*m));
	r = load_cosigner(m, client, e);
	if (!r)
		r = http_open(&m->http, o->url, client, e);
	if (r)
		return r;
	m->server = fetch_server(m->http);
	r = fetch_logs(&m->server, &m->logs, &m->n_logs, e);
	m->listed = !r;
	return r == -ENOENT ? 0 : r;
}

void from_mirror_close(struct from_mirror *m)
{
	free(m->logs);
	if (m->http)
		http_close(m->http);
}

int from_mirror_log(struct from_mirror *m, const char *name, const char *origin, const struct vkey *key, struct far *f,
	struct err *e)
{
	m->trust.log = key;
	origin = origin ? origin : key ? key->name : name;
	for (size_t i = 0; i < m->n_logs; i++)
		if (!strcmp(m->logs[i].name, name))
			origin = m->logs[i].origin;
	return far_open(f, &m->server, origin, &m->trust, e);
}

/* ---- the directory ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

static volatile sig_atomic_t child;

static void pass_on(int sig)
{
	if (child)
		kill((pid_t)child, sig);
}

/* Wait for the command, remove what was fetched for it, end as it did. */
static void guard(pid_t pid, const char *dir)
{
	int status;

	child = pid;
	signal(SIGINT, SIG_IGN); /* the terminal's go to the command itself */
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, pass_on);
	signal(SIGHUP, pass_on);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		cli_failf("%.200s cannot be removed: %s", dir, strerror(errno));
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_TROUBLE);
}

/* A new directory; from here on this is a process whose end removes it. */
static int make_dir(char *dir, size_t cap, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	pid_t pid, us = getpid();

	if (snprintf(dir, cap, "%s/logvisor.XXXXXX", tmp && *tmp ? tmp : "/var/tmp") >= (int)cap || !mkdtemp(dir))
		return err_set(e, errno, "no directory for what is fetched: %s: %s", dir, strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_set(e, errno, "cannot start a process: %s", strerror(errno));
	if (pid)
		guard(pid, dir);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	return getppid() == us ? 0 : err_set(e, EINTR, "interrupted");
}

/* ---- fetching ---- */

/* A ledger being fetched. */
struct copied {
	char name[RECORD_NAME_MAX + 1];
	struct far far;
	struct ledger *ledger;
};

static int fetch_one(struct from_mirror *m, const char *name, const char *dir, struct copied *c, struct err *e)
{
	const struct copy_keys keys = {&c->far.key, 1};
	char path[4096 + RECORD_NAME_MAX + 2];
	int r;

	if (!record_name_ok(name))
		return err_set(e, EINVAL, "'%.80s' is not a VM name", name);
	snprintf(c->name, sizeof(c->name), "%.*s", RECORD_NAME_MAX, name);
	snprintf(path, sizeof(path), "%.4095s/%.*s", dir, RECORD_NAME_MAX, name);
	r = from_mirror_log(m, name, NULL, NULL, &c->far, e);
	if (!r)
		r = copy_open(&c->ledger, path, &keys, NULL, e);
	return r ? r : fetch_grow(c->ledger, &c->far, e);
}

/* Fetch what comes, until the reader has ended. */
static void keep_fetching(struct copied **c, size_t n, pid_t reader)
{
	bool told = false;
	struct err e;
	int status;

	while (waitpid(reader, &status, WNOHANG) == 0) {
		for (size_t i = 0; i < n; i++) {
			int r = far_refresh(&c[i]->far, &e);

			if (r > 0)
				r = fetch_grow(c[i]->ledger, &c[i]->far, &e);
			if (r < 0 && (!told || r == -EBADMSG))
				cli_failf("%s: %s", c[i]->name, e.text);
			told = r < 0;
			if (r == -EBADMSG) { /* another history: nothing of it is shown */
				kill(reader, SIGTERM);
				_exit(EXIT_FINDING);
			}
		}
		clock_sleep_ms(FOLLOW_MS);
	}
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

static int follow(struct copied **c, size_t n, struct err *e)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_set(e, errno, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		return 0;
	}
	signal(SIGINT, SIG_IGN);
	child = pid;
	signal(SIGTERM, pass_on);
	keep_fetching(c, n, pid);
	return 0;
}

static void close_copied(struct copied *c)
{
	if (!c)
		return;
	if (c->ledger)
		ledger_abandon(c->ledger);
	far_close(&c->far);
	free(c);
}

/* The ledgers one after the other. Those that go on growing stay open, in @kept. */
static int fetch(struct from_mirror *m, char *const *names, size_t n, const char *dir, struct copied **kept,
	struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		const char *name = names ? names[i] : m->logs[i].name;
		struct copied *c = calloc(1, sizeof(*c));

		r = c ? fetch_one(m, name, dir, c, e) : err_set(e, ENOMEM, "out of memory");
		if (kept)
			kept[i] = c;
		else
			close_copied(c);
	}
	return r;
}

int from_store(const struct from *o, char *const *names, size_t n, bool grows, const char **store, struct err *e)
{
	static char dir[4096];
	struct copied **kept = NULL;
	struct from_mirror m;
	int r;

	if (!o->url)
		return 0;
	r = http_check(o->url, e);
	if (!r)
		r = make_dir(dir, sizeof(dir), e);
	if (r)
		return r;
	*store = dir;
	r = from_mirror_open(&m, o, e);
	if (!r && !n && !m.listed)
		r = err_set(e, ENOENT, "%.200s does not list its logs; name them", o->url);
	if (!r && !n && m.n_logs > LISTED_MAX)
		r = err_set(e, E2BIG, "%.200s lists %zu logs; name some", o->url, m.n_logs);
	names = n ? names : NULL;
	n = names ? n : m.n_logs;
	if (!r && grows && !(kept = calloc(n + 1, sizeof(struct copied *))))
		r = err_set(e, ENOMEM, "out of memory");
	if (!r)
		r = fetch(&m, names, n, dir, kept, e);
	if (!r && grows)
		return follow(kept, n, e); /* the connection and the copies are the other process's */
	for (size_t i = 0; kept && i < n; i++)
		close_copied(kept[i]);
	free(kept);
	from_mirror_close(&m);
	if (r)
		from_name(o, e);
	return r;
}

void from_name(const struct from *o, struct err *e)
{
	if (!strstr(e->text, o->url))
		err_prefix(e, "%.200s", o->url);
}

int from_fail(int r, const struct err *e)
{
	cli_fail(e);
	return r == -EBADMSG ? EXIT_FINDING : EXIT_TROUBLE;
}
