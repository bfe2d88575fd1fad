/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * channels.h - attach's --channels: what is to be kept, and of log files which.
 */
#ifndef LOGVISOR_CLI_CHANNELS_H
#define LOGVISOR_CLI_CHANNELS_H

#include "util/err.h"
#include "util/span.h"

#define CHANNELS_FILES_MAX 32

struct channels {
	unsigned int set; /* 1 << enum record_channel */
	struct span file[CHANNELS_FILES_MAX]; /* patterns of paths, in the text that was parsed */
	unsigned int files;
};

/* A list as "kernel,files=/var/log/x": instead of what @c has. -EINVAL with @e. */
int channels_parse(struct channels *c, const char *list, struct err *e);

#endif
