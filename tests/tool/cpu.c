/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cpu.c - what a command costs with all the processes it starts, also those that outlive their parents:
 * cpu FILE COMMAND... writes the seconds of processor time to FILE, when the last of them has ended. Exits as COMMAND.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	int status, result = 2;
	struct rusage u;
	pid_t first, pid;
	FILE *f;

	if (argc < 3 || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
		fprintf(stderr, "usage: cpu FILE COMMAND...\n");
		return 2;
	}
	first = fork();
	if (first == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	while ((pid = wait(&status)) > 0 || (pid < 0 && errno == EINTR))
		if (pid == first && WIFEXITED(status))
			result = WEXITSTATUS(status);
	f = fopen(argv[1], "w");
	if (!f || getrusage(RUSAGE_CHILDREN, &u))
		return 2;
	fprintf(f, "%.2f\n", seconds(&u.ru_utime) + seconds(&u.ru_stime));
	return fclose(f) ? 2 : result;
}
