/* SPDX-License-Identifier: BSD-3-Clause */
/* mirror.h - the options of `logvisor mirror`, for its actions. */
#ifndef LOGVISOR_CLI_MIRROR_H
#define LOGVISOR_CLI_MIRROR_H

#include <stdbool.h>

#define MIRROR_LISTEN_MAX 8
#define MIRROR_HOSTS_MAX 13

struct mirror_options {
	const char *config, *store;
	const char *listen[MIRROR_LISTEN_MAX];
	unsigned n_listen;
	const char *key_name, *origin, *vkey, *fingerprint;
	const char *host[MIRROR_HOSTS_MAX];
	unsigned n_hosts;
	int days;
	bool renew, others;
};

/* Serve until a signal. The exit status. */
int mirror_run(const struct mirror_options *o);

#endif
