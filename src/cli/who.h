/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * who.h - show's options that choose records by who sent them: --identifier, --unit, --pid, --uid, --exe, --container,
 * --channel, --mismatch. Values of one option are alternatives, different options must all hold.
 */
#ifndef LOGVISOR_CLI_WHO_H
#define LOGVISOR_CLI_WHO_H

#include <stdbool.h>

#include "record/record.h"
#include "util/err.h"

enum who_by { WHO_IDENTIFIER, WHO_UNIT, WHO_PID, WHO_UID, WHO_EXE, WHO_CONTAINER, WHO_BY };

#define WHO_MAX 64 /* values of one option */

struct who {
	const char *value[WHO_BY][WHO_MAX]; /* borrowed from the command line */
	unsigned int n[WHO_BY];
	unsigned int channels; /* 1 << enum record_channel; 0: all */
	bool mismatch; /* only what claims to be of another than its sender */
};

/* Add a value of option @by. -EINVAL with @e: it can be none, or there are too many. */
int who_add(struct who *w, enum who_by by, const char *value, struct err *e);

/* What a channel is called by attach --channels and list; of RECORD_META NULL. */
extern const char *const who_channel_names[RECORD_CHANNELS];

/*
 * "kernel,syslog": names as attach --channels has them, into *@channels (1 << enum record_channel). -EINVAL with @e
 * listing them. kmsg and stream, as the leaves have it, are taken for kernel and stdout.
 */
int who_channels(const char *list, unsigned int *channels, struct err *e);

/* Is it one of theirs? */
bool who_record(const struct who *w, const struct record *r);

#endif
