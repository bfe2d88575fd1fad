/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * entries.c - add-entries as it streams in: unpacked, cut into packages, each stored before the next is read. What
 * is held meanwhile is one package's bytes, and these are counted: over all logs, and over each, so that no client
 * can use up what the others need.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "mirror/server/impl.h"
#include "util/clock.h"

#define UNPACK 32768

struct entries_request {
	struct server *server;
	struct peer *peer;
	bool gzip, unpacked;      /* unpacked: its end was seen */
	z_stream z;
	struct wire_reader reader;
	size_t held;              /* of what is counted, ours */
	struct entry *entry;
	struct upload *upload;
	bool answered;            /* nothing that follows matters any more: */
	struct answer answer;
};

struct entries_request *entries_begin(struct server *s, struct peer *p, bool gzip)
{
	struct entries_request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->server = s;
	q->peer = p;
	q->gzip = gzip;
	/* 16: a gzip header, and no other (zlib.h, inflateInit2()). */
	if (gzip && inflateInit2(&q->z, 16 + MAX_WBITS) != Z_OK) {
		free(q);
		return NULL;
	}
	wire_reader_init(&q->reader);
	return q;
}

static void answer(struct entries_request *q, int status, const char *why)
{
	answer_set(&q->answer, status, "%s", why);
	q->answered = true;
}

/* Count what the reader has allocated. False: it is too much, and the answer is set. */
static bool count(struct entries_request *q)
{
	size_t now = q->reader.cap, more = now - q->held; /* it never shrinks */

	if (!more)
		return true;
	q->held = now;
	if (q->entry)
		atomic_fetch_add(&q->entry->held, more);
	if (atomic_fetch_add(&q->server->held, more) + more <= SERVER_HELD &&
		(!q->entry || q->entry->held <= SERVER_HELD_EACH))
		return true;
	answer(q, 503, "too many unfinished uploads at once; try again");
	return false;
}

static void uncount(struct entries_request *q)
{
	if (q->entry)
		atomic_fetch_sub(&q->entry->held, q->held);
	atomic_fetch_sub(&q->server->held, q->held);
}

static void take_head(struct entries_request *q)
{
	struct entry *t = table_by_origin(q->server, q->peer, q->reader.head.origin);
	struct origin *o = table_log(t, &q->answer);

	q->answered = !o;
	if (!o)
		return;
	q->entry = t;
	atomic_fetch_add(&t->held, q->held);
	q->upload = upload_begin(o, &q->reader.head, &q->answer);
	q->answered = !q->upload;
}

/* Is the log its client's still? Else it is answered like one that is not there. */
static bool allowed(struct entries_request *q)
{
	if (table_lets(q->server, q->entry, q->peer))
		return true;
	table_log(NULL, &q->answer);
	q->answered = true;
	return false;
}

/* What has become whole. */
static void take(struct entries_request *q)
{
	struct err e;
	int x = WIRE_PACKAGE;

	while (!q->answered && (x == WIRE_PACKAGE || x == WIRE_HEAD)) {
		x = wire_next(&q->reader, &e);
		if (x < 0) {
			answer(q, q->upload ? 422 : 400, e.text);
		} else if (x == WIRE_HEAD) {
			take_head(q);
		} else if (x == WIRE_PACKAGE && allowed(q)) {
			peer_busy(q->peer, true);
			q->answered = !upload_package(q->upload, &q->reader.package, &q->answer);
		}
	}
}

static void feed(struct entries_request *q, const void *data, size_t n)
{
	if (q->answered)
		return;
	if (wire_feed(&q->reader, data, n))
		answer(q, 503, "out of memory");
	else if (count(q))
		take(q);
}

static void unpack(struct entries_request *q, const void *data, size_t n)
{
	uint8_t out[UNPACK];
	int r = Z_OK;

	q->z.next_in = (Bytef *)data;
	q->z.avail_in = (uInt)n;
	do {
		q->z.next_out = out;
		q->z.avail_out = sizeof(out);
		r = inflate(&q->z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) {
			answer(q, 400, "the body is not gzip, as its Content-Encoding says");
			return;
		}
		atomic_fetch_add(&q->server->count[COUNT_BYTES_UNPACKED], sizeof(out) - q->z.avail_out);
		feed(q, out, sizeof(out) - q->z.avail_out);
	} while (!q->answered && r == Z_OK && !q->z.avail_out);
	q->unpacked = r == Z_STREAM_END;
}

void entries_feed(struct entries_request *q, const void *data, size_t n)
{
	atomic_fetch_add(&q->server->count[COUNT_BYTES_IN], n);
	if (q->answered || q->unpacked)
		return;
	if (q->gzip)
		unpack(q, data, n);
	else
		feed(q, data, n);
}

static void release(struct entries_request *q)
{
	if (q->upload)
		upload_abort(q->upload);
	if (q->gzip)
		inflateEnd(&q->z);
	uncount(q);
	wire_reader_free(&q->reader);
	free(q);
}

void entries_end(struct entries_request *q, struct answer *a)
{
	if (!q->answered && !q->upload) {
		answer(q, 400, "the request ended before its head did");
	} else if (!q->answered && allowed(q)) {
		upload_end(q->upload, (uint64_t)(clock_wall_us() / 1000000), &q->answer);
		q->upload = NULL;
	}
	*a = q->answer;
	release(q);
}

void entries_abort(struct entries_request *q)
{
	release(q);
}
