/* SPDX-License-Identifier: BSD-3-Clause */
/* ops.c - the source of what is sent to log sockets. */
#include "source/unix/unix.h"

extern const struct source_ops source_unix;

static const struct applog_kind kind = {&source_unix, "log sockets", TRAPS_SOCKETS, unix_take};

static int open_unix(struct source **out, const struct source_start *start, struct err *e)
{
	return applog_open(out, start, &kind, e);
}

const struct source_ops source_unix = {
	.name = "log sockets",
	.channels = 1 << RECORD_SYSLOG | 1 << RECORD_JOURNAL | 1 << RECORD_STREAM,
	.open = open_unix,
	APPLOG_OPS,
};
