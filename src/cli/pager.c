/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *chosen(void)
{
	const char *p = getenv("LOGVISOR_PAGER");

	if (!p)
		p = getenv("PAGER");
	return p ? p : "less";
}

pid_t pager_start(void)
{
	const char *command = chosen();
	int ends[2];
	pid_t pid;

	if (!isatty(STDOUT_FILENO) || !*command || !strcmp(command, "cat") || pipe(ends))
		return 0;
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return 0;
	}
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		/* Quit if one screen, colours, chopped lines, no clearing: journalctl's choice. */
		setenv("LESS", "FRSXMK", 0);
		setenv("LESSCHARSET", "utf-8", 0);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	/* Ctrl-C is the pager's: it ends, and then so does what is written to it. */
	signal(SIGINT, SIG_IGN);
	return pid;
}

void pager_end(pid_t pid)
{
	if (pid <= 0)
		return;
	fflush(stdout);
	close(STDOUT_FILENO); /* not fclose(): main() flushes what is left, which is nothing */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
