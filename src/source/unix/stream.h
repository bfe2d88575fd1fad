/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.h - services' stdout and stderr: bytes written to journald's stream socket become lines, as journald makes
 * them (systemd 252, src/journal/journald-stream.c). A stream begins with seven lines that say what it is, or is
 * met midway, when nothing of that is known. What is appended to files becomes lines in the same way.
 */
#ifndef LOGVISOR_SOURCE_UNIX_STREAM_H
#define LOGVISOR_SOURCE_UNIX_STREAM_H

#include "source/sender/outbox.h"

#define STREAM_LINE_MAX 49152 /* journald.conf(5), LineMax= */
#define STREAMS_MAX 4096
#define STREAM_BYTES_MAX (8U << 20) /* of lines begun, in all */
#define STREAM_BUCKETS 256

struct stream;

struct streams {
	struct outbox *out;
	bool plain; /* files' bytes: no first lines, nothing in a line says what it is worth, and NUL ends none */
	struct stream *bucket[STREAM_BUCKETS];
	struct stream *newest, *oldest; /* by the last bytes that came */
	unsigned n;
	size_t bytes;
};

void streams_init(struct streams *s, struct outbox *out);
/* For what is appended to files; a file's inode is its `sock`. */
void streams_init_plain(struct streams *s, struct outbox *out);
/* The stream whose other end is @sock ends: what was begun of a line is put. */
void streams_close(struct streams *s, uint64_t sock);
/* Put lines to which nothing was added for a minute: where a stream ended may not be known. */
void streams_idle(struct streams *s, int64_t now_us);
/* What was begun of all of them, which go on, if bytes come, as if nothing had been. */
void streams_end(struct streams *s);
void streams_free(struct streams *s);

/*
 * Bytes that were written to the stream whose other end is m->copy->sock: m->text, with all else as the lines
 * have it.
 */
void streams_take(struct streams *s, const struct outbox_message *m);

#endif
