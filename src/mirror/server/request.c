/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.c - one request: which of the mirror's paths it is, may this client, and the answer. A log that it may not
 * see is answered like one that is not there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "mirror/server/impl.h"
#include "util/clock.h"

enum kind { CHECKPOINT, ENTRIES };

/* A POST, while its body comes. */
struct request {
	enum kind kind;
	struct peer *peer;
	struct entries_request *entries;
	char *body;               /* of add-checkpoint */
	size_t n;
	uint64_t sent;            /* bytes of either */
};

#define LINE "text/plain; charset=utf-8"

/* Queue @r, whatever it is, which is ours no more. */
static enum MHD_Result queue(struct server *s, struct MHD_Connection *c, int status, struct MHD_Response *r)
{
	enum MHD_Result x;

	if (!r)
		return MHD_NO;
	if (status >= 400)
		atomic_fetch_add(&s->count[status < 500 ? COUNT_CLIENT_ERRORS : COUNT_SERVER_ERRORS], 1);
	if (status == 503)
		mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "2");
	x = mhd.MHD_queue_response(c, (unsigned)status, r);
	mhd.MHD_destroy_response(r);
	return x;
}

static enum MHD_Result send_text(struct server *s, struct MHD_Connection *c, int status, const char *type,
	const char *text)
{
	struct MHD_Response *r = mhd.MHD_create_response_from_buffer(strlen(text), (void *)text,
		MHD_RESPMEM_MUST_COPY);

	if (r)
		mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return queue(s, c, status, r);
}

static enum MHD_Result refuse(struct server *s, struct MHD_Connection *c, int status, const char *why)
{
	struct answer a;

	answer_set(&a, status, "%s", why);
	return send_text(s, c, status, LINE, a.body);
}

static enum MHD_Result send_answer(struct server *s, struct MHD_Connection *c, const struct answer *a)
{
	struct MHD_Response *r = mhd.MHD_create_response_from_buffer(strlen(a->body), (void *)a->body,
		MHD_RESPMEM_MUST_COPY);

	if (r) {
		mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type ? a->type : LINE);
		mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_ACCEPT_ENCODING, "gzip");
	}
	return queue(s, c, a->status, r);
}

/* ---- reading ---- */

/* An allocated page. */
static enum MHD_Result send_page(struct server *s, struct MHD_Connection *c, char *text)
{
	struct MHD_Response *r;

	if (!text)
		return refuse(s, c, 503, "out of memory");
	r = mhd.MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (r)
		mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, LINE);
	return queue(s, c, 200, r);
}

static enum MHD_Result send_resource(struct server *s, struct MHD_Connection *c, const struct resource *f)
{
	struct MHD_Response *r = mhd.MHD_create_response_from_fd_at_offset64(f->n, f->fd, f->off);

	if (!r) {
		close(f->fd);
		return MHD_NO;
	}
	mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, f->type);
	mhd.MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL,
		f->fixed ? "private, max-age=31536000, immutable" : "no-cache");
	return queue(s, c, 200, r);
}

/* HASH/PATH, or witness/HASH/checkpoint. */
static enum MHD_Result get_resource(struct server *s, struct MHD_Connection *c, const struct peer *p, const char *url)
{
	bool witness = !strncmp(url, "witness/", 8);
	const char *hash = witness ? url + 8 : url, *path;
	size_t n = strcspn(hash, "/");
	struct entry *t = table_by_hash(s, p, hash, n);
	struct resource f;
	struct answer a;
	struct origin *o = table_log(t, &a);
	int r;

	path = hash[n] ? hash + n + 1 : "";
	if (!o)
		return send_answer(s, c, &a);
	if (witness)
		path = !strcmp(path, "checkpoint") ? "pending" : "";
	else if (!strcmp(path, "pending"))
		path = "";
	r = origin_read(o, path, &f);
	if (r == -ENOENT)
		return refuse(s, c, 404, "nothing is here, or not yet");
	if (r)
		return refuse(s, c, 500, "a file cannot be read");
	return send_resource(s, c, &f);
}

static bool all_open(struct server *s)
{
	bool yes = true;

	pthread_rwlock_rdlock(&s->lock);
	for (size_t i = 0; i < s->n_entries; i++)
		yes = yes && (s->entry[i]->origin || !s->entry[i]->listed || !s->entry[i]->rights.conf.n_keys);
	pthread_rwlock_unlock(&s->lock);
	return yes;
}

static enum MHD_Result get(struct server *s, struct MHD_Connection *c, const struct peer *p, const char *url)
{
	if (!strcmp(url, "logs"))
		return send_page(s, c, pages_logs(s, p));
	if (!strcmp(url, "metrics"))
		return send_page(s, c, pages_metrics(s, p));
	if (!strcmp(url, "healthz"))
		return send_text(s, c, 200, LINE, "ok\n");
	if (!strcmp(url, "readyz") && s->stopping)
		return refuse(s, c, 503, "stopping");
	if (!strcmp(url, "readyz"))
		return all_open(s) ? send_text(s, c, 200, LINE, "ok\n") :
			refuse(s, c, 503, "a log cannot be used; the mirror's own log says which and why");
	return get_resource(s, c, p, url);
}

/* ---- add-checkpoint ---- */

