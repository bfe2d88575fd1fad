/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#define LESS_OPTIONS "FRSXMK" /* quit if one screen, colours, chopped lines, no clearing: journalctl's */

#define NO_LOGIN UINT32_MAX /* loginuid where nobody logged in (audit(7), kernel/auditsc.c) */

static int kept_stdout = -1, kept_stderr = -1;
static struct sigaction kept_int;

/* The user who logged in, whoever he has become since. False: nobody did, or the kernel does not tell. */
static bool login_uid(uid_t *uid)
{
	FILE *f = fopen("/proc/self/loginuid", "re");
	unsigned int v = NO_LOGIN;
	int n = f ? fscanf(f, "%u", &v) : 0;

	if (f)
		fclose(f);
	*uid = v;
	return n == 1 && v != NO_LOGIN;
}

bool pager_raised(void)
{
	uid_t login;

	return getauxval(AT_SECURE) || getuid() != geteuid() || getgid() != getegid() || getenv("SUDO_UID") ||
		getenv("PKEXEC_UID") || getenv("DOAS_USER") || (login_uid(&login) && login != geteuid());
}

struct choice {
	const char *command; /* for sh, or NULL: less, and by its path */
	const char *less;
	bool secure;
};

/* less where the system has it: PATH may be the other user's. */
static const char *find_less(void)
{
	static const char *const paths[] = {"/usr/bin/less", "/bin/less"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

/* False: no pager. */
static bool choose(struct choice *c)
{
	const char *asked = secure_getenv("LOGVISOR_PAGERSECURE"), *named = getenv("LOGVISOR_PAGER");

	if (!named)
		named = getenv("PAGER");
	if (named && (!*named || !strcmp(named, "cat")))
		return false;
	if (asked) /* who sets it answers for the pager as well */
		c->secure = strcmp(asked, "0") && strcmp(asked, "no") && strcmp(asked, "false");
	else
		c->secure = pager_raised();
	c->command = asked || !c->secure ? named : NULL;
	c->less = find_less();
	if (!c->command && !c->secure && !c->less)
		c->command = "less";
	return c->command || c->less;
}

static void reset_signals(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &standard, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const struct choice *c, bool at_end)
{
	const char *less = secure_getenv("LOGVISOR_LESS");
	char options[512];

	snprintf(options, sizeof(options), "%s%s", less ? less : LESS_OPTIONS, at_end ? " +G" : "");
	setenv("LESS", options, 1);
	setenv("LESSCHARSET", "utf-8", 0);
	unsetenv("LESSSECURE");
	unsetenv("LESSSECURE_ALLOW"); /* less since 661: what is to work all the same */
	if (c->secure) {
		setenv("LESSSECURE", "1", 1);
		setenv("LESSHISTFILE", "-", 1);
	}
	reset_signals();
	if (c->command)
		execl("/bin/sh", "sh", "-c", c->command, (char *)NULL);
	else
		execl(c->less, "less", (char *)NULL);
	_exit(127);
}

static bool dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !*term || !strcmp(term, "dumb");
}

pid_t pager_start(bool at_end)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct choice c = {NULL, NULL, false};
	int ends[2];
	pid_t pid;

	if (!isatty(STDOUT_FILENO) || dumb() || !choose(&c) || pipe2(ends, O_CLOEXEC))
		return 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		become(&c, at_end);
	}
	if (pid > 0) {
		kept_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(ends[1], STDOUT_FILENO);
		if (isatty(STDERR_FILENO)) {
			kept_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
			dup2(ends[1], STDERR_FILENO);
		}
		/* Ctrl-C is the pager's: it ends, and then so does what is written to it. */
		sigaction(SIGINT, &ignore, &kept_int);
	}
	close(ends[0]);
	close(ends[1]);
	return pid > 0 ? pid : 0;
}

static void put_back(int *kept, int fd)
{
	if (*kept < 0 || dup2(*kept, fd) < 0)
		return;
	close(*kept);
	*kept = -1;
}

void pager_end(pid_t pid)
{
	if (pid <= 0)
		return;
	fflush(stdout);
	put_back(&kept_stdout, STDOUT_FILENO);
	put_back(&kept_stderr, STDERR_FILENO);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	sigaction(SIGINT, &kept_int, NULL);
}
