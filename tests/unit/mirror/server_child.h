/* SPDX-License-Identifier: BSD-3-Clause */
/* server_child.h - the server as a process of its own, which can be killed: logvisor mirror run. */
#ifndef TESTS_UNIT_MIRROR_SERVER_CHILD_H
#define TESTS_UNIT_MIRROR_SERVER_CHILD_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVER_CHILD_URL 64

/* Start it at @listen, and wait until it says that it is ready. Its process; where it listens in @url, if that is not NULL. */
static inline pid_t server_child(const char *config, const char *store, const char *listen, char url[SERVER_CHILD_URL])
{
	char line[300];
	FILE *out;
	pid_t pid;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		execl("./logvisor", "logvisor", "mirror", "run", "--config", config, "--store", store, "--listen", listen, NULL);
		_exit(127);
	}
	close(fd[1]);
	out = fdopen(fd[0], "r");
	do {
		if (!fgets(line, sizeof(line), out))
			fail_msg("the server does not start");
		if (url)
			sscanf(line, "listening at %63s", url);
	} while (strcmp(line, "ready\n") != 0);
	fclose(out);
	return pid;
}

#endif