static void add_checkpoint(struct request *q, struct answer *a)
{
	struct wire_checkpoint *w = malloc(sizeof(*w));
	struct server *s = q->peer->server;
	struct origin *o;
	struct err e;

	if (!w) {
		answer_set(a, 503, "out of memory");
		return;
	}
	if (wire_checkpoint_get(q->body, q->n, w, &e)) {
		answer_set(a, 400, "%s", e.text);
	} else {
		o = table_log(table_by_origin(s, q->peer, w->checkpoint.origin), a);
		if (o)
			origin_add_checkpoint(o, w, (uint64_t)(clock_wall_us() / 1000000), a);
	}
	free(w);
}

/* ---- bodies ---- */

static bool header_is(struct MHD_Connection *c, const char *name, const char *value)
{
	const char *is = mhd.MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

	return is && !strcasecmp(is, value);
}

static bool header_longer(struct MHD_Connection *c, uint64_t max)
{
	const char *is = mhd.MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n;

	return is && (!span_digits(span_of(is), &n) || n > max);
}

/* The first call of a POST: is it one that is taken? */
static enum MHD_Result post(struct server *s, struct MHD_Connection *c, struct peer *p, enum kind kind, void **request)
{
	bool coded = mhd.MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_ENCODING) != NULL;
	bool gzip = header_is(c, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	struct request *q;

	if (s->stopping)
		return refuse(s, c, 503, "stopping");
	if (header_longer(c, kind == ENTRIES ? SERVER_BODY : WIRE_CHECKPOINT_MAX))
		return refuse(s, c, 413, kind == ENTRIES ? "too long; send fewer packages in a request (32)" : "too long");
	if (coded && !(gzip && kind == ENTRIES) && !header_is(c, MHD_HTTP_HEADER_CONTENT_ENCODING, "identity"))
		return refuse(s, c, 415, "Content-Encoding: none, or of add-entries gzip");
	if (kind == ENTRIES && !header_is(c, MHD_HTTP_HEADER_CONTENT_TYPE, WIRE_ENTRIES_TYPE))
		return refuse(s, c, 415, "Content-Type: " WIRE_ENTRIES_TYPE " is wanted");
	q = calloc(1, sizeof(*q));
	if (q && kind == ENTRIES)
		q->entries = entries_begin(s, p, gzip);
	if (!q || (kind == ENTRIES && !q->entries)) {
		free(q);
		return refuse(s, c, 503, "out of memory");
	}
	q->kind = kind;
	q->peer = p;
	atomic_fetch_add(&s->active, 1);
	*request = q;
	return MHD_YES;
}

/* More of the body. MHD_NO: cut it off. */
static enum MHD_Result take(struct request *q, const char *data, size_t n)
{
	char *more;

	q->sent += n;
	if (q->kind == ENTRIES) {
		entries_feed(q->entries, data, n);
		return q->sent <= SERVER_BODY ? MHD_YES : MHD_NO;
	}
	if (q->sent > WIRE_CHECKPOINT_MAX)
		return MHD_NO;
	more = realloc(q->body, q->n + n);
	if (!more)
		return MHD_NO;
	q->body = more;
	memcpy(q->body + q->n, data, n);
	q->n += n;
	return MHD_YES;
}

static enum MHD_Result finish(struct server *s, struct MHD_Connection *c, struct request *q)
{
	struct answer a;

	if (q->kind == ENTRIES) {
		entries_end(q->entries, &a);
		q->entries = NULL;
	} else {
		add_checkpoint(q, &a);
	}
	return send_answer(s, c, &a);
}

/* In place of a request without a body, when its head has come: an answer before its end would cost the connection. */
static char no_body;

static enum MHD_Result begin(struct server *s, struct MHD_Connection *c, const char *url, const char *method,
	void **request)
{
	struct peer *p = peer_of(c);

	atomic_fetch_add(&s->count[COUNT_REQUESTS], 1);
	if (!p)
		return refuse(s, c, 403, "no client certificate that has rights");
	peer_busy(p, true);
	if (!strcmp(method, MHD_HTTP_METHOD_POST) && !strcmp(url, "/add-checkpoint"))
		return post(s, c, p, CHECKPOINT, request);
	if (!strcmp(method, MHD_HTTP_METHOD_POST) && !strcmp(url, "/add-entries"))
		return post(s, c, p, ENTRIES, request);
	*request = &no_body;
	return MHD_YES;
}

static enum MHD_Result answer(struct server *s, struct MHD_Connection *c, const char *url, const char *method)
{
	bool reads = !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
	const struct peer *p = peer_of(c);

	if (!p || *url++ != '/')
		return refuse(s, c, 404, "nothing is here");
	if (!strcmp(url, "add-checkpoint") || !strcmp(url, "add-entries"))
		return refuse(s, c, 405, "POST is wanted");
	return reads ? get(s, c, p, url) : refuse(s, c, 405, "GET is wanted");
}

enum MHD_Result request_handle(void *server, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *n, void **request)
{
	enum MHD_Result r;

	(void)version;
	if (!*request)
		return begin(server, c, url, method, request);
	if (!peer_of(c))
		return MHD_NO; /* its rights were taken away meanwhile */
	if (!*n)
		return *request == &no_body ? answer(server, c, url, method) : finish(server, c, *request);
	r = *request == &no_body ? MHD_NO : take(*request, data, *n);
	*n = 0;
	return r;
}

void request_completed(void *server, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode how)
{
	const union MHD_ConnectionInfo *i = mhd.MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct server *s = server;
	struct request *q = *request == &no_body ? NULL : *request;

	(void)how;
	if (i && i->socket_context)
		peer_busy(i->socket_context, false);
	*request = NULL;
	if (!q)
		return;
	atomic_fetch_sub(&s->active, 1);
	if (q->entries)
		entries_abort(q->entries);
	free(q->body);
	free(q);
}
